"""A head that has moved away for good is told once, one that looks about is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from obs_portrait.face.drift import DriftWatch
from obs_portrait.face.types import Observation

PERIOD = 1_000_000_000 // 30


def _seen(at: int, yaw: float = 0.0, shift: float = 0.0, scale: float = 1.0) -> Observation:
    angle = np.radians(yaw)
    pose = np.eye(4, dtype=np.float32)
    pose[0, 0] = pose[2, 2] = np.cos(angle)
    pose[0, 2], pose[2, 0] = np.sin(angle), -np.sin(angle)
    unit = np.random.default_rng(2).uniform(-1, 1, (478, 3)).astype(np.float32)
    points = 50 * np.float32(scale) * unit + np.float32(200 + shift)
    return Observation(points, np.zeros(52, np.float32), pose, 1.0, 640, 480, at)


def _told(watch: DriftWatch, seconds: float, how: dict[str, float], begin: int = 0) -> list[str]:
    first = _seen(0, **how)  # type: ignore[arg-type]
    frames = (replace(first, captured_ns=begin + n * PERIOD) for n in range(int(seconds * 30)))
    return [said for frame in frames if (said := watch.feed(frame)) is not None]


@pytest.mark.parametrize(
    ("how", "words"), [({"yaw": 25.0}, "turned by"), ({"shift": 90.0}, "another place"), ({"scale": 1.7}, "nearer"),
                       ({"scale": 0.5}, "farther away")],
)  # fmt: skip
def test_a_head_that_stays_away_is_told_once_and_its_return_once(how: dict[str, float], words: str) -> None:
    watch = DriftWatch(_seen(0))
    said = _told(watch, 120, how)
    assert len(said) == 1
    assert words in said[0]
    assert "recalibrate" in said[0]
    assert watch.away
    assert _told(watch, 200, {}, 200_000_000_000) == [""]
    assert not watch.away


def test_a_head_that_looks_about_is_not() -> None:
    watch = DriftWatch(_seen(0))
    at = 0
    for yaw in (35.0, -35.0) * 20:
        assert _told(watch, 5, {"yaw": yaw}, at) == []
        at += 5_000_000_000


def test_a_long_pause_counts_for_nothing() -> None:
    watch = DriftWatch(_seen(0))
    watch.feed(_seen(0))
    assert watch.feed(_seen(3_600_000_000_000, yaw=40.0)) is None


def test_another_reference_goes_on_with_where_the_head_was() -> None:
    """Who switches often between personas with references of their own would never be told else."""
    watch = DriftWatch(_seen(0))
    said: list[str] = []
    for turn in range(24):
        said += _told(watch, 5, {"yaw": 25.0}, turn * 5_000_000_000)
        watch = watch.since(_seen(0, yaw=float(turn % 2)))
    assert said and "turned by" in said[0]
    assert not watch.since(_seen(0)).away  # of this one nothing has been said


def test_pictures_of_another_size_are_another_place() -> None:
    watch = DriftWatch(_seen(0))
    _told(watch, 20, {"shift": 90.0})
    assert _told(watch.since(replace(_seen(0), width=1280, height=960)), 2, {}) == []
