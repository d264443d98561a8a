"""Engines of personas that were edited: closed in the end, and never while a picture is still made with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.engine import FaceEngine
from obs_portrait.face.settings import FaceSettings
from obs_portrait.face.types import LANDMARKS, Canvas, Observation, Portrait
from obs_portrait.media.types import CameraFrame, Origin
from obs_portrait.pipeline.guard import Look
from obs_portrait.pipeline.live.wardrobe import StagePipeline, Wardrobe
from obs_portrait.pipeline.prepare import PreparedFace

CANVAS = Canvas(64, 64)


class Closing(FaceEngine):
    name = "test"
    needs_pixels = False

    def __init__(self) -> None:
        self.closed = False

    def prepare(self, portrait: Portrait, settings: FaceSettings, canvas: Canvas) -> None: ...

    def set_reference(self, reference: Observation | None) -> None: ...

    def render(self, observation: Observation, frame: CameraFrame | None = None) -> NDArray[np.uint8]:
        assert not self.closed
        return np.full((64, 64, 3), 90, np.uint8)

    def close(self) -> None:
        self.closed = True


class Tracker:
    def track(self, image: NDArray[np.uint8], captured_ns: int) -> Observation:
        landmarks = np.zeros((LANDMARKS, 3), np.float32)
        return Observation(landmarks, np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 1.0, 64, 64, captured_ns)


def _face(name: str, reveals: bool = False) -> PreparedFace:
    portrait = Portrait(np.zeros((8, 8, 3), np.uint8), np.zeros((LANDMARKS, 3), np.float32))
    return PreparedFace(Look(name, None, reveals), Closing(), portrait, FaceSettings(), CANVAS)


def _closed(face: PreparedFace) -> bool:
    assert isinstance(face.engine, Closing)
    return face.engine.closed


class Stage:
    """The engine's thread, as far as orders and frames go."""

    def __init__(self, *faces: PreparedFace) -> None:
        self.wardrobe = Wardrobe()
        for face in faces:
            self.wardrobe.put(face)
        self.pipeline: Any = StagePipeline(faces[0], Tracker)
        self.orders: list[Any] = []
        self._now = 0

    def switch(self, name: str, at_ns: int) -> None:
        assert self.wardrobe.order(name, lambda face: self.orders.append((face, at_ns)))

    def frame(self, now: int) -> None:
        for face, at_ns in self.orders:
            self.pipeline.switch(face, at_ns)
        self.orders.clear()
        camera = np.random.default_rng(now).integers(0, 255, (64, 64, 3)).astype(np.uint8)
        assert self.pipeline.process(CameraFrame(camera, now, now)).origin is Origin.ENGINE
        for face in self.wardrobe.sort_out(self.pipeline.plays):
            face.close()


def test_who_is_on_stage_and_edited_is_closed_when_the_edit_plays() -> None:
    old, new = _face("ada"), _face("ada")
    stage = Stage(old)
    stage.frame(1)
    stage.wardrobe.put(new)
    for now in range(2, 5):
        stage.frame(now)
    assert not _closed(old)
    stage.switch("ada", at_ns=7)
    stage.frame(6)
    assert not _closed(old)
    stage.frame(7)
    assert _closed(old)
    assert not _closed(new)


def test_an_order_that_is_still_under_way_keeps_its_engine_open() -> None:
    ada, old, new = _face("ada"), _face("bob"), _face("bob")
    stage = Stage(ada, old)
    stage.switch("bob", at_ns=3)  # to the old one, which the pipeline does not know yet
    stage.wardrobe.put(new)
    stage.wardrobe.sort_out(stage.pipeline.plays)  # a frame was just being finished
    for now in range(1, 6):
        stage.frame(now)
    assert not _closed(old)
    stage.switch("bob", at_ns=6)
    stage.frame(6)
    assert _closed(old)


def test_who_is_not_on_stage_and_is_edited_again_and_again_leaves_nothing_behind() -> None:
    bobs = [_face("bob") for _ in range(4)]
    stage = Stage(_face("ada"), bobs[0])
    for bob in bobs[1:]:
        stage.wardrobe.put(bob)
        stage.frame(1)
    stage.frame(2)
    assert [_closed(bob) for bob in bobs] == [True, True, True, False]


def test_what_is_known_of_a_persona_is_as_it_was_prepared_last() -> None:
    wardrobe = Wardrobe()
    wardrobe.put(_face("ada", reveals=True))
    wardrobe.put(_face("bob"))
    assert (wardrobe.reveals("ada"), wardrobe.reveals("bob"), wardrobe.reveals("eve")) == (True, False, False)
    wardrobe.put(_face("ada"))
    assert not wardrobe.reveals("ada")
    assert wardrobe.number("bob") == 1
    assert not wardrobe.order("eve", lambda face: None)
