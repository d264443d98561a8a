"""Colour: equaliser, robot and hologram. All causal, the direct sound is never delayed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from obs_portrait.voice.dsp.jit import compiled
from obs_portrait.voice.dsp.layout import BLOCK, ECHO_RING, DspState
from obs_portrait.voice.dsp.tables import Tables

__all__ = ["equalise", "robot", "shimmer"]

TINY = 1e-30


@compiled
def equalise(state: DspState, tables: Tables) -> None:
    """The bands, second-order sections in transposed direct form II: minimum phase, so no delay to speak of."""
    block = state.block
    for n in range(tables.sections.shape[0]):
        b0, b1, b2 = tables.sections[n, 0], tables.sections[n, 1], tables.sections[n, 2]
        a1, a2 = tables.sections[n, 3], tables.sections[n, 4]
        z1, z2 = state.bands[n, 0], state.bands[n, 1]
        for i in range(BLOCK):
            x = block[i]
            y = b0 * x + z1
            z1 = b1 * x - a1 * y + z2
            z2 = b2 * x - a2 * y
            block[i] = y
        if abs(z1) + abs(z2) < TINY:
            z1 = z2 = 0.0
        state.bands[n, 0], state.bands[n, 1] = z1, z2


@compiled
def robot(state: DspState, tables: Tables, position: int) -> None:
    """A ring modulator at 50 Hz and two combs (7.1 and 4.7 ms), the resonances of a tin can."""
    s, block, comb = state.scalars[0], state.block, state.comb
    depth = tables.robot
    feedback = 0.55 * depth
    low = s.comb_low
    for i in range(BLOCK):
        at = position + i
        turn = 2.0 * math.pi * (at % 960) / 960.0
        x = block[i] * (1.0 - 0.3 * depth + 0.3 * depth * math.sin(turn))
        echo = 0.6 * comb[(at - 341) & (ECHO_RING - 1)] + 0.4 * comb[(at - 227) & (ECHO_RING - 1)]
        low += (echo - low) * 0.6
        y = x + feedback * low
        comb[at & (ECHO_RING - 1)] = y if abs(y) > TINY else 0.0
        block[i] = (1.0 + 0.25 * depth) * y
    s.comb_low = low if abs(low) > TINY else 0.0


@compiled
def _read(ring: NDArray[np.float64], at: int, delay: float) -> float:
    """Reads `delay` samples before `at`, between samples too."""
    whole = int(delay)
    part = delay - whole
    first, second = ring[(at - whole) & (ECHO_RING - 1)], ring[(at - whole - 1) & (ECHO_RING - 1)]
    return float(first + part * (second - first))


@compiled
def shimmer(state: DspState, tables: Tables, position: int) -> None:
    """Two copies swept between 1 and 11 ms at 0.41 and 0.67 Hz, one of them inverted, and a flutter at 11 Hz."""
    block, echo = state.block, state.echo
    depth = tables.shimmer
    # The sweeps' periods are whole numbers of samples, so that their phase is exact at any position.
    start1 = math.sin(2.0 * math.pi * (position % 117_072) / 117_072.0)
    stop1 = math.sin(2.0 * math.pi * ((position + BLOCK) % 117_072) / 117_072.0)
    start2 = math.sin(2.0 * math.pi * (position % 71_664) / 71_664.0)
    stop2 = math.sin(2.0 * math.pi * ((position + BLOCK) % 71_664) / 71_664.0)
    for i in range(BLOCK):
        at = position + i
        share = i / BLOCK
        echo[at & (ECHO_RING - 1)] = block[i]
        delay1 = 288.0 + 230.0 * (start1 + share * (stop1 - start1))
        delay2 = 180.0 + 120.0 * (start2 + share * (stop2 - start2))
        wet = _read(echo, at, delay1) - 0.8 * _read(echo, at, delay2)
        flutter = 1.0 - 0.25 * depth * (0.5 + 0.5 * math.sin(2.0 * math.pi * (at % 4368) / 4368.0))
        block[i] = (block[i] + 0.6 * depth * wet) * flutter / (1.0 + 0.12 * depth)
