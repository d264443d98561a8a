"""Pitch (f0) tracker: normalised cross-correlation and a beam of hypotheses, one frame every 5 ms.

NCCF and the dynamic programme over its peaks follow D. Talkin, "A robust algorithm for pitch tracking (RAPT)", 1995;
the octave and transition costs are those of P. Boersma, 1993. What is decided for a frame may be revised by the next
`REVISE` frames; the grains ask for a frame's period only when they need it, so they get the revised one.
"""

from __future__ import annotations

import math

from obs_portrait.voice.dsp.jit import compiled, summing
from obs_portrait.voice.dsp.layout import (
    BINS,
    CANDIDATES,
    FRAME,
    LAG_MAX,
    LAG_MIN,
    PERIODS,
    RING_LOW,
    DspState,
)
from obs_portrait.voice.dsp.tables import Tables

__all__ = ["period_at", "track"]

WINDOW = 192
"""Correlation window in 12 kHz samples (16 ms)."""
REVISE = 3
DECLINATION = 0.19
SETTLED = 230.0
"""A sentence begins above the speaker's median and falls. Over 22 recordings of 10 speakers the median of what was
heard so far was too high by 216, 202, 153, 112, 65 and 23 cents after 0.25, 0.5, 0.75, 1, 1.5 and 2 s of voiced sound;
DECLINATION * exp(-frames / SETTLED) octaves are taken off."""
OCTAVE_COST = 0.05
"""Taken off the correlation per octave of period: a period is as good as its double, prefer the short one."""
JUMP_COST = 0.5
"""Per octave between two frames."""
SWITCH_COST = 0.2
"""Between voiced and unvoiced."""
VOICING = 0.5
"""Correlation from which on a frame counts as voiced."""
FLOOR = 3e-8 * WINDOW
"""Energy added to each window (-75 dB of full scale): silence is unvoiced."""
FORGET = 2.0 ** (1.0 / 4000.0)
"""The histogram halves its memory in 20 s of voiced sound."""


@summing
def _correlate(state: DspState, start: int, out_floor: float) -> None:
    """NCCF of the newest WINDOW samples against those `lag` earlier, for all lags, into `state.correlation`."""
    low, out = state.low, state.correlation
    energy = out_floor
    for i in range(WINDOW):
        energy += low[start + i] * low[start + i]
    past = out_floor
    first = start - (LAG_MIN - 1)
    for i in range(WINDOW):
        past += low[first + i] * low[first + i]
    for lag in range(LAG_MIN - 1, LAG_MAX + 2):
        at = start - lag
        total = 0.0
        for i in range(WINDOW):
            total += low[start + i] * low[at + i]
        out[lag] = total / math.sqrt(energy * max(past, out_floor))
        past += low[at - 1] * low[at - 1] - low[at + WINDOW - 1] * low[at + WINDOW - 1]


@compiled
def _hypotheses(state: DspState, row: int) -> int:
    """Writes the best peaks of the correlation to `state.lags[row]` and minus their worth to `state.cost[1]`."""
    r, lags, cost = state.correlation, state.lags, state.cost
    lags[row, 0] = 0.0
    cost[1, 0] = -VOICING
    found = 1
    for lag in range(LAG_MIN, LAG_MAX + 1):
        if not (r[lag] > 0.3 and r[lag] >= r[lag - 1] and r[lag] > r[lag + 1]):
            continue
        bend = r[lag - 1] - 2.0 * r[lag] + r[lag + 1]
        shift = 0.5 * (r[lag - 1] - r[lag + 1]) / bend if bend < -1e-12 else 0.0
        top = r[lag] - 0.25 * (r[lag - 1] - r[lag + 1]) * shift
        worth = min(top, 1.0) - OCTAVE_COST * math.log2(lag / LAG_MIN)
        place = found
        if found == CANDIDATES:  # full: the worst makes room
            place = 1
            for j in range(2, CANDIDATES):
                if cost[1, j] > cost[1, place]:
                    place = j
            if -cost[1, place] >= worth:
                continue
        else:
            found += 1
        lags[row, place] = lag + shift
        cost[1, place] = -worth
    for j in range(found, CANDIDATES):
        lags[row, j] = -1.0
        cost[1, j] = 1e9
    return found


