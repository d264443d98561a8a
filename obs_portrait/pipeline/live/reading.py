"""A device in a thread of its own, from its opening to its closing: one whose driver hangs is left behind."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Final

from obs_portrait.clock import now_ns
from obs_portrait.errors import MediaError, PortraitError
from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import CameraFrame

__all__ = ["ANSWERS_NS", "Reading", "open_in_time", "silent"]

ANSWERS_NS: Final = 10_000_000_000
"""A device that takes longer to open, or to give a picture, hangs."""


def silent(device: str) -> str:
    """What is told of a device that hangs."""
    return f"{device} does not answer; unplug it and plug it in again, or choose another."


def open_in_time(source: VideoSource | AudioSource) -> None:
    """Opens it. Raises what that raises, and `MediaError` when it hangs; if it opens later, it is closed at once."""
    over, late = threading.Event(), threading.Event()
    problem: list[Exception] = []

    def run() -> None:
        try:
            source.open()
        except Exception as error:
            problem.append(error)
        over.set()
        if late.is_set():
            with contextlib.suppress(Exception):
                source.close()

    threading.Thread(target=run, name="open", daemon=True).start()
    if not over.wait(ANSWERS_NS / 1e9):
        late.set()
        raise MediaError(silent(source.name))
    if problem:
        raise problem[0]


class Reading(threading.Thread):
    """Opens a source, hands its frames on until it is left, lost or over, and closes it.

    opened(self), then hand(self, frame) for each frame: called in this thread. news(): called when `problem` or `over`
    has changed. The other attributes are for whoever watches it.
    """

    def __init__(
        self,
        make: Callable[[], VideoSource],
        source: VideoSource | None,
        timeout: float,
        *,
        opened: Callable[[Reading], None],
        hand: Callable[[Reading, CameraFrame], None],
        news: Callable[[], None],
    ) -> None:
        """source: is open already; None: what `make` makes is opened."""
        super().__init__(name="source", daemon=True)
        self._make, self._source, self._timeout = make, source, timeout
        self._opened, self._hand, self._news = opened, hand, news
        self._halt = threading.Event()
        self._since_ns = now_ns()
        self.device = "The device" if source is None else source.name
        self.is_open = source is not None
        self.problem: str | None = None
        """Why it gives no frames any more."""
        self.over = False
        """The source was a file and has ended."""
        self.left_ns = 0
        """When it was left."""

    def run(self) -> None:
        try:
            self._read()
        except PortraitError as error:
            self.problem = str(error)
        except Exception as error:  # a driver's surprise must not end the show
            self.problem = f"{self.device}: {type(error).__name__}: {error}"
        self._news()
        self.close()

    def _read(self) -> None:
        source = self._source
        if source is None:
            source = self._source = self._make()
            self.device = source.name
            source.open()
            self.device = source.name  # some know their device's name only now
            self.is_open = True
        if self._halt.is_set():
            return
        self._opened(self)
        while not self._halt.is_set():
            self._since_ns = now_ns()
            frame = source.read(self._timeout)
            if frame is None:
                self.over = not self._halt.is_set()
                return
            self._hand(self, frame)

    @property
    def hangs(self) -> bool:
        """Its opening, or a read of a device that should be prompt, takes too long."""
        judged = not self.is_open or (self._source is not None and self._source.prompt)
        return judged and self.is_alive() and now_ns() - self._since_ns > ANSWERS_NS

    @property
    def holds(self) -> bool:
        """It may still have its device."""
        return self.is_alive() or (self._source is not None and not self._source.let_go)

    def leave(self, seconds: float) -> None:
        """No frame is wanted any more. Waits until the device is closed, at most `seconds`; not for an opening."""
        self.left_ns = now_ns()
        self._halt.set()
        if self.is_open:
            self.join(seconds)

    def close(self) -> None:
        """Closes the source, in whatever thread."""
        if self._source is not None:
            with contextlib.suppress(Exception):
                self._source.close()
