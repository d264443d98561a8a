"""The resampler for devices: exact in blocks, true to pitch, of constant delay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_portrait.media.resample import Resampler

RATES = [(44_100, 48_000), (48_000, 44_100), (16_000, 48_000), (48_000, 16_000), (96_000, 48_000)]


@settings(max_examples=30, deadline=None)
@given(
    rates=st.sampled_from(RATES), cuts=st.lists(st.integers(0, 700), min_size=1, max_size=12), seed=st.integers(0, 99)
)
def test_blocks_of_any_size_give_what_the_whole_gives(rates: tuple[int, int], cuts: list[int], seed: int) -> None:
    signal = np.random.default_rng(seed).standard_normal(sum(cuts)).astype(np.float32)
    whole, streamed = Resampler(*rates), Resampler(*rates)
    at, parts = 0, []
    for cut in cuts:
        parts.append(streamed(signal[at : at + cut]))
        at += cut
    assert np.array_equal(np.concatenate(parts), whole(signal))


@pytest.mark.parametrize("rates", RATES)
def test_a_tone_keeps_its_pitch_level_and_place(rates: tuple[int, int]) -> None:
    start, end = rates
    resampler = Resampler(start, end)
    t = np.arange(start) / start
    out = resampler(np.sin(2 * np.pi * 1000 * t).astype(np.float32))
    u = np.arange(out.size) / end - resampler.delay
    ideal = np.sin(2 * np.pi * 1000 * u)
    middle = slice(out.size // 4, out.size // 2)
    assert np.abs(out[middle] - ideal[middle]).max() < 0.01
    assert out.size == pytest.approx(end, abs=0.02 * end)


def test_the_same_rate_passes_unchanged() -> None:
    signal = np.arange(10, dtype=np.float32)
    assert np.array_equal(Resampler(48_000, 48_000)(signal), signal)
