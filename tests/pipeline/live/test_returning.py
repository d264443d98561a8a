"""Devices that are lost and come back, behind sinks that never fail."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from obs_portrait.errors import LeakError, MediaError
from obs_portrait.face.types import Canvas
from obs_portrait.media.sinks.base import AudioSink, VideoSink
from obs_portrait.media.types import CameraFrame, PersonaBlock, PersonaFrame
from obs_portrait.pipeline.guard import Look, VideoGuard
from obs_portrait.pipeline.live.returning import ReturningAudioSink, ReturningVideoSink
from tests.media.conftest import block
from tests.obs.real_obs import until

WAIT = 20.0


@dataclass
class Plug:
    """Where a device is plugged in, and what it has taken in all its lives."""

    there: bool = True
    taken: list[int] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    had_died: list[bool] = field(default_factory=list)

    def open(self) -> None:
        if not self.there:
            raise MediaError("The test device is not there; plug it in.")
        self.opened += 1

    def take(self, number: int) -> None:
        if not self.there:
            raise OSError("No such device")
        self.taken.append(number)


class Speaker(AudioSink):
    name = "test device"

    def __init__(self, plug: Plug) -> None:
        self._plug = plug

    def open(self) -> None:
        self._plug.open()

    def _write(self, block: PersonaBlock) -> None:
        self._plug.take(block.index)

    def close(self) -> None:
        self._plug.closed += 1


class Camera(VideoSink):
    name = "test device"

    def __init__(self, plug: Plug) -> None:
        self._plug = plug

    def _open(self, width: int, height: int, rate: Fraction) -> None:
        assert (width, height, rate) == (32, 16, Fraction(30))
        self._plug.had_died.append(self.had_died)
        self._plug.open()

    def _write(self, frame: PersonaFrame) -> None:
        self._plug.take(frame.captured_ns)

    def close(self) -> None:
        self._plug.closed += 1


class Show:
    """A returning sink of either kind, and what it says."""

    def __init__(self, kind: str) -> None:
        self.plug, self.told = Plug(), list[tuple[str, bool]]()
        self._guard = VideoGuard(Look("ada", np.full((16, 32, 3), 90, np.uint8)), Canvas(32, 16))
        self.sink: ReturningAudioSink | ReturningVideoSink
        if kind == "sound":
            self.sink = ReturningAudioSink(lambda: Speaker(self.plug), self._tell)
        else:
            self.sink = ReturningVideoSink(lambda: Camera(self.plug), self._tell)

    def _tell(self, text: str, problem: bool) -> None:
        self.told.append((text, problem))

    def open(self) -> None:
        if isinstance(self.sink, ReturningAudioSink):
            self.sink.open()
        else:
            self.sink.open(32, 16, Fraction(30))

    def write(self, number: int) -> None:
        if isinstance(self.sink, ReturningAudioSink):
            self.sink.write(block(np.zeros(480, np.float32), 0, number))
        else:
            self.sink.write(self._guard.stand_in(number))

    def is_back(self, number: int) -> bool:
        self.write(number)
        return number in self.plug.taken


@pytest.fixture(params=["sound", "picture"])
def show(request: pytest.FixtureRequest) -> Show:
    return Show(request.param)


def test_it_is_lost_with_one_sentence_and_comes_back_with_another(show: Show) -> None:
    show.open()
    show.write(0)
    show.plug.there = False
    for number in range(1, 50):
        show.write(number)
    assert [problem for _, problem in show.told] == [True]
    assert "No such device" in show.told[0][0] and "opened again as soon as it is there" in show.told[0][0]
    show.plug.there = True
    until(lambda: show.is_back(100), WAIT, "it is back")
    assert show.told[1:] == [("test device is back.", False)]
    show.sink.close()
    assert show.plug.taken[0] == 0 and set(show.plug.taken[1:]) == {100}
    assert show.plug.closed >= show.plug.opened == 2


def test_the_first_opening_is_the_callers(show: Show) -> None:
    show.plug.there = False
    with pytest.raises(MediaError, match="plug it in"):
        show.open()
    assert show.told == []
    show.sink.close()


def test_nothing_unsealed_passes(show: Show) -> None:
    show.open()
    real: Any = CameraFrame(np.zeros((16, 32, 3), np.uint8), 0, 0)
    with pytest.raises(LeakError):
        show.sink.write(real)
    assert show.plug.taken == [] and show.told == []
    show.sink.close()


def test_who_takes_a_dead_processs_place_looks_for_a_camera_that_is_not_there() -> None:
    show = Show("picture")
    show.plug.there, show.sink.had_died = False, True  # type: ignore[union-attr]
    show.open()
    assert [problem for _, problem in show.told] == [True]
    show.write(1)
    show.plug.there = True
    until(lambda: show.is_back(2), WAIT, "it is back")
    assert all(show.plug.had_died) and show.plug.taken[0] == 2
    show.sink.close()


def test_sound_is_opened_aside_and_nobody_waits() -> None:
    show, door = Show("sound"), threading.Event()
    opens = show.plug.open
    show.plug.open = lambda: opens() if door.wait(WAIT) else None  # type: ignore[method-assign]
    assert isinstance(show.sink, ReturningAudioSink)
    show.sink.open_aside()
    show.write(1)
    assert show.plug.taken == []
    door.set()
    until(lambda: show.is_back(2), WAIT, "it is open")
    assert show.told == []  # it was never lost
    show.sink.close()


def test_one_that_comes_back_while_the_show_ends_is_given_back(show: Show) -> None:
    show.open()
    show.plug.there = False
    show.write(1)
    show.plug.there = True
    show.sink.close()
    assert show.plug.closed >= show.plug.opened
