"""The camera's thread: the newest wins, a lost one comes back, another one begins with nothing of the one before, and
one that hangs keeps nobody from another."""

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
from obs_portrait.pipeline.live import feed as module
from obs_portrait.pipeline.live import reading
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


class Hanging(Endless):
    """Its driver hangs in `open`, or, once it was told to, in `read`, until the test lets it go."""

    def __init__(self, grey: int, *, opens: bool = False, prompt: bool = False) -> None:
        super().__init__(grey)
        self.go, self.inside, self.prompt = threading.Event(), threading.Event(), prompt
        self.opens, self.reads = opens, True

    def open(self) -> None:
        super().open()
        if not self.opens:
            self._hang()

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        if not self.reads:
            self._hang()
        return super().read(timeout)

    def _hang(self) -> None:
        self.inside.set()
        assert self.go.wait(PATIENCE)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ANSWERS_NS", 300_000_000)


@pytest.mark.usefixtures("impatient")
def test_a_camera_that_hangs_is_told_and_another_one_is_had_at_once() -> None:
    box, told, old, hung, new = Mailbox[CameraFrame](), Told(), Endless(10), Hanging(20), Endless(30)
    begun: list[str] = []
    with _running(old, box, told) as feed:
        assert _grey(box) == 10
        feed.use(lambda: hung, lambda: begun.append("hung"))
        told.wait_for("camera 20 does not answer; unplug it and plug it in again, or choose another;")
        assert not feed.ok
        box.take(0)  # the old one's last
        feed.use(lambda: new, lambda: begun.append("new"))
        assert [_grey(box) for _ in range(3)] == [30, 30, 30]
        told.wait_for("0 is back.")
        assert hung.opened == 1  # a second try of the same would only hang beside the first
        hung.go.set()
        _until(lambda: bool(hung.closed))  # what opens when nobody wants it any more is closed
        assert {_grey(box) for _ in range(5)} == {30}
    assert begun == ["new"] and not feed.stuck


def test_another_camera_does_not_wait_until_the_first_ones_time_is_up() -> None:
    box, told, old, hung, new = Mailbox[CameraFrame](), Told(), Endless(10), Hanging(20), Endless(30)
    with _running(old, box, told) as feed:
        feed.use(lambda: hung, lambda: None)
        assert hung.inside.wait(PATIENCE)
        box.take(0)
        feed.use(lambda: new, lambda: None)
        assert _grey(box) == 30
        hung.go.set()
    assert not told.said


@pytest.mark.usefixtures("impatient")
def test_a_second_opening_that_hangs_beside_the_first_asks_for_another_process() -> None:
    box, told, old, hung, again = Mailbox[CameraFrame](), Told(), Endless(10), Hanging(20), Hanging(20)
    with _running(old, box, told) as feed:
        feed.use(lambda: hung, lambda: None)
        told.wait_for("does not answer")
        assert not feed.stuck
        feed.use(lambda: again, lambda: None)
        _until(lambda: feed.stuck)
        hung.go.set()
        again.go.set()
    assert [problem for _, problem in told.said][:2] == [True, True]  # each is told


@pytest.mark.usefixtures("impatient")
def test_a_read_that_hangs_is_told_and_asks_for_another_process() -> None:
    box, told, hung, new = Mailbox[CameraFrame](), Told(), Hanging(10, opens=True, prompt=True), Endless(20)
    with _running(hung, box, told) as feed:
        assert _grey(box) == 10
        hung.reads = False
        told.wait_for("does not answer")
        assert feed.stuck and not feed.ok
        box.take(0)
        feed.use(lambda: new, lambda: None)
        assert _grey(box) == 20
        hung.go.set()
        _until(lambda: bool(hung.closed))
        assert {_grey(box) for _ in range(5)} == {20}  # the picture that it read at last goes nowhere


@pytest.mark.usefixtures("impatient")
def test_a_file_may_show_one_picture_for_long() -> None:
    box, told, slow = Mailbox[CameraFrame](), Told(), Hanging(10, opens=True)
    with _running(slow, box, told) as feed:
        assert _grey(box) == 10
        slow.reads = False
        assert slow.inside.wait(PATIENCE)
        assert not slow.go.wait(0.6)  # twice as long as a device would have
        slow.reads = True
        slow.go.set()
        box.take(0)
        assert _grey(box) == 10
        assert feed.ok and not told.said


def test_a_camera_that_is_not_let_go_asks_for_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    class Held(Endless):
        free = False

        @property
        def let_go(self) -> bool:
            return self.free

    monkeypatch.setattr(module, "_HELD_NS", 300_000_000)
    box, told, held = Mailbox[CameraFrame](), Told(), Held(10)
    with _running(held, box, told) as feed:
        assert _grey(box) == 10
        held.there = False
        told.wait_for("delivers nothing")
        _until(lambda: feed.stuck)


def test_a_first_opening_that_nobody_waits_for_is_the_feeds() -> None:
    box, told, camera = Mailbox[CameraFrame](), Told(), Hanging(10)
    feed = Feed(lambda: camera, camera, box, told, opened=False)
    feed.start()
    try:
        assert camera.inside.wait(PATIENCE)
        camera.go.set()
        assert _grey(box) == 10
    finally:
        feed.stop()
    assert camera.opened == 1 and camera.closed and not told.said
