"""Plays a file as if it were a device: every frame and block at its time, stamped on the one clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from obs_portrait.clock import now_ns
from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, MicBlock

__all__ = ["PacedAudio", "PacedVideo"]

_NS = 1_000_000_000
_LATE_FRAMES = 2
"""A frame that is later than so many periods is skipped, as a device would have dropped it."""


class PacedVideo(VideoSource):
    """Makes a live source of a file source. Media time 0 is the moment `epoch_ns`, in picture and sound alike, so both
    stay together and a restarted process takes up where the other one is.

    make: makes the file source, anew for each round of a `loop`, where the file starts again after its own length.
    source: what `make` made for the first round, not yet open.
    """

    live = True

    def __init__(
        self, make: Callable[[], VideoSource], epoch_ns: int, loop: bool = False, source: VideoSource | None = None
    ) -> None:
        self._make, self._loop, self._base = make, loop, epoch_ns
        self._source = source or make()
        self._stop = threading.Event()
        self._last = -1  # media time of the last frame of this round
        self._count = 0
        self.name = self._source.name

    def open(self) -> None:
        self._source.open()
        self.width, self.height, self.rate = self._source.width, self._source.height, self._source.rate
        self._period = round(_NS / (self.rate or Fraction(30)))

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        while not self._stop.is_set():
            frame = self._source.read(timeout)
            self.damaged = self._source.damaged
            if frame is None:
                if not self._loop or self._last < 0:
                    return None
                self._rewind()
                continue
            self._last = frame.captured_ns
            due = self._base + frame.captured_ns
            wait = due - now_ns()
            if wait < -_LATE_FRAMES * self._period:
                continue
            if wait > 0 and self._stop.wait(wait / _NS):
                return None
            self._count += 1
            return CameraFrame(frame.image, due, self._count - 1)
        return None

    def _rewind(self) -> None:
        self._base += self._source.duration_ns or (self._last + self._period)
        self._last = -1
        self._source.close()
        self._source = self._make()
        self._source.open()

    def close(self) -> None:
        self._stop.set()
        self._source.close()


class PacedAudio(AudioSource):
    """`PacedVideo` for sound. A block is handed out when its last sample would have been recorded. In a loop each
    round lasts as long as the file says, with silence at the end where the sound is shorter."""

    live = True

    def __init__(
        self, make: Callable[[], AudioSource], epoch_ns: int, loop: bool = False, source: AudioSource | None = None
    ) -> None:
        self._make, self._epoch, self._loop = make, epoch_ns, loop
        self._source = source or make()
        self._stop = threading.Event()
        self._sent = 0  # samples since the epoch
        self._round = 0  # samples of this round
        self.name = self._source.name

    def open(self) -> None:
        self._source.open()
        self._length = round((self._source.duration_ns or 0) * SAMPLE_RATE / _NS)
        while (late := self._now() - self._sent) > SAMPLE_RATE // 10:  # take up where the clock is
            if self._next(min(SAMPLE_RATE, late)) is None:
                break

    def _now(self) -> int:
        return (now_ns() - self._epoch) * SAMPLE_RATE // _NS

    def read(self, samples: int) -> MicBlock | None:
        start = self._sent
        data = self._next(samples)
        if data is None:
            return None
        wait = self._epoch + self._sent * _NS // SAMPLE_RATE - now_ns()
        if wait > 0 and self._stop.wait(wait / _NS):
            return None
        return MicBlock(data, self._epoch + start * _NS // SAMPLE_RATE, start)

    def _next(self, samples: int) -> NDArray[np.float32] | None:
        parts: list[NDArray[np.float32]] = []
        missing = samples
        while missing:
            part = self._part(missing)
            if part is None:
                break
            parts.append(part)
            missing -= part.size
            self._round += part.size
        if not parts:
            return None
        data = np.concatenate(parts)
        self._sent += data.size
        return data

    def _part(self, samples: int) -> NDArray[np.float32] | None:
        left = self._length - self._round if self._loop and self._length else samples
        if left > 0:
            block = self._source.read(min(samples, left))
            self.damaged = self._source.damaged
            if block is not None and block.samples.size:
                return block.samples
            if self._loop and self._length:
                return np.zeros(min(samples, left), np.float32)
        if not self._loop or not self._round:
            return None
        self._round = 0
        self._source.close()
        self._source = self._make()
        self._source.open()
        return self._part(samples)

    def close(self) -> None:
        self._stop.set()
        self._source.close()
