"""Analysis marks: one in each glottal period, at the same place of the wave, and a loose grid where there is no pitch.

A mark is set as late as possible (when a grain asks for it), so that it rests on the newest pitch estimates.
"""

from __future__ import annotations

import math

from obs_portrait.voice.dsp.chance import random_unit
from obs_portrait.voice.dsp.jit import compiled, summing
from obs_portrait.voice.dsp.layout import MARKS, RING, DspState
from obs_portrait.voice.dsp.pitch import period_at

__all__ = ["UNVOICED_STEP", "add_mark", "ring_place"]

UNVOICED_STEP = 144
"""Samples between unvoiced marks (3 ms), give or take 40%."""
PULSE = 0.16
"""Half the share of a period that counts as the glottal pulse."""
PULL = 0.5
"""How much a mark is drawn to the pulse. Only about the pulse are the harmonics in phase, so that between two of them
the grain's spectrum runs on smoothly; elsewhere it has holes, and a new pitch falls into them."""
SEARCH = 0.12
"""A mark may lie this share of a period beside where it is expected."""


@summing
def _likeness(state: DspState, a: int, b: int, half: int) -> float:
    """Normalised correlation of the sound around ring places `a` and `b`."""
    ring = state.ring
    ab, aa, bb = 0.0, 1e-9, 1e-9
    for i in range(-half, half):
        ab += ring[a + i] * ring[b + i]
        aa += ring[a + i] * ring[a + i]
        bb += ring[b + i] * ring[b + i]
    return ab / math.sqrt(aa * bb)


@compiled
def ring_place(position: int) -> int:
    """A place in the doubled ring with at least RING / 4 valid samples on both sides."""
    place = position & (RING - 1)
    return place + RING if place < RING // 4 else place


@compiled
def _loudest(state: DspState, start: int, stop: int, reach: int) -> int:
    """The middle of the `2 * reach` samples with most energy, its position in [start, stop)."""
    base = ring_place(start)
    energy = 0.0
    for i in range(-reach, reach):
        energy += state.ring[base + i] ** 2
    best, found = energy, start
    for k in range(1, stop - start):
        energy += state.ring[base + k + reach - 1] ** 2 - state.ring[base + k - reach - 1] ** 2
        if energy > best:
            best, found = energy, start + k
    return found


@compiled
def add_mark(state: DspState) -> bool:
    """Sets the mark after the last one if the sound that it needs has arrived; says whether it did."""
    s = state.scalars[0]
    last = (s.marks - 1) & (MARKS - 1)
    new = s.marks & (MARKS - 1)
    at, part, old = state.mark_at[last], state.mark_part[last], state.mark_period[last]
    ahead = old if old > 0.0 else float(UNVOICED_STEP)
    period = period_at(state, at + int(0.5 * ahead if old > 0.0 else ahead))
    if period == 0.0:
        if at + 3 * UNVOICED_STEP > s.now:
            return False
        step = UNVOICED_STEP + int(0.8 * UNVOICED_STEP * (random_unit(state) - 0.5))
        state.mark_at[new], state.mark_part[new], state.mark_period[new] = at + step, 0.0, 0.0
        s.marks += 1
        return True

    whole = int(period)
    if old == 0.0:  # onset: begin on the loudest spot of the first period
        reach = max(whole // 8, 4)
        if at + UNVOICED_STEP // 2 + 2 * whole + reach > s.now:
            return False
        begin = at + UNVOICED_STEP // 2
        state.mark_at[new] = _loudest(state, begin, begin + whole, reach)
        state.mark_part[new], state.mark_period[new] = 0.0, period
        s.marks += 1
        return True

    exact = part + period
    expected = at + int(exact)
    half = whole // 2
    search = int(SEARCH * period)
    if expected + search + half + 2 > s.now:
        return False
    anchor = ring_place(at)
    base = anchor + (expected - at)
    reach = max(int(PULSE * period), 4)
    first = base - search
    near, all_of = 0.0, 1e-9
    for i in range(-half, half):
        all_of += state.ring[base + i] ** 2
    for i in range(-reach, reach):
        near += state.ring[first - 1 + i] ** 2
    best, shift, left, right = -2.0, 0, 0.0, 0.0
    previous = -2.0
    for d in range(-search, search + 1):
        near += state.ring[base + d + reach - 1] ** 2 - state.ring[base + d - reach - 1] ** 2
        value = _likeness(state, anchor, base + d, half) - 0.5 * (d / period) ** 2 + PULL * near / all_of
        if value > best:
            best, shift, left, right = value, d, previous, -2.0
        elif d == shift + 1:
            right = value
        previous = value
    state.mark_at[new], state.mark_part[new] = expected, exact - int(exact)
    if best > 0.4:
        fraction = 0.0
        bend = left - 2.0 * best + right
        if left > -2.0 and right > -2.0 and bend < -1e-12:
            fraction = 0.5 * (left - right) / bend
        # likeness compares whole places, so the old mark's fraction comes along
        moved = part + fraction
        low = math.floor(moved)
        state.mark_at[new] = expected + shift + int(low)
        state.mark_part[new] = moved - low
    state.mark_period[new] = period
    s.marks += 1
    return True
