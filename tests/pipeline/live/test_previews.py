"""Previews of a running session: the persona for who asks, the camera only while it is allowed.

The camera is marked (`pipeline.leak`): what shows anything of it shows the mark.
"""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from obs_portrait.clock import now_ns
from obs_portrait.errors import LeakError
from obs_portrait.face.handmade import lay_face
from obs_portrait.face.types import Canvas, Observation
from obs_portrait.media.types import CameraFrame, Origin, PersonaFrame
from obs_portrait.pipeline.guard import Look, VideoGuard
from obs_portrait.pipeline.leak import PictureMark
from obs_portrait.pipeline.live import coach
from obs_portrait.pipeline.live import previews as module
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.options import LiveOptions, Makers
from obs_portrait.pipeline.live.picture_mail import Mails, PictureMail
from obs_portrait.pipeline.live.previews import Previews, camera_picture, persona_picture
from obs_portrait.pipeline.live.session import LiveSession
from obs_portrait.pipeline.live.supervisor import Phase
from tests.pipeline.live import doubles

_S = 1_000_000_000


def opened(picture: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(picture)) as image:
        assert image.format == "JPEG"
        return np.array(image.convert("RGB"))


def shows_camera(picture: bytes) -> bool:
    return PictureMark.found(opened(picture))


@dataclass
class Tracker:
    """Picklable: finds a face like a face, so that its lines leave something of the picture to be seen."""

    faults: Board

    def __call__(self) -> _Tracker:
        return _Tracker(self.faults)


class _Tracker:
    def __init__(self, faults: Board) -> None:
        self._faults, self._face = faults, lay_face(256, 192)

    def track(self, image: NDArray[np.uint8], captured_ns: int) -> Observation | None:
        if self._faults.get("face") == 1:
            return None
        return Observation(
            self._face, np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 1.0, 256, 192, captured_ns
        )