@compiled
def _advance(state: DspState, row: int, before: int) -> int:
    """One step of the dynamic programme; returns the best hypothesis of the new frame."""
    lags, cost, back = state.lags, state.cost, state.back
    best, best_cost = 0, 1e18
    for j in range(CANDIDATES):
        lag = lags[row, j]
        if lag < 0.0:
            continue
        least, source = 1e18, 0
        for i in range(CANDIDATES):
            old = lags[before, i]
            if old < 0.0:
                continue
            way = cost[0, i]
            if (lag == 0.0) != (old == 0.0):
                way += SWITCH_COST
            elif lag > 0.0:
                way += JUMP_COST * abs(math.log2(lag / old))
            if way < least:
                least, source = way, i
        cost[1, j] += least
        back[row, j] = source
        if cost[1, j] < best_cost:
            best, best_cost = j, cost[1, j]
    for j in range(CANDIDATES):
        cost[0, j] = cost[1, j] - best_cost  # so that costs stay small for ever
    return best


@compiled
def _learn(state: DspState, period: float) -> None:
    """Adds a voiced frame to the histogram of log2 f0 and takes its median, between bins too."""
    s, histogram = state.scalars[0], state.histogram
    place = int((math.log2(48000.0 / period) - math.log2(50.0)) * 120.0)
    histogram[min(max(place, 0), BINS - 1)] += s.weight
    s.weight *= FORGET
    if s.weight > 1e6:
        for i in range(BINS):
            histogram[i] /= s.weight
        s.weight = 1.0
    s.heard += 1
    early = DECLINATION * math.exp(-min(s.heard, 10_000) / SETTLED)
    total = 0.0
    for i in range(BINS):
        total += histogram[i]
    below = 0.0
    for i in range(BINS):
        if below + histogram[i] >= 0.5 * total:
            s.source_log2 = math.log2(50.0) + (i + (0.5 * total - below) / histogram[i]) / 120.0 - early
            break
        below += histogram[i]


@compiled
def track(state: DspState, tables: Tables) -> None:
    """Estimates the frame that ends at `now` (a multiple of FRAME) and revises the ones before it."""
    s = state.scalars[0]
    frame = s.frames
    row, before = frame & (PERIODS - 1), (frame - 1) & (PERIODS - 1)
    start = ((s.now >> 2) - WINDOW) & (RING_LOW - 1)
    if start < LAG_MAX + 2:  # any window is contiguous in the second copy
        start += RING_LOW
    if start + WINDOW > 2 * RING_LOW:
        start -= RING_LOW
    _correlate(state, start, FLOOR)
    _hypotheses(state, row)
    j = _advance(state, row, before)
    s.frames = frame + 1
    at = row
    for k in range(REVISE + 1):
        if frame - k < 0:
            break
        state.periods[at] = 4.0 * state.lags[at, j]
        if k == REVISE and state.periods[at] > 0.0 and math.isnan(tables.source_log2):
            _learn(state, state.periods[at])
        j = state.back[at, j]
        at = (at - 1) & (PERIODS - 1)


@compiled
def period_at(state: DspState, position: int) -> float:
    """Period in samples at an absolute position, 0 where the sound is unvoiced.

    A frame speaks for the middle of its two windows, `16 + 2 * WINDOW + period / 2` samples before its end. Between
    two voiced frames the logarithm is interpolated.
    """
    s, periods = state.scalars[0], state.periods
    if s.frames == 0:
        return 0.0
    newest = s.frames - 1
    oldest = min(newest, PERIODS - 8)  # in frames before the newest, as everything here
    guess = periods[newest & (PERIODS - 1)]
    if guess == 0.0:
        guess = 400.0
    back = ((s.frames * FRAME - position) - 16.0 - 2.0 * WINDOW - 0.5 * guess) / FRAME
    # Once more with the period found there.
    found = periods[(newest - min(max(math.floor(back + 0.5), 0), oldest)) & (PERIODS - 1)]
    if found > 0.0:
        back += 0.5 * (guess - found) / FRAME
    if back <= 0.0:
        return float(periods[newest & (PERIODS - 1)])
    later = math.floor(back)
    if later >= oldest:
        return float(periods[(newest - oldest) & (PERIODS - 1)])
    share = back - later
    first, second = periods[(newest - later - 1) & (PERIODS - 1)], periods[(newest - later) & (PERIODS - 1)]
    if first > 0.0 and second > 0.0 and abs(math.log2(first / second)) < 0.4:
        return float(second * (first / second) ** share)
    return float(first if share > 0.5 else second)
