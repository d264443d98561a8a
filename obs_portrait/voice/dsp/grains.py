"""Pitch-synchronous overlap-add (TD-PSOLA) with formant shift by reading each grain at another speed.

E. Moulines and F. Charpentier, "Pitch-synchronous waveform processing techniques for text-to-speech synthesis using
diphones", 1990. A grain is about two periods of the input around an analysis mark, windowed and laid down at a
synthesis mark; the marks' spacing is the new pitch, the reading speed moves the spectral envelope.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from obs_portrait.voice.dsp.chance import random_unit
from obs_portrait.voice.dsp.jit import compiled
from obs_portrait.voice.dsp.layout import BLOCK, DELAY, MARKS, OVERLAP, DspState
from obs_portrait.voice.dsp.marks import UNVOICED_STEP, add_mark, ring_place
from obs_portrait.voice.dsp.pitch import period_at
from obs_portrait.voice.dsp.tables import Tables

__all__ = ["lay_grains"]

SHORTEST, LONGEST = 48.0, 1200.0
"""Periods that may leave, in samples: 1000 Hz to 40 Hz."""
RATIO_LOW, RATIO_HIGH = 0.4, 2.5
"""Pitch ratios beyond these sound broken."""
BREATH_STEP = 72.0
"""Samples (1.5 ms) between the grains of breath."""


@compiled
def _lay(
    state: DspState,
    out: NDArray[np.float64],
    at: int,
    part: float,
    mark: int,
    mark_part: float,
    left: float,
    right: float,
    step: float,
    gain: float,
    noise_like: bool,
) -> None:
    """Adds one grain to `out`.

    (at, part): synthesis mark; (mark, mark_part): analysis mark; left, right: half-widths in output samples; step:
    reading speed. Window: Hann, or its root where neighbouring grains do not add in phase (`noise_like`), so that in
    either case a row of grains keeps its loudness.
    """
    ring = state.ring
    origin = ring_place(mark)
    for side in range(2):
        width = left if side == 0 else right
        if width < 1.0:
            continue
        # Rightwards from the mark: offsets 0 - part + 1 … ; leftwards: -part, -part - 1 …
        sign = -1.0 if side == 0 else 1.0
        first = part if side == 0 else 1.0 - part
        count = math.floor(width - first) + 1
        angle = 0.5 * math.pi / width
        turn = 2.0 * math.cos(angle)
        c0, c1 = math.cos(angle * (first - 1.0)), math.cos(angle * first)
        for k in range(count):
            w = c1 if noise_like else c1 * c1
            read = mark_part + sign * (first + k) * step
            whole = math.floor(read)
            f = read - whole
            j = origin + int(whole)
            a, b, c, d = ring[j - 1], ring[j], ring[j + 1], ring[j + 2]
            # 4-point, 3rd-order Hermite
            slope = 0.5 * (c - a)
            cubic = 1.5 * (b - c) + 0.5 * (d - a)
            value = ((cubic * f + (a - b + slope - cubic)) * f + slope) * f + b
            q = at - k if side == 0 else at + 1 + k
            out[q & (OVERLAP - 1)] += gain * w * value
            c0, c1 = c1, turn * c1 - c0


@compiled
def _nearest(state: DspState, at: int) -> int:
    """Index (as a count) of the analysis mark nearest to a position."""
    s = state.scalars[0]
    best = s.marks - 1
    distance = abs(state.mark_at[best & (MARKS - 1)] - at)
    for k in range(2, min(s.marks, MARKS - 8) + 1):
        other = abs(state.mark_at[(s.marks - k) & (MARKS - 1)] - at)
        if other > distance:
            break
        best, distance = s.marks - k, other
    return int(best)


@compiled
def _ratio(state: DspState, tables: Tables, period: float) -> float:
    """Pitch ratio for a sound of this period."""
    if not tables.move_pitch:
        return 1.0
    source = state.scalars[0].source_log2 if math.isnan(tables.source_log2) else tables.source_log2
    target = source if math.isnan(tables.target_log2) else tables.target_log2
    own = math.log2(48000.0 / period)
    ratio = 2.0 ** (target + tables.range * (own - source) - own)
    ratio = min(max(ratio, RATIO_LOW), RATIO_HIGH)
    return float(min(max(ratio, period / LONGEST), period / SHORTEST))


@compiled
def _breathe(state: DspState, tables: Tables, start: int, span: float, m: int, part: float, width: float) -> None:
    """Lays grains of random sign and spacing: the envelope of the vocal tract without its periodicity."""
    place = 0.0
    count = span / BREATH_STEP
    gain = tables.breath / math.sqrt(max(count, 1.0))
    while place < span:
        at = place + BREATH_STEP * (random_unit(state) - 0.5)
        sign = 1.0 if random_unit(state) < 0.5 else -1.0
        at = max(at, 0.0)
        _lay(
            state,
            state.noise,
            start + int(at),
            at - math.floor(at),
            m,
            part,
            width,
            width,
            tables.formant,
            sign * gain,
            False,
        )
        place += BREATH_STEP


@compiled
def _voiced(state: DspState, tables: Tables, count: int, period: float) -> None:
    """Lays the voiced grain at the synthesis mark and moves the mark on by one period of the new pitch."""
    s = state.scalars[0]
    m = count & (MARKS - 1)
    earlier = (count - 1) & (MARKS - 1)
    if state.mark_at[m] + period + 3.0 > s.now and state.mark_period[earlier] > 0.0:
        m = earlier  # a very low voice: the nearest grain has not arrived as a whole, the one before it has
    mark, mark_part = state.mark_at[m], state.mark_part[m]
    ratio = _ratio(state, tables, period)
    alpha = tables.formant
    spacing = period / ratio
    # Never much wider than a period, or the neighbours' pulses add echoes; never much narrower, or valleys open.
    width = period * min(1.0, 1.1 / alpha)
    # It must fit between the sound that leaves next and the sound that came last.
    width = min(width, float(s.synth - (s.now - DELAY)), (s.now - mark - 3.0) / alpha)
    gain = math.sqrt(alpha / ratio)
    if tables.growl > 0.0:
        weak = 1.0 - 0.65 * tables.growl if s.synth_count & 1 else 1.0 + 0.2 * tables.growl
        gain *= weak
        spacing *= 1.0 + 0.07 * tables.growl * (random_unit(state) - 0.5)
    if tables.breath > 0.0:
        _breathe(state, tables, s.synth, spacing, mark, mark_part, width)
        gain *= math.sqrt(1.0 - tables.breath * tables.breath)
    # After noise, the first period must not sound twice: its left flank begins where the noise's last one does.
    left = width if s.synth_voiced else min(width, float(s.synth - s.synth_prev))
    _lay(state, state.voiced, s.synth, s.synth_part, mark, mark_part, left, width, alpha, gain, False)
    s.synth_voiced = 1
    s.synth_prev = s.synth
    s.synth_count += 1
    if not tables.move_pitch and tables.growl == 0.0:
        # The pitch stays: from mark to mark, so that no period is ever laid twice or left out.
        if count == s.marks - 1:
            add_mark(state)
        m = (count + 1) & (MARKS - 1)
        if count + 1 < s.marks and state.mark_period[m] > 0.0:
            s.synth, s.synth_part = state.mark_at[m], state.mark_part[m]
            return
    step = s.synth_part + spacing
    s.synth += int(step)
    s.synth_part = step - math.floor(step)


@compiled
def lay_grains(state: DspState, tables: Tables) -> None:
    """Lays every grain that reaches into the BLOCK samples which are due now."""
    s = state.scalars[0]
    alpha = tables.formant
    due = s.now - DELAY + BLOCK
    while True:
        period = period_at(state, s.synth)
        reach = period * min(1.0, 1.1 / alpha) if period > 0.0 else 1.5 * UNVOICED_STEP
        limit = float(DELAY - BLOCK) / (1.0 + alpha)
        if s.synth - min(reach, limit) - 2.0 >= due:
            return
        ahead = int(0.5 * period) + 1 if period > 0.0 else 1
        while state.mark_at[(s.marks - 1) & (MARKS - 1)] < s.synth + ahead and add_mark(state):
            pass
        count = _nearest(state, s.synth)
        if period > 0.0 and state.mark_period[count & (MARKS - 1)] > 0.0:
            _voiced(state, tables, count, period_at(state, s.synth + int(0.5 * period)) or period)
        else:
            _unvoiced(state, tables, count)


@compiled
def _unvoiced(state: DspState, tables: Tables, count: int) -> None:
    """Lays an unvoiced grain on its own mark, as wide as the way to its neighbours: noise and bursts stay in place."""
    s = state.scalars[0]
    m = count & (MARKS - 1)
    alpha = tables.formant_noise
    if state.mark_at[m] < s.synth:  # from the mark that follows the last grain on
        while state.mark_at[(s.marks - 1) & (MARKS - 1)] < s.synth and add_mark(state):
            pass
        while count < s.marks - 1 and state.mark_at[count & (MARKS - 1)] < s.synth:
            count += 1
        m = count & (MARKS - 1)
    mark = state.mark_at[m]
    after = mark + UNVOICED_STEP
    if count == s.marks - 1 and add_mark(state):
        pass
    if count < s.marks - 1:
        after = state.mark_at[(count + 1) & (MARKS - 1)]
    at = max(mark, s.synth)
    right = float(max(after - at, 16))
    left = min(float(at - s.synth_prev), 2.0 * UNVOICED_STEP)
    right = min(right, 2.0 * UNVOICED_STEP, (s.now - mark - 3.0) / alpha)
    left = min(left, float(at - (s.now - DELAY)))
    rough = abs(alpha - 1.0) > 0.03
    _lay(state, state.voiced, at, 0.0, mark, 0.0, max(left, 1.0), max(right, 1.0), alpha, 1.0, rough)
    s.synth_prev = at
    s.synth_voiced = 0
    s.synth = at + max(int(right), 16)
    s.synth_part = 0.0
