"""The camera in the video process: the newest frame wins, a lost one is opened again and again, a hung one is left."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from obs_portrait.clock import now_ns
from obs_portrait.media.sources.base import VideoSource
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.live.policy import ASLEEP_S, REST_S, Backoff
from obs_portrait.pipeline.live.reading import Reading, silent

__all__ = ["Feed", "Mailbox"]

T = TypeVar("T")

_CLOSES_S: Final = 3.0
"""Seconds that a device may take to close before another one is opened."""
_HELD_NS: Final = 15_000_000_000
"""A device that is not let go for longer never will be; V4L2 gives up waiting for a picture after ten seconds."""


class Mailbox(Generic[T]):
    """Room for the newest `room` objects: `put` never waits and pushes out the oldest, `take` waits for one."""

    def __init__(self, room: int = 1) -> None:
        self._there = threading.Condition()
        self._items: deque[T] = deque()
        self._room = room
        self._nudged = False
        self.replaced = 0
        """Objects that were pushed out before anybody took them."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """From any thread; never waits."""
        with self._there:
            if len(self._items) == self._room:
                self._items.popleft()
                self.replaced += 1
            self._items.append(item)
            self._there.notify()

    def nudge(self) -> None:
        """Ends the present or the next wait in `take`: there is something else to do."""
        with self._there:
            self._nudged = True
            self._there.notify()

    def take(self, timeout: float) -> T | None:
        """The oldest object that is still there, waiting up to `timeout` seconds; None if there is none."""
        with self._there:
            if not self._items and timeout > 0 and not self._nudged:
                self._there.wait(timeout)
            self._nudged = False
            return self._items.popleft() if self._items else None


def _nothing() -> None:
    """Told of the first source."""


class Feed(threading.Thread):
    """Has a source read into a mailbox until told to stop.

    A source that raises `MediaError` is closed and opened again with back-off; meanwhile no frame comes, and the
    pacer shows stand-ins by itself. One that hangs is waited for until another one is chosen. `notice(text, problem)`
    gets one sentence when the source is lost or hangs and one when it is back. While `rests()` is true the source is
    closed and nothing is read.
    """

    def __init__(
        self,
        make: Callable[[], VideoSource],
        source: VideoSource,
        mailbox: Mailbox[CameraFrame],
        notice: Callable[[str, bool], None],
        timeout: float = 1.0,
        rests: Callable[[], bool] = lambda: False,
        *,
        opened: bool = True,
    ) -> None:
        """`source` is open already, unless `rests()`: the first opening is the caller's, so that its error can stop the
        program. opened=False: it is not, and what `make` makes is opened here, so that nobody waits for it."""
        super().__init__(name="feed", daemon=True)
        self._first: VideoSource | None = source if opened else None
        self._mailbox, self._notice = mailbox, notice
        self._wanted: tuple[Callable[[], VideoSource], Callable[[], None]] = (make, _nothing)
        self._told = self._begun = _nothing
        self._timeout, self._rests = timeout, rests
        self._halt, self._changed, self._news = threading.Event(), threading.Event(), threading.Event()
        self._backoff = Backoff()
        self._handing = threading.Lock()
        self._reading: Reading | None = None  # the one whose frames count; under the lock
        self._left: list[Reading] = []
        self.ok = True
        self.ended = threading.Event()
        """The source was a file and has ended."""
        self.stuck = False
        """A device that could not be let go keeps this process from having the one that is wanted; another process
        could have it."""

    def run(self) -> None:
        while not self._halt.is_set():
            if self._rests():
                self._first = None
                self._wait(ASLEEP_S)
            elif not self._attend(self._begin()):
                break

    def use(self, make: Callable[[], VideoSource], begun: Callable[[], None]) -> None:
        """Another source from now on, whatever the one before is doing. begun() is called once, when it has been opened
        and before its first frame is handed on. From any thread."""
        self._wanted = (make, begun)
        self._changed.set()
        self._news.set()

    def look(self) -> None:
        """Whether it rests may have changed. From any thread."""
        self._news.set()

    # ---- in this thread ------------------------------------------------------------------------------------------

    def _begin(self) -> Reading:
        self._changed.clear()
        make, begun = self._wanted
        source, self._first = self._first, None
        reading = Reading(make, source, self._timeout, opened=self._opened, hand=self._hand, news=self._news.set)
        with self._handing:
            self._reading, self._begun = reading, begun
        reading.start()
        return reading

    def _attend(self, reading: Reading) -> bool:
        """Until another reading is to begin; False if nothing more will come."""
        told = False
        while not self._interrupted:
            if reading.problem is not None:
                self._lost(reading.problem)
                self._leave(reading)
                self._blame(reading)
                self._pause(self._backoff.failed())
                return True
            if reading.over:
                self.ended.set()
                break
            if reading.hangs and not told:
                told = True
                self.ok = True  # one that hangs is told although it was lost before: something has to be done
                self._lost(silent(reading.device))
                self._blame(reading)
            self._wait(REST_S)
        if self._changed.is_set():
            self._backoff.succeeded()
        self._leave(reading)
        return not reading.over

    @property
    def _interrupted(self) -> bool:
        return self._halt.is_set() or self._changed.is_set() or self._rests()

    def _wait(self, seconds: float) -> None:
        self._news.wait(seconds)
        self._news.clear()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._interrupted and (left := until - time.monotonic()) > 0:
            self._wait(min(REST_S, left))

    def _leave(self, reading: Reading) -> None:
        with self._handing:
            self._reading = None
        reading.leave(0.0 if reading.hangs else _CLOSES_S)
        self._left = [one for one in (*self._left, reading) if one.holds]

    def _blame(self, reading: Reading) -> None:
        """The device cannot be had: is that because one was left behind? An opening that hangs beside another one
        says so at once, and so does a read that hangs."""
        now = now_ns()
        self._left = [one for one in self._left if one.holds]
        hangs = reading.hangs
        if (hangs and (reading.is_open or self._left)) or any(now - one.left_ns > _HELD_NS for one in self._left):
            self.stuck = True

    def _lost(self, why: str) -> None:
        with self._handing:  # a frame that comes just now says that it is back after this, not before
            if self.ok:
                self.ok = False
                self._notice(f"{why.rstrip('.')}; the persona's stand-in is shown until it is back.", True)

    # ---- in the reading's thread ---------------------------------------------------------------------------------

    def _opened(self, reading: Reading) -> None:
        with self._handing:
            if reading is self._reading and self._begun is not self._told:
                self._told = self._begun
                self._mailbox.take(0)  # a picture of the source before
                self._begun()

    def _hand(self, reading: Reading, frame: CameraFrame) -> None:
        with self._handing:
            if reading is not self._reading:
                return
            if not self.ok:
                self.ok = True
                self._backoff.succeeded()
                self._notice(f"{reading.device} is back.", False)
            self._mailbox.put(frame)

    # ---- by its owner --------------------------------------------------------------------------------------------

    def stop(self, seconds: float = 2.0) -> None:
        """Ends the thread and closes the source; a read that hangs is left behind (the process ends soon anyway)."""
        self._halt.set()
        self._news.set()
        reading = self._reading
        self.join(seconds)
        if self.is_alive() and reading is not None:
            reading.close()
