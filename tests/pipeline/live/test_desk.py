"""What keys and orders do inside the video process; the engine's thread is played by the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from obs_portrait.face.types import Observation, Portrait
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.live.desk import Desk
from obs_portrait.pipeline.live.framing import Framing
from obs_portrait.pipeline.live.keys import Action
from obs_portrait.pipeline.live.messages import Calibrated, Reference, Request
from obs_portrait.pipeline.live.preview import Preview
from tests.face.drawn import face, observation, points

STEP = 40_000_000
PICTURE = face(points())


class Engine:
    """Pipeline and performer: does what it is ordered to before the next frame."""

    def __init__(self) -> None:
        self.orders: list[Callable[[Any], None]] = []
        self.framing = Framing()
        self.observation: Observation | None = None
        self.references: list[Observation] = []
        self.after: Callable[[CameraFrame, Any], None] = lambda camera, persona: None
        self.now = 0

    def order(self, order: Callable[[Any], None]) -> None:
        self.orders.append(order)

    def set_reference(self, reference: Observation, frame: CameraFrame | None = None) -> None:
        self.references.append(reference)

    def see(self, seconds: float, **changes: Any) -> None:
        for _ in range(round(seconds * 25)):
            self.now += STEP
            while self.orders:
                self.orders.pop(0)(self)
            self.observation = replace(observation(points(), **changes), captured_ns=self.now)
            self.after(CameraFrame(PICTURE, self.now, 0), None)


class Stage:
    def __init__(self) -> None:
        self.engine = Engine()
        self.sent: list[object] = []
        self.switched_ns = 1 << 62
        self.face = SimpleNamespace(portrait=Portrait(PICTURE, points(15)), look=SimpleNamespace(still=PICTURE))
        self.desk = Desk(
            self.engine, self.engine, Preview(list),  # type: ignore[arg-type]
            send=self.sent.append, face=lambda: self.face,  # type: ignore[arg-type, return-value]
            who=lambda ns: "ada" if ns < self.switched_ns else "bea", camera="camera:0",
        )  # fmt: skip

    def of(self, kind: type) -> list[Any]:
        return [message for message in self.sent if isinstance(message, kind)]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_calibration_says_which_camera_saw_whom(stage: Stage) -> None:
    stage.desk.calibrate()
    stage.engine.see(2)
    (made,) = stage.of(Calibrated)
    assert (made.camera, made.persona) == ("camera:0", "ada")
    assert stage.engine.references == [made.reference]


def test_one_that_was_begun_before_the_switch_is_of_who_was_on_stage_when_it_was_seen(stage: Stage) -> None:
    stage.desk.calibrate()
    stage.engine.see(0.6)
    stage.switched_ns = stage.engine.now
    stage.engine.see(1, angles=(12, 0, 0))  # the best frame was before
    (made,) = stage.of(Calibrated)
    assert made.reference.captured_ns < stage.switched_ns and made.persona == "ada"
    stage.desk.calibrate()
    stage.engine.see(2)
    assert stage.of(Calibrated)[1].persona == "bea"


def test_one_that_was_begun_with_the_camera_before_is_never_filed_under_the_new_one(stage: Stage) -> None:
    stage.desk.calibrate()
    stage.engine.see(0.6)
    moved = stage.engine.now
    stage.desk.sit_down("camera:1", None)
    stage.engine.see(2)
    (made,) = stage.of(Calibrated)
    assert made.camera == "camera:1" and made.reference.captured_ns > moved + STEP


def test_what_was_kept_for_the_new_camera_holds_at_once(stage: Stage) -> None:
    kept = observation(points())
    stage.desk.calibrate()
    stage.desk.search()
    stage.engine.see(0.4)
    stage.desk.sit_down("camera:1", kept)
    stage.engine.see(2)
    assert stage.engine.references[-1] is kept and stage.of(Calibrated)[-1:] == stage.of(Calibrated)[:1]
    assert stage.of(Reference)[-1] == Reference(-1.0, -1.0)  # the search was for the camera before


def test_a_search_is_begun_and_ended_by_the_same_key(stage: Stage) -> None:
    stage.desk.act(Action.SEARCH)
    stage.engine.see(1)
    found = stage.of(Reference)
    assert len(found) == 25 and all(one.current >= one.best >= 0 for one in found)
    stage.desk.act(Action.SEARCH)
    stage.engine.see(1)
    assert stage.of(Reference)[25:] == [Reference(-1.0, -1.0)]


def test_keys_frame_the_picture_and_ask_the_session(stage: Stage) -> None:
    stage.desk.act(Action.NEARER)  # the whole picture cannot be moved
    for action, back in ((Action.NEARER, Action.FARTHER), (Action.UP, Action.DOWN), (Action.LEFT, Action.RIGHT)):
        before = stage.engine.framing
        stage.desk.act(action)
        assert stage.engine.framing != before
        stage.desk.act(back)
        now = stage.engine.framing
        assert (now.zoom, now.x, now.y) == pytest.approx((before.zoom, before.x, before.y))
    stage.desk.act(Action.PERSONA, 2)
    stage.desk.act(Action.QUIT)
    assert stage.of(Request) == [Request("persona", 2), Request("quit", 0)]
