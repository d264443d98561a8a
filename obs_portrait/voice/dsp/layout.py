"""Constants and the state of the converter: one explicit object, everything in it allocated before the stream starts.

Positions are counted in samples since the start of the stream, as int64 (plus a fraction in [0, 1) where a mark lies
between samples). Ring buffers hold powers of two, so that a position finds its place with a mask for ever: nothing
grows coarser after hours, as a float counter would.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLOCK",
    "DELAY",
    "FRAME",
    "LAG_MAX",
    "LAG_MIN",
    "LATENCY",
    "MARKS",
    "PERIODS",
    "RATE",
    "RING",
    "RING_LOW",
    "DspState",
    "new_state",
]

RATE: Final = 48_000
BLOCK: Final = 48
"""The internal grid, 1 ms: all decisions fall on it, whatever blocks the host sends."""
DELAY: Final = 1392
"""Samples (29 ms) between a block's arrival and its place in the overlap-add being complete.

A grain of half-width h, read at step alpha, needs h samples of look-ahead and begins h / alpha samples before its mark,
so the longest full half-width is (DELAY - BLOCK) / (1 + 1 / alpha): 14 ms, or two periods at 71 Hz, for alpha = 1."""
LATENCY: Final = DELAY + BLOCK
"""Total constant delay in samples (30 ms): grains (the filling of the grid is part of it) and one block of look-ahead
for the limiter. It does not depend on the settings, so that sound and picture stay aligned when the persona changes."""

RING: Final = 8192
"""Length of the 48 kHz input ring; every sample is stored twice, so that any window is contiguous."""
RING_LOW: Final = 1024
"""The same for the 12 kHz signal that the pitch tracker listens to."""
OVERLAP: Final = 8192
"""Length of the overlap-add rings."""
FRAME: Final = 240
"""Samples between two pitch estimates (5 ms)."""
LAG_MIN: Final = 20
"""Shortest period in 12 kHz samples (600 Hz)."""
LAG_MAX: Final = 200
"""Longest period in 12 kHz samples (60 Hz)."""
CANDIDATES: Final = 7
"""Hypotheses in each pitch frame; number 0 is "unvoiced"."""
PERIODS: Final = 64
"""Pitch frames remembered (320 ms)."""
MARKS: Final = 128
"""Analysis marks remembered."""
BINS: Final = 420
"""Histogram of log2 f0 from 50 Hz on, 10 cents a bin."""

HALL_LINES: Final = 8
HALL_RING: Final = 8192
ECHO_RING: Final = 2048

_SCALARS = np.dtype(
    [
        ("now", np.int64),  # samples that have arrived on the grid
        ("fill", np.int64),  # samples waiting for the next grid block
        ("frames", np.int64),  # pitch frames done
        ("marks", np.int64),  # analysis marks done
        ("synth", np.int64),  # next synthesis mark, whole samples …
        ("synth_part", np.float64),  # … and fraction
        ("synth_prev", np.int64),  # previous synthesis mark (whole samples are enough for a window's flank)
        ("synth_voiced", np.int64),  # whether a voiced grain lies there
        ("synth_count", np.int64),
        ("random", np.uint64),
        ("source_log2", np.float64),  # running median of log2 f0 of the speaker
        ("heard", np.int64),  # voiced frames so far
        ("weight", np.float64),  # weight of the next observation in the histogram
        ("hp_x1", np.float64),
        ("hp_x2", np.float64),
        ("hp_y1", np.float64),
        ("hp_y2", np.float64),
        ("noise_x1", np.float64),
        ("level", np.float64),  # smoothed power at the input
        ("power_in", np.float64),  # averages that keep the loudness
        ("power_out", np.float64),
        ("loudness", np.float64),  # gain at the end of the last block
        ("gate", np.float64),  # gain of the gate at the end of the last block
        ("gate_open", np.int64),  # blocks for which the gate still stays open
        ("limit_need", np.float64),  # gain that the block in the limiter needs
        ("limit_gain", np.float64),  # gain at its beginning
        ("comb_low", np.float64),
    ]
)


class DspState(NamedTuple):
    """Everything that lives from block to block. Rings marked "twice" store each sample at i and i + length."""

    scalars: NDArray[Any]  # (1,) record
    pending: NDArray[np.float64]  # (BLOCK,) input waiting for the grid
    ready: NDArray[np.float32]  # (BLOCK,) output of the last grid block
    block: NDArray[np.float64]  # (BLOCK,) work space
    delayed: NDArray[np.float64]  # (BLOCK,) the block in the limiter
    ring: NDArray[np.float64]  # (2 * RING,) twice: input at 48 kHz
    low: NDArray[np.float64]  # (2 * RING_LOW,) twice: input at 12 kHz
    correlation: NDArray[np.float64]  # (LAG_MAX + 2,) work space of the pitch tracker
    lags: NDArray[np.float64]  # (PERIODS, CANDIDATES) hypotheses, periods in 12 kHz samples, 0 = unvoiced
    back: NDArray[np.int64]  # (PERIODS, CANDIDATES) best predecessor
    cost: NDArray[np.float64]  # (2, CANDIDATES) accumulated cost, last and current frame
    periods: NDArray[np.float64]  # (PERIODS,) decided period in 48 kHz samples, 0 = unvoiced
    histogram: NDArray[np.float64]  # (BINS,) of log2 f0
    mark_at: NDArray[np.int64]  # (MARKS,) analysis marks, whole samples …
    mark_part: NDArray[np.float64]  # (MARKS,) … and fraction
    mark_period: NDArray[np.float64]  # (MARKS,) period at the mark in samples, 0 = unvoiced
    voiced: NDArray[np.float64]  # (OVERLAP,) overlap-add of the grains
    noise: NDArray[np.float64]  # (OVERLAP,) overlap-add of the breath grains
    bands: NDArray[np.float64]  # (8, 2) state of the equaliser's sections
    comb: NDArray[np.float64]  # (ECHO_RING,)
    echo: NDArray[np.float64]  # (ECHO_RING,)
    hall_in: NDArray[np.float64]  # (HALL_RING,) pre-delay
    hall_diffuse: NDArray[np.float64]  # (2, ECHO_RING)
    hall_lines: NDArray[np.float64]  # (HALL_LINES, HALL_RING)
    hall_damp: NDArray[np.float64]  # (HALL_LINES,)


def _prior() -> NDArray[np.float64]:
    """What is believed of a speaker's median before a word is heard: 150 Hz give or take six semitones, with the
    weight of ten frames (50 ms), so that the first syllable already outweighs it."""
    octave = np.log2(50.0) + (np.arange(BINS) + 0.5) / 120.0
    bell = np.exp(-0.5 * ((octave - np.log2(150.0)) / 0.5) ** 2)
    return np.asarray(10.0 * bell / bell.sum())


def new_state() -> DspState:
    """The state at the start of a stream: silence before, nothing known of the speaker."""
    scalars = np.zeros(1, _SCALARS)
    scalars["random"] = 0x9E3779B97F4A7C15
    scalars["source_log2"] = np.log2(150.0)
    scalars["weight"] = 1.0
    scalars["loudness"] = 1.0
    scalars["limit_need"] = 1.0
    scalars["limit_gain"] = 1.0
    scalars["marks"] = 1  # one unvoiced mark at position 0, so that there always is a last one
    return DspState(
        scalars=scalars,
        pending=np.zeros(BLOCK),
        ready=np.zeros(BLOCK, np.float32),
        block=np.zeros(BLOCK),
        delayed=np.zeros(BLOCK),
        ring=np.zeros(2 * RING),
        low=np.zeros(2 * RING_LOW),
        correlation=np.zeros(LAG_MAX + 2),
        lags=np.zeros((PERIODS, CANDIDATES)),
        back=np.zeros((PERIODS, CANDIDATES), np.int64),
        cost=np.zeros((2, CANDIDATES)),
        periods=np.zeros(PERIODS),
        histogram=_prior(),
        mark_at=np.zeros(MARKS, np.int64),
        mark_part=np.zeros(MARKS),
        mark_period=np.zeros(MARKS),
        voiced=np.zeros(OVERLAP),
        noise=np.zeros(OVERLAP),
        bands=np.zeros((8, 2)),
        comb=np.zeros(ECHO_RING),
        echo=np.zeros(ECHO_RING),
        hall_in=np.zeros(HALL_RING),
        hall_diffuse=np.zeros((2, ECHO_RING)),
        hall_lines=np.zeros((HALL_LINES, HALL_RING)),
        hall_damp=np.zeros(HALL_LINES),
    )
