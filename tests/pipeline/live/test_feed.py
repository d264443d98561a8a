"""The camera's thread: the newest wins, a lost one comes back, another one begins with nothing of the one before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.errors import MediaError
from obs_portrait.media.sources.base import VideoSource
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.live.feed import Feed, Mailbox

PATIENCE = 20.0


class Camera(VideoSource):
    """Its pictures are all of one grey. It waits to be asked for the next one, and can be unplugged."""

    live, width, height, rate = True, 4, 4, Fraction(30)

    def __init__(self, grey: int, there: bool = True) -> None:
        self.name, self._grey, self.there = f"camera {grey}", grey, there
        self.opened = self.closed = 0
        self.turn = threading.Semaphore(0)

    def open(self) -> None:
        self.opened += 1
        if not self.there:
            raise MediaError(f"{self.name} is not there.")

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        if not self.there or not self.turn.acquire(timeout=0.05):
            raise MediaError(f"{self.name} delivers nothing.")
        return CameraFrame(np.full((4, 4, 3), self._grey, np.uint8), 0, 0)

    def close(self) -> None:
        self.closed += 1


class Endless(Camera):
    """Delivers as fast as it is read."""

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        self.turn.release()
        return super().read(timeout)


class Told:
    """Remembers notices; can be waited on."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bool]] = []
        self._there = threading.Condition()

    def __call__(self, text: str, problem: bool) -> None:
        with self._there:
            self.said.append((text, problem))
            self._there.notify_all()

    def wait_for(self, words: str) -> None:
        with self._there:
            assert self._there.wait_for(lambda: any(words in text for text, _ in self.said), PATIENCE), self.said


@contextmanager
def _running(camera: Camera, box: Mailbox[CameraFrame], told: Told, **more: object) -> Iterator[Feed]:
    camera.open()
    feed = Feed(lambda: camera, camera, box, told, **more)  # type: ignore[arg-type]
    feed.start()
    try:
        yield feed
    finally:
        feed.stop()


def _until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _grey(box: Mailbox[CameraFrame]) -> int:
    frame = box.take(PATIENCE)
    assert frame is not None
    return int(frame.image[0, 0, 0])


@given(st.lists(st.integers(), max_size=30), st.integers(1, 5))
def test_a_mailbox_keeps_the_newest_in_order_and_counts_the_rest(items: list[int], room: int) -> None:
    box: Mailbox[int] = Mailbox(room)
    for item in items:
        box.put(item)
    assert [box.take(0) for _ in range(len(box))] == items[-room:]
    assert box.replaced == max(0, len(items) - room) and box.take(0) is None


def test_a_nudge_ends_the_wait() -> None:
    box: Mailbox[int] = Mailbox()
    box.nudge()
    assert box.take(PATIENCE) is None  # at once, or the test's own limit ends it
    box.put(1)
    assert box.take(PATIENCE) == 1


def test_a_lost_camera_is_told_once_and_comes_back() -> None:
    box, told, camera = Mailbox[CameraFrame](), Told(), Endless(10)
    with _running(camera, box, told) as feed:
        assert _grey(box) == 10
        camera.there = False
        told.wait_for("stand-in is shown until it is back")
        assert not feed.ok
        _until(lambda: camera.opened >= 3)  # it is tried again and again
        camera.there = True
        told.wait_for("0 is back.")
    assert [problem for _, problem in told.said] == [True, False]
    assert camera.closed >= camera.opened


def test_another_camera_begins_before_its_first_picture_and_without_the_old_one() -> None:
    box, told, old, new = Mailbox[CameraFrame](), Told(), Endless(10), Endless(20)
    begun: list[int] = []
    with _running(old, box, told) as feed:
        assert _grey(box) == 10
        there = threading.Event()

        def begin() -> None:
            begun.append(len(box))  # nothing of the old one lies there any more
            assert new.opened == 1 and old.closed
            there.set()

        feed.use(lambda: new, begin)
        assert there.wait(PATIENCE)
        assert [_grey(box) for _ in range(3)] == [20, 20, 20]
    assert begun == [0] and not told.said


def test_another_camera_that_comes_late_begins_once() -> None:
    box, told, old, new = Mailbox[CameraFrame](), Told(), Endless(10), Endless(20, there=False)
    begun: list[bool] = []
    with _running(old, box, told) as feed:
        feed.use(lambda: new, lambda: begun.append(new.there))
        told.wait_for("is not there")
        assert begun == []
        new.there = True
        told.wait_for("0 is back.")
        new.there = False
        _until(lambda: new.opened >= 4)
        new.there = True
        box.take(0)
        assert _grey(box) == 20
    assert begun == [True]  # being lost and back is not another camera


def test_a_rest_closes_the_camera_and_opens_it_again() -> None:
    box, told, camera = Mailbox[CameraFrame](), Told(), Endless(10)
    rests = threading.Event()
    with _running(camera, box, told, rests=rests.is_set):
        assert _grey(box) == 10
        rests.set()
        _until(lambda: bool(camera.closed))
        opened = camera.opened
        box.take(0)
        assert box.take(0.2) is None and camera.opened == opened
        rests.clear()
        assert _grey(box) == 10
    assert not told.said


@pytest.mark.parametrize("error", [RuntimeError("driver"), ValueError()])
def test_a_drivers_surprise_is_a_lost_camera(error: Exception) -> None:
    class Odd(Endless):
        odd = True

        def read(self, timeout: float = 1.0) -> CameraFrame | None:
            if self.odd:
                self.odd = False
                raise error
            return super().read(timeout)

    box, told, camera = Mailbox[CameraFrame](), Told(), Odd(10)
    with _running(camera, box, told):
        assert _grey(box) == 10
        told.wait_for("0 is back.")
    assert type(error).__name__ in told.said[0][0]
