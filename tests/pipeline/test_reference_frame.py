"""Engines that measure motion in pixels are shown the picture in which the reference was seen; nobody else is."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from obs_portrait.face import calibration
from obs_portrait.face.types import Observation
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.face_pipeline import FacePipeline
from obs_portrait.pipeline.live.coach import Coach
from tests.pipeline.doubles import BlockEngine, GreedyEngine, StubTracker, blocks, face, observation

STEP = 40_000_000


class Shown(GreedyEngine):
    """Notes in which order pictures and references come."""

    def __init__(self, seed: int = 500) -> None:
        super().__init__(seed)
        self.told: list[Any] = []

    def show_reference(self, frame: CameraFrame) -> None:
        assert not frame.image.flags.writeable
        self.told.append(frame)

    def set_reference(self, reference: Observation | None) -> None:
        self.told.append(reference)


def camera(index: int) -> CameraFrame:
    return CameraFrame(blocks(index % 5, 64, 96), index * STEP, index)


def test_the_first_face_is_the_reference_and_its_picture_is_shown() -> None:
    engine = Shown()
    pipeline = FacePipeline(face(engine), StubTracker)
    pipeline.process(camera(3))
    pipeline.process(camera(4))
    picture, reference = engine.told
    assert np.array_equal(picture.image, camera(3).image)
    assert reference.captured_ns == picture.captured_ns == 3 * STEP


def test_the_next_persona_is_shown_the_same_reference() -> None:
    first, second = Shown(), Shown(700)
    pipeline = FacePipeline(face(first), StubTracker)
    pipeline.set_reference(observation(STEP), camera(1))
    pipeline.process(camera(2))
    pipeline.switch(face(second, "bob"))
    pipeline.process(camera(3))
    for engine in (first, second):
        assert [one.captured_ns for one in engine.told] == [STEP, STEP]
    assert np.array_equal(second.told[0].image, camera(1).image)


def test_without_a_picture_only_the_numbers_come() -> None:
    engine = Shown()
    pipeline = FacePipeline(face(engine), StubTracker)
    pipeline.set_reference(observation(STEP))
    pipeline.process(camera(2))
    assert [type(one) for one in engine.told] == [Observation]


def test_an_engine_that_asks_for_no_pixels_is_shown_none(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = BlockEngine()
    monkeypatch.setattr(engine, "show_reference", lambda frame: pytest.fail("pixels"), raising=False)
    pipeline = FacePipeline(face(engine), StubTracker)
    pipeline.set_reference(observation(STEP), camera(1))
    pipeline.process(camera(2))
    assert len(engine.references) == 1


def test_calibration_hands_over_the_picture_of_the_frame_that_it_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    """The best of a second is not the last of it."""
    scores = {7: 0.9}

    def rate(seen: Observation, image: np.ndarray | None = None) -> Any:
        class Rating:
            score = scores.get(seen.captured_ns // STEP, 0.5)
            advice = ""

        return Rating()

    monkeypatch.setattr(calibration, "assess", rate)
    engine = Shown()
    pipeline = FacePipeline(face(engine), StubTracker)
    kept: list[Observation] = []
    coach = Coach(pipeline, lambda text, problem: None, lambda current, best: None, kept.append)
    coach.calibrate()
    for index in range(1, int(Fraction(1_200_000_000, STEP))):
        pipeline.process(camera(index))
        coach.see(pipeline.observation, camera(index).image, index * STEP)
    assert [one.captured_ns for one in kept] == [7 * STEP]
    assert [one.captured_ns for one in engine.told[-2:]] == [7 * STEP, 7 * STEP]
    assert np.array_equal(engine.told[-2].image, camera(7).image)
