"""The loop: any host block in, as many samples out, all work on the internal grid of 1 ms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from obs_portrait.voice.dsp.dynamics import gate, keep_loudness, limit
from obs_portrait.voice.dsp.effects import equalise, robot, shimmer
from obs_portrait.voice.dsp.grains import lay_grains
from obs_portrait.voice.dsp.hall import reverberate
from obs_portrait.voice.dsp.intake import take_in
from obs_portrait.voice.dsp.jit import cached, compiled, fingerprint
from obs_portrait.voice.dsp.layout import BLOCK, DELAY, FRAME, OVERLAP, DspState
from obs_portrait.voice.dsp.pitch import track
from obs_portrait.voice.dsp.tables import Tables

__all__ = ["run"]


@compiled
def _collect(state: DspState, tables: Tables, position: int) -> None:
    """Takes the finished samples out of the overlap-add rings into `state.block` and clears their place."""
    s = state.scalars[0]
    for i in range(BLOCK):
        at = (position + i) & (OVERLAP - 1)
        value = state.voiced[at]
        state.voiced[at] = 0.0
        if tables.breath > 0.0:
            breath = state.noise[at]
            state.noise[at] = 0.0
            value += 1.4 * (breath - 0.85 * s.noise_x1)  # breath has less bass than the voice
            s.noise_x1 = breath
        state.block[i] = value if position + i >= 0 else 0.0


@compiled
def _step(state: DspState, tables: Tables) -> None:
    """One internal block: from `state.pending` to `state.ready`."""
    take_in(state, tables)
    now = state.scalars[0].now
    if now % FRAME == 0:
        track(state, tables)
    lay_grains(state, tables)
    position = now - DELAY
    _collect(state, tables, position)
    keep_loudness(state, position)
    gate(state, tables)
    equalise(state, tables)
    if tables.robot > 0.0:
        robot(state, tables, position)
    if tables.shimmer > 0.0:
        shimmer(state, tables, position)
    if tables.hall_wet > 0.0:
        reverberate(state, tables, position)
    limit(state, tables)


def _build(sources: str) -> Callable[[DspState, Tables, NDArray[np.float32]], None]:
    @cached
    def run(state: DspState, tables: Tables, samples: NDArray[np.float32]) -> None:
        """Converts (n,) float32 `samples` in place."""
        _ = sources  # part of the cache's key
        s = state.scalars[0]
        fill = s.fill
        for i in range(samples.size):
            x = samples[i]
            state.pending[fill] = min(max(x, -1.0), 1.0) if not math.isnan(x) else 0.0
            samples[i] = state.ready[fill]
            fill += 1
            if fill == BLOCK:
                fill = 0
                _step(state, tables)
        s.fill = fill

    return run


run = _build(fingerprint())
