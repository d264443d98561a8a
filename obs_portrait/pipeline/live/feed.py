"""The camera's thread in the video process: the newest frame wins, a lost camera is opened again and again."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from obs_portrait.errors import MediaError, PortraitError
from obs_portrait.media.sources.base import VideoSource
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.live.policy import REST_S, Backoff

__all__ = ["Feed", "Mailbox"]

T = TypeVar("T")


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
    """Reads a source into a mailbox until told to stop.

    A source that raises `MediaError` is closed and opened again with back-off; meanwhile no frame comes, and the
    pacer shows stand-ins by itself. `notice(text, problem)` gets one sentence when the source is lost and one when it
    is back. While `rests()` is true the source is closed and nothing is read.
    """

    def __init__(
        self,
        make: Callable[[], VideoSource],
        source: VideoSource,
        mailbox: Mailbox[CameraFrame],
        notice: Callable[[str, bool], None],
        timeout: float = 1.0,
        rests: Callable[[], bool] = lambda: False,
    ) -> None:
        """`source` is open already, unless `rests()`: the first opening is the caller's, so that its error can stop the
        program."""
        super().__init__(name="source", daemon=True)
        self._source, self._mailbox, self._notice = source, mailbox, notice
        self._wanted: tuple[Callable[[], VideoSource], Callable[[], None]] = (make, _nothing)
        self._told = _nothing
        self._timeout, self._rests = timeout, rests
        self._halt, self._changed = threading.Event(), threading.Event()
        self.ok = True
        self.ended = threading.Event()
        """The source was a file and has ended."""

    def run(self) -> None:
        backoff = Backoff()
        while not self._halt.is_set():
            if self._changed.is_set() or self._rests():
                self._changed.clear()
                if not self._rest(backoff):
                    break
            try:
                frame = self._source.read(self._timeout)
            except PortraitError as error:
                self._lost(str(error))
                if not self._reopen(backoff):
                    break
                continue
            except Exception as error:  # a driver's surprise must not end the show
                self._lost(f"{self._source.name}: {type(error).__name__}: {error}")
                if not self._reopen(backoff):
                    break
                continue
            if frame is None:
                if not self._halt.is_set():
                    self.ended.set()
                break
            if not self.ok:
                self.ok = True
                backoff.succeeded()
                self._notice(f"{self._source.name} is back.", False)
            self._mailbox.put(frame)
        self._close()

    def use(self, make: Callable[[], VideoSource], begun: Callable[[], None]) -> None:
        """Another source from now on. begun() is called once, when it has been opened and before its first frame is
        handed on. From any thread."""
        self._wanted = (make, begun)
        self._changed.set()

    def _open(self) -> None:
        make, begun = self._wanted
        self._source = make()
        self._source.open()
        if begun is not self._told:
            self._told = begun
            self._mailbox.take(0)  # a picture of the source before
            begun()

    def _rest(self, backoff: Backoff) -> bool:
        """The device is free until the rest ends, then the source is opened; False if the show ends meanwhile."""
        self._close()
        while self._rests():
            if self._halt.wait(REST_S):
                return False
        try:
            self._open()
        except Exception as error:
            self._lost(str(error) if isinstance(error, PortraitError) else f"{type(error).__name__}: {error}")
            return self._reopen(backoff)
        return True

    def _lost(self, why: str) -> None:
        if self.ok:
            self.ok = False
            self._notice(f"{why.rstrip('.')}; the persona's stand-in is shown until it is back.", True)

    def _reopen(self, backoff: Backoff) -> bool:
        while not self._halt.is_set():
            self._close()
            if self._halt.wait(backoff.failed()):
                return False
            if self._rests():
                return True  # it stays closed, and is opened when the rest ends
            try:
                self._open()
                return True
            except MediaError:
                continue
            except Exception:  # noqa: S112 - told once when it was lost; the next try follows
                continue
        return False

    def _close(self) -> None:
        with contextlib.suppress(Exception):
            self._source.close()

    def stop(self, seconds: float = 2.0) -> None:
        """Ends the thread and closes the source; a read that hangs is left behind (the process ends soon anyway)."""
        self._halt.set()
        self.join(seconds)
        if self.is_alive():
            self._close()