class Show:
    """A session with previews, and its camera."""

    def __init__(self, folder: Path) -> None:
        self.faults = Board(*doubles.FAULTS)
        self.session = LiveSession(
            LiveOptions(
                source=doubles.Camera(self.faults),
                personas=doubles.PERSONAS[:2],
                sinks=(doubles.VideoCatch(folder / "frames"),),
                width=640,
                height=320,
                hung_s=2.0,
                makers=Makers(doubles.MakeFace(self.faults), doubles.MakeVoice(self.faults), Tracker(self.faults)),
            )
        )

    def until(self, condition: Callable[[], Any], seconds: float = 30.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"waited in vain: {self.session.status()}"
            assert self.session.status().running, f"the session ended: {self.session.error}"
            time.sleep(0.01)
        return found

    def picture(self, mail: PictureMail) -> bytes:
        def look() -> bytes | None:
            mail.ask()
            return mail.take()

        found = self.until(look)
        assert isinstance(found, bytes)
        return found

    def frames(self) -> int:
        return self.session.status().video.cells["frames_in"]

    def goes_on(self, count: int = 20) -> None:
        """So many camera frames more are worked on."""
        before = self.frames()
        self.until(lambda: self.frames() >= before + count)


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    made = Show(tmp_path_factory.mktemp("previews"))
    with made.session:
        made.until(lambda: made.session.status().state == "live")
        yield made


@pytest.fixture(autouse=True)
def _fine(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "show" in request.fixturenames:
        show: Show = request.getfixturevalue("show")
        for name in doubles.FAULTS:
            show.faults.set(name, 0)
        show.session.previews.camera.allow(0)
        show.until(lambda: not show.session.previews.camera.holds)


def test_nothing_is_made_before_somebody_asks(show: Show) -> None:
    show.goes_on()
    assert not show.session.previews.persona.holds
    assert not show.session.previews.camera.holds


def test_the_persona_is_shown_as_it_goes_out(show: Show) -> None:
    image = opened(show.picture(show.session.previews.persona))
    assert image.shape == (240, 480, 3)  # 640 x 320, made smaller
    colour = np.median(image.reshape(-1, 3), axis=0)
    assert np.abs(colour - doubles.PERSONAS[0].colour).max() < 12


def test_the_persona_preview_never_shows_the_camera(show: Show) -> None:
    """Not when the engine leaks, breaks or sees no face, and not while the camera is shown beside it."""
    previews = show.session.previews
    previews.camera.allow(60 * _S)
    for faults in ({"engine": 3}, {"engine": 1}, {"face": 1}, {}):
        for name, value in faults.items():
            show.faults.set(name, value)
        show.goes_on(10)
        for _ in range(3):
            assert shows_camera(show.picture(previews.camera))  # the mark would be seen
            assert not shows_camera(show.picture(previews.persona))
            show.goes_on(3)
        for name in faults:
            show.faults.set(name, 0)


def test_the_camera_is_not_shown_unless_it_was_allowed(show: Show) -> None:
    camera = show.session.previews.camera
    before = show.frames()
    while show.frames() < before + 20:
        camera.ask()
        assert camera.take() is None
        assert not camera.holds  # not even in memory
        time.sleep(0.01)


def test_leave_ends_by_itself_and_the_memory_is_wiped(show: Show) -> None:
    camera = show.session.previews.camera
    camera.allow(60 * _S)
    assert shows_camera(show.picture(camera))
    assert any(camera._bytes)
    camera.allow(1)  # a nanosecond: over by now
    assert camera.take() is None

    def gone() -> bool:
        camera.ask()
        return not camera.holds and not any(camera._bytes)

    show.until(gone)
    before = show.frames()
    while show.frames() < before + 15:
        camera.ask()
        assert camera.take() is None
        assert not camera.holds
        time.sleep(0.01)


def test_the_memory_is_wiped_when_nobody_looks_any_more(show: Show) -> None:
    camera = show.session.previews.camera
    camera.allow(60 * _S)
    show.picture(camera)
    show.until(lambda: not camera.holds)  # two seconds after the last wish, although it is allowed
    assert not any(camera._bytes)


def test_the_personas_picture_is_wiped_as_well_when_nobody_looks_any_more(show: Show) -> None:
    persona = show.session.previews.persona
    show.picture(persona)
    show.until(lambda: not persona.holds)
    assert not any(persona._bytes)


def test_a_killed_process_leaves_no_picture_and_its_successor_asks_again(show: Show) -> None:
    camera, persona = show.session.previews.camera, show.session.previews.persona
    camera.allow(60 * _S)
    show.picture(camera)
    os.kill(show.session.pids["video"], getattr(signal, "SIGKILL", signal.SIGTERM))
    show.until(lambda: show.session.status().video.restarts > 0 and not camera.holds)
    show.until(lambda: show.session.status().video.phase is Phase.RUNNING)
    show.picture(persona)
    assert shows_camera(show.picture(camera))  # the leave still holds
    camera.allow(0)
    assert camera.take() is None


def test_the_score_of_the_face_is_told(show: Show) -> None:
    status = show.until(lambda: show.session.status().quality and show.session.status())
    score, _ = status.quality
    assert 0.0 <= score <= 1.0
    show.faults.set("face", 1)
    show.until(lambda: show.session.status().quality == (0.0, coach._NO_FACE))
    show.faults.set("face", 0)
    show.until(lambda: (show.session.status().quality or (0.0, ""))[1] != coach._NO_FACE)


def test_only_sealed_frames_become_previews() -> None:
    frame = CameraFrame(doubles.camera_picture(96, 128), 1, 0)
    with pytest.raises(LeakError, match="CameraFrame"):
        persona_picture(frame)  # type: ignore[arg-type]
    with pytest.raises(LeakError):
        PersonaFrame(frame.image, 1, 0, "red", Origin.ENGINE, object())  # type: ignore[arg-type]


def test_the_cameras_overlay_has_lines_and_ghost() -> None:
    frame = CameraFrame(np.full((300, 600, 3), 90, np.uint8), 1, 0)
    plain = opened(camera_picture(frame, None, None))
    assert plain.shape == (240, 480, 3)
    ghosted = opened(camera_picture(frame, None, np.full((64, 64, 3), 250, np.uint8)))
    assert ghosted.mean() > plain.mean() + 20
    seen = Observation(lay_face(600, 300), np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 1.0, 600, 300, 1)
    lined = opened(camera_picture(frame, seen, None))
    rows = np.flatnonzero((lined[..., 1].astype(int) - plain[..., 1] > 40).any(1))
    assert rows.min() < 70
    assert rows.max() > 170


def test_a_hanging_encoder_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the pacer and the engine call returns although the thread that encodes stands still."""
    inside, go = threading.Event(), threading.Event()

    def hang(*_: object) -> bytes:
        inside.set()
        go.wait(30)
        return b""

    monkeypatch.setattr(module, "camera_picture", hang)
    mails = Mails()
    mails.camera.allow(60 * _S)
    mails.camera.ask()
    previews = Previews(mails)
    frame = CameraFrame(doubles.camera_picture(96, 128), 1, 0)
    previews.look(frame, None)
    assert inside.wait(10)
    for _ in range(100):
        previews.look(frame, None)
        previews.tidy()
    go.set()
    previews.stop()
    assert not mails.camera.holds


def _encoding(monkeypatch: pytest.MonkeyPatch, name: str) -> tuple[threading.Event, threading.Event]:
    """(it is being encoded, go on): what is encoded takes as long as the test wants."""
    inside, go = threading.Event(), threading.Event()

    def slow(*_: object) -> bytes:
        inside.set()
        assert go.wait(30)
        return b"\xff\xd8 the real face"

    monkeypatch.setattr(module, name, slow)
    return inside, go


def test_what_is_encoded_when_it_is_stopped_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, go = _encoding(monkeypatch, "persona_picture")
    mails = Mails()
    mails.persona.ask()
    assert mails.persona.put(b"one before")
    previews = Previews(mails)
    previews.show(VideoGuard(Look("red", None), Canvas(96, 96)).card(now_ns()))
    assert inside.wait(10)
    previews.stop(0.0)
    assert not mails.persona.holds and not any(mails.persona._bytes)
    go.set()
    assert previews._thread is not None
    previews._thread.join(10)
    assert not mails.persona.holds and not any(mails.persona._bytes)


def test_what_is_encoded_when_a_panic_begins_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, go = _encoding(monkeypatch, "persona_picture")
    mails = Mails()
    mails.persona.ask()
    previews, guard = Previews(mails), VideoGuard(Look("red", None), Canvas(96, 96))
    previews.show(guard.card(now_ns()))
    assert inside.wait(10)
    mails.refuse_older()
    inside.clear()
    go.set()
    deadline = time.monotonic() + 10
    while not inside.is_set():  # the next one is being made: the one before has gone where it went
        assert mails.persona.take() is None or inside.is_set()
        assert time.monotonic() < deadline
        mails.persona.ask()
        previews.show(guard.card(now_ns()))
        time.sleep(0.01)
    until = time.monotonic() + 10
    while mails.persona.take() is None:  # what was captured afterwards is shown
        assert time.monotonic() < until
        mails.persona.ask()
        previews.show(guard.card(now_ns()))
        time.sleep(0.01)
    previews.stop()


def test_at_most_ten_a_second_are_handed_over_and_none_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000 * _S]
    monkeypatch.setattr(module, "now_ns", lambda: now[0])
    handed: list[int] = []
    monkeypatch.setattr(Previews, "_wake", lambda self: handed.append(now[0]))
    mails = Mails()
    previews = Previews(mails)
    card = VideoGuard(Look("red", None), Canvas(96, 96)).card(1)
    camera = CameraFrame(doubles.camera_picture(96, 128), 1, 0)

    def play(seconds: int) -> int:
        """So many seconds at 60 frames a second; how many were handed over."""
        before = len(handed)
        for _ in range(60 * seconds):
            now[0] += _S // 60
            previews.show(card)
            previews.look(camera, None)
        return len(handed) - before

    assert play(3) == 0
    mails.camera.ask()  # not allowed
    assert play(3) == 0
    assert previews._view is None
    mails.persona.ask()
    assert 25 <= play(3) <= 30
    assert min(after - before for before, after in pairwise(handed)) >= _S // 10
