"""Percentiles against numpy's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.media.types import Origin
from obs_portrait.pipeline.stats import Distribution, Stats


@given(
    values=st.lists(st.integers(1_000, 10**11), min_size=1, max_size=300),
    percent=st.sampled_from([1.0, 50.0, 95.0, 99.0, 100.0]),
)
def test_percentiles_are_right_within_the_bins(values: list[int], percent: float) -> None:
    found = Distribution()
    for value in values:
        found.add(value)
    exact = np.percentile(values, percent, method="inverted_cdf")
    assert found.percentile(percent) == pytest.approx(exact, rel=0.015)
    assert found.summary()["max_ms"] == max(values) / 1e6
    assert found.summary()["mean_ms"] == pytest.approx(sum(values) / len(values) / 1e6)


def test_odd_durations_are_taken() -> None:
    found = Distribution()
    assert found.percentile(50) == 0.0
    for value in (-5, 0, 10**15):
        found.add(value)
    assert found.count == 3
    found.reset()
    assert found.summary()["count"] == 0


def test_a_stage_that_raises_is_timed_too() -> None:
    stats = Stats()
    with pytest.raises(KeyError), stats.timed("stage"):
        raise KeyError
    assert stats.stages["stage"].count == 1


def test_the_summary_is_json() -> None:
    stats = Stats()
    stats.add("track", 5_000_000)
    stats.origins[Origin.HOLD] += 2
    stats.events["leaks"] += 1
    stats.latency.add(40_000_000)
    for _ in range(100):
        stats.skew(50_000_000, 40_000_000)
    summary = json.loads(json.dumps(stats.summary()))
    assert summary["origins"] == {"hold": 2}
    assert summary["skew_ms"] == pytest.approx(10, rel=0.01)
