"""Loudness, gate and limiter. Gains move in straight lines from one internal block to the next: no clicks."""

from __future__ import annotations

import math

from obs_portrait.voice.dsp.jit import compiled
from obs_portrait.voice.dsp.layout import BLOCK, RING, DspState
from obs_portrait.voice.dsp.tables import Tables

__all__ = ["gate", "keep_loudness", "limit"]

LOUDNESS = 1.0 / 300.0
"""Per block."""
QUIET = 1e-7
"""Power (-70 dB) below which the loudness is left alone."""
GATE_OPENING = 0.34
"""Per block of 1 ms: open within 3 ms, which is ahead of the sound, as the level is taken before the grains' delay."""
GATE_CLOSING = 0.96
"""Per block: -60 dB within 170 ms."""
RELEASE = 1.012
"""Per block: the limiter comes back by 6 dB in 58 ms."""


@compiled
def keep_loudness(state: DspState, position: int) -> None:
    """Makes `state.block` as loud as the input was at the same `position`, averaged over 0.3 s.

    A new pitch reads the spectral envelope at other places and so gains or loses up to 5 dB, differently for each
    voice.
    """
    s, block, ring = state.scalars[0], state.block, state.ring
    before, after = 0.0, 0.0
    for i in range(BLOCK):
        before += ring[(position + i) & (RING - 1)] ** 2
        after += block[i] ** 2
    s.power_in += (before / BLOCK - s.power_in) * LOUDNESS
    s.power_out += (after / BLOCK - s.power_out) * LOUDNESS
    begin = s.loudness
    end = min(max(math.sqrt((s.power_in + QUIET) / (s.power_out + QUIET)), 0.5), 2.0)
    for i in range(BLOCK):
        block[i] *= begin + (end - begin) * i / BLOCK
    s.loudness = end


@compiled
def gate(state: DspState, tables: Tables) -> None:
    """Shuts `state.block` off where the input was below the threshold."""
    if tables.gate == 0.0:
        return
    s, block = state.scalars[0], state.block
    begin = s.gate
    end = min(begin + GATE_OPENING, 1.0) if s.gate_open > 0 else begin * GATE_CLOSING
    if end < 1e-4:
        end = 0.0
    for i in range(BLOCK):
        block[i] *= begin + (end - begin) * i / BLOCK
    s.gate = end


@compiled
def limit(state: DspState, tables: Tables) -> None:
    """Writes the block before this one to `state.ready`, no sample beyond the ceiling, and keeps this one.

    The gain runs straight between the blocks' borders; at each border it is the smaller of what the blocks on both
    sides need, so that it is low enough everywhere before a peak comes. Only then a clip, against rounding.
    """
    s, ceiling = state.scalars[0], tables.ceiling
    peak = 0.0
    for i in range(BLOCK):
        value = state.block[i] * tables.gain
        if not -1e9 < value < 1e9:  # a number that is none has no place in a loudspeaker
            value = 0.0
        state.block[i] = value
        peak = max(peak, abs(value))
    need = ceiling / peak if peak > ceiling else 1.0
    begin = s.limit_gain
    end = min(begin * RELEASE, s.limit_need, need, 1.0)
    for i in range(BLOCK):
        value = state.delayed[i] * (begin + (end - begin) * i / BLOCK)
        state.ready[i] = min(max(value, -ceiling), ceiling)
        state.delayed[i] = state.block[i]
    s.limit_gain, s.limit_need = end, need
