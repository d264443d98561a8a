"""Chance that is part of the state: the same stream always meets the same."""

from __future__ import annotations

from obs_portrait.voice.dsp.jit import compiled
from obs_portrait.voice.dsp.layout import DspState

__all__ = ["random_unit"]


@compiled
def random_unit(state: DspState) -> float:
    """Next number in [0, 1) of a 64-bit congruential generator (Knuth's MMIX constants)."""
    s = state.scalars[0]
    s.random = s.random * 6364136223846793005 + 1442695040888963407
    return float(s.random >> 40) / 16777216.0
