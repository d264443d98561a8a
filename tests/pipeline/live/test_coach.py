"""Calibration and search in a live show, with drawn faces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from obs_portrait.face.types import Observation
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.live.coach import Coach
from tests.face.drawn import face, observation, points

STEP = 40_000_000
PICTURE = face(points())


class Pipeline:
    """Remembers the references that it was given."""

    def __init__(self) -> None:
        self.references: list[tuple[Observation, CameraFrame | None]] = []

    def set_reference(self, reference: Observation, frame: CameraFrame | None = None) -> None:
        self.references.append((reference, frame))


class Show:
    """A coach, what it says, and a driver whose clock goes on."""

    def __init__(self) -> None:
        self.pipeline = Pipeline()
        self.told: list[tuple[str, bool]] = []
        self.figures: list[tuple[float, float]] = []
        self.kept: list[Observation] = []
        self.ratings: list[tuple[float, str | None]] = []
        self.coach = Coach(
            self.pipeline,  # type: ignore[arg-type]
            told=lambda text, problem: self.told.append((text, problem)),
            figures=lambda current, best: self.figures.append((current, best)),
            kept=self.kept.append,
            rated=lambda score, advice: self.ratings.append((score, advice)),
        )
        self.now = 0

    def see(self, seconds: float, seen: bool = True, width: int = 256, **changes: Any) -> None:
        for _ in range(round(seconds * 25)):
            self.now += STEP
            found = replace(observation(points(), **changes), captured_ns=self.now, width=width) if seen else None
            self.coach.see(found, PICTURE, self.now)


@pytest.fixture
def show() -> Show:
    return Show()


def test_a_calm_second_becomes_the_reference_with_its_picture(show: Show) -> None:
    show.coach.calibrate()
    show.see(0.6)
    assert show.kept == []
    show.see(0.6)
    (reference,) = show.kept
    ((given, frame),) = show.pipeline.references
    assert given is reference and frame is not None and frame.captured_ns == reference.captured_ns
    assert show.told == [("Calibrated: your face of this moment is the neutral one.", False)]


def test_who_looks_away_is_told_why_once(show: Show) -> None:
    show.coach.calibrate()
    show.see(6, angles=(40, 0, 0))
    assert show.kept == [] and len(show.told) == 1
    text, problem = show.told[0]
    assert problem and "turned by 40" in text
    show.see(2, angles=(0, 30, 0))
    assert "looks up" in show.told[-1][0]


def test_nobody_in_view_is_rated_and_told(show: Show) -> None:
    show.coach.calibrate()
    show.see(4, seen=False)
    assert set(show.ratings) == {(0.0, "No face is in view: move into the picture and see to more light.")}
    assert 14 <= len(show.ratings) <= 17  # four times a second
    assert show.told[-1][1] and "No face" in show.told[-1][0]


def test_another_camera_gives_up_what_had_begun_and_does_not_look_at_the_last_old_picture(show: Show) -> None:
    show.coach.calibrate()
    show.see(0.9)
    show.coach.forget()
    show.see(2)
    assert show.kept == [], "the calibration was of the camera before"
    show.coach.forget()
    show.coach.calibrate()
    old = show.now + STEP
    show.see(3)
    assert len(show.kept) == 1 and show.kept[0].captured_ns > old


def test_a_kept_reference_holds_unless_the_picture_has_another_size(show: Show) -> None:
    show.coach.refer(observation(points()))
    show.see(3)
    assert len(show.pipeline.references) == 1 and show.kept == []
    show.coach.refer(observation(points()))
    show.see(3, width=640)
    assert len(show.kept) == 1 and show.kept[0].width == 640


def test_a_head_that_has_moved_away_is_told_and_its_return_too(show: Show) -> None:
    show.coach.refer(observation(points()))
    show.see(90, angles=(30, 0, 0))
    assert [problem for _, problem in show.told] == [True] and "recalibrate" in show.told[0][0]
    show.see(120)
    assert [problem for _, problem in show.told] == [True, False]


def test_what_was_said_of_a_reference_ends_with_it(show: Show) -> None:
    """A persona with a reference of its own, or another camera: nobody would take the sentence back else."""
    show.coach.refer(observation(points()))
    show.see(90, angles=(30, 0, 0))
    show.coach.refer(observation(points(), angles=(30, 0, 0)))
    assert [problem for _, problem in show.told] == [True, False]
    show.see(2, angles=(30, 0, 0))
    assert len(show.told) == 2
    show.see(120)
    assert [problem for _, problem in show.told[2:]] == [True]
    show.coach.forget()
    assert show.told[-1][1] is False


def test_an_error_is_told_and_stops_nothing(show: Show) -> None:
    def fails(reference: Observation, frame: CameraFrame | None = None) -> None:
        raise RuntimeError("no room")

    show.pipeline.set_reference = fails  # type: ignore[method-assign]
    show.coach.calibrate()
    show.see(2)
    assert show.told == [("The reference stays as it is (RuntimeError: no room).", True)]
    assert np.isfinite([score for score, _ in show.ratings]).all()
