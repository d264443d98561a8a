"""A stone hall: feedback delay network (J.-M. Jot and A. Chaigne, 1991), eight lines, Householder feedback."""

from __future__ import annotations

from obs_portrait.voice.dsp.jit import compiled
from obs_portrait.voice.dsp.layout import BLOCK, ECHO_RING, HALL_LINES, HALL_RING, DspState
from obs_portrait.voice.dsp.tables import Tables

__all__ = ["reverberate"]

PRE_DELAY = 720
"""Samples (15 ms) before the first echo: words stay clear."""
DIFFUSERS = (241, 557)
DIFFUSION = 0.6
DAMPING = 0.45
"""Share of the old value in each line's one-pole low-pass: stone swallows high frequencies first."""
TINY = 1e-25


@compiled
def reverberate(state: DspState, tables: Tables, position: int) -> None:
    """Adds the hall to `state.block`."""
    block, lines, damp, diffuse = state.block, state.hall_lines, state.hall_damp, state.hall_diffuse
    lengths, gains = tables.hall_lengths, tables.hall_gains
    wet, dry = tables.hall_wet, tables.hall_dry
    for i in range(BLOCK):
        at = position + i
        state.hall_in[at & (HALL_RING - 1)] = block[i]
        x = state.hall_in[(at - PRE_DELAY) & (HALL_RING - 1)]
        for k in range(2):  # Schroeder all-passes smear the input
            old = diffuse[k, (at - DIFFUSERS[k]) & (ECHO_RING - 1)]
            mid = x + DIFFUSION * old
            diffuse[k, at & (ECHO_RING - 1)] = mid if abs(mid) > TINY else 0.0
            x = old - DIFFUSION * mid
        total, out, sign = 0.0, 0.0, 1.0
        for k in range(HALL_LINES):
            value = lines[k, (at - lengths[k]) & (HALL_RING - 1)]
            damp[k] += (value - damp[k]) * (1.0 - DAMPING)
            total += damp[k]
            out += sign * damp[k]
            sign = -sign
        total *= 2.0 / HALL_LINES
        for k in range(HALL_LINES):
            value = x + gains[k] * (damp[k] - total)
            lines[k, at & (HALL_RING - 1)] = value if abs(value) > TINY else 0.0
        block[i] = dry * block[i] + wet * out
    for k in range(HALL_LINES):
        if abs(damp[k]) < TINY:
            damp[k] = 0.0
