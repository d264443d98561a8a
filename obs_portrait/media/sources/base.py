"""The contracts of sources."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from types import TracebackType
from typing import Self

from obs_portrait.media.types import CameraFrame, MicBlock

__all__ = ["AudioSource", "VideoSource"]


class _Source(ABC):
    name: str
    """For people: "camera 0 (HD Webcam)", "clip.mp4", "screen 0,0 512x512". Shown in messages."""
    live: bool
    """True: capture times are `clock.now_ns()` and what is not read in time is gone. False: a file, read at any
    speed, capture times are media times from 0, every frame is delivered once, in order."""

    @abstractmethod
    def open(self) -> None:
        """Called exactly once before `read`. Must raise `MediaError` with one clear sentence if it cannot serve."""

    @abstractmethod
    def close(self) -> None:
        """Releases the device or file. May be called twice and after a failed `open`; must not raise."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class VideoSource(_Source):
    """A driver's pictures."""

    width: int
    height: int
    rate: Fraction
    """Nominal frames a second, valid after `open`; a file may have a variable rate, `captured_ns` tells the truth."""
    frame_count: int | None = None
    """Number of frames if known beforehand (a hint, for progress), else None."""
    duration_ns: int | None = None
    prompt: bool = False
    """True: `read` comes back within its timeout, with a frame or an error; one that does not come back hangs. False: a
    file, which may show one picture for minutes."""

    @abstractmethod
    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        """The next frame (a file) or the newest one not yet read (live; waits for it up to `timeout` seconds).

        Returns None at the end of a file. Must raise `MediaError` when the device is lost or delivers nothing for
        `timeout` seconds; the pipeline then shows stand-ins and calls `close` / `open` again with back-off. Damaged
        pictures in a file are skipped and counted in `damaged`, never returned.
        """

    damaged: int = 0
    """Frames or packets that could not be decoded so far."""

    @property
    def let_go(self) -> bool:
        """After `close`: whether the device is free. False while a driver hangs that has it."""
        return True


class AudioSource(_Source):
    """A driver's voice, mixed to mono at `SAMPLE_RATE`, non-finite samples replaced by 0 and counted in `damaged`."""

    duration_ns: int | None = None
    damaged: int = 0

    @abstractmethod
    def read(self, samples: int) -> MicBlock | None:
        """The next `samples` samples (live: waits for them). The last block of a file may be shorter; then None.

        Must raise `MediaError` when the device is lost.
        """
