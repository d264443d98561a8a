"""The microphone as the audio loop sees it: blocks without end, whatever the device does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from obs_portrait.clock import now_ns
from obs_portrait.errors import MediaError
from obs_portrait.media.sources.base import AudioSource
from obs_portrait.media.types import MicBlock
from obs_portrait.pipeline.live import ear as module
from obs_portrait.pipeline.live.ear import Ear

PATIENCE = 20.0


class Microphone(AudioSource):
    """Gives one level for ever. hangs: its driver does, in `open`, until the test lets it go."""

    live = True

    def __init__(self, level: float, *, hangs: bool = False, there: bool = True) -> None:
        self.name, self._level, self.there = f"microphone {level}", level, there
        self.go, self.inside = threading.Event(), threading.Event()
        self.opened = self.closed = self._index = 0
        if not hangs:
            self.go.set()

    def open(self) -> None:
        self.opened += 1
        self.inside.set()
        assert self.go.wait(PATIENCE)
        if not self.there:
            raise MediaError(f"{self.name} is not there.")

    def read(self, samples: int) -> MicBlock | None:
        if not self.there:
            raise MediaError(f"{self.name} is gone.")
        time.sleep(0.002)
        self._index += samples
        return MicBlock(np.full(samples, self._level, np.float32), now_ns(), self._index - samples)

    def close(self) -> None:
        self.closed += 1


class Room:
    """An ear, and what it told."""

    def __init__(self, microphone: Microphone, *, opened: bool = True) -> None:
        self.said: list[tuple[str, bool]] = []
        self.ear = Ear(lambda: microphone, microphone, lambda text, bad: self.said.append((text, bad)), opened=opened)

    def hears(self) -> float:
        block = self.ear.read()
        assert block is not None
        return float(block.samples[0])

    def until(self, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not there():
            self.hears()
            assert time.monotonic() < deadline, self.said

    def until_hears(self, level: float) -> None:
        self.until(lambda: self.hears() == level)

    def until_told(self, words: str) -> None:
        self.until(lambda: any(words in text for text, _ in self.said))


def test_a_lost_microphone_is_told_once_and_comes_back() -> None:
    microphone = Microphone(0.5)
    room = Room(microphone)
    assert room.hears() == 0.5
    microphone.there = False
    room.until(lambda: microphone.opened >= 3)
    assert room.hears() == 0.0
    microphone.there = True
    room.until_hears(0.5)
    assert [problem for _, problem in room.said] == [True, False]


def test_a_microphone_that_hangs_is_told_and_another_one_is_had_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWERS_NS", 200_000_000)
    hung, new = Microphone(0.25, hangs=True), Microphone(0.75)
    room = Room(Microphone(0.5))
    assert room.hears() == 0.5
    room.ear.use(lambda: hung)
    room.until_told("microphone 0.25 does not answer; unplug it and plug it in again, or choose another;")
    assert not room.ear.ok and hung.opened == 1
    room.ear.use(lambda: new)
    room.until_hears(0.75)
    assert [problem for _, problem in room.said] == [True, False]
    hung.go.set()
    room.until(lambda: hung.closed > 0)  # what opens when nobody wants it any more is closed
    assert {room.hears() for _ in range(5)} == {0.75}
    room.ear.close()
    assert new.closed


def test_another_microphone_does_not_wait_until_the_first_ones_time_is_up() -> None:
    hung, new = Microphone(0.25, hangs=True), Microphone(0.75)
    room = Room(Microphone(0.5))
    room.ear.use(lambda: hung)
    room.until(hung.inside.is_set)
    room.ear.use(lambda: new)
    room.until_hears(0.75)
    assert not room.said
    hung.go.set()


def test_a_rest_leaves_what_was_being_opened_and_its_end_opens_the_device() -> None:
    microphone = Microphone(0.5)
    other = Microphone(0.25, hangs=True)
    room = Room(microphone)
    room.ear.use(lambda: other)
    room.until(other.inside.is_set)
    room.ear.rest()
    other.go.set()
    deadline = time.monotonic() + PATIENCE
    while not other.closed:  # it is not kept open through the rest
        assert time.monotonic() < deadline
        time.sleep(0.01)
    room.until_hears(0.25)
    assert other.opened == 2


def test_a_first_opening_that_nobody_waits_for_is_the_ears() -> None:
    microphone = Microphone(0.5, hangs=True)
    room = Room(microphone, opened=False)
    assert room.hears() == 0.0
    microphone.go.set()
    room.until_hears(0.5)
    assert microphone.opened == 1 and not room.said


def test_a_first_opening_that_fails_is_told_and_so_is_the_one_that_works() -> None:
    microphone = Microphone(0.5, there=False)
    room = Room(microphone, opened=False)
    room.until_told("is not there; silence goes out")
    assert not room.ear.ok
    microphone.there = True
    room.until_hears(0.5)
    assert [problem for _, problem in room.said] == [True, False]
