"""Plays a file as if it were a device: every frame and block at its time, stamped on the one clock."""

from __future__ import annotations

import threading
from fractions import Fraction

import numpy as np

from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, MicBlock
from obs_portrait.pipeline.clock import now_ns

__all__ = ["PacedAudio", "PacedVideo"]

_NS = 1_000_000_000


class PacedVideo(VideoSource):
    """Makes a live source of a file source. Media time 0 is the moment `epoch_ns`, in picture and sound alike, so both
    stay together and a restarted process takes up where the other one is. Frames whose time is over are skipped.

    loop: at the end the file starts again, one whole duration later.
    """

    live = True

    def __init__(self, source: VideoSource, epoch_ns: int, loop: bool = False) -> None:
        self._source, self._loop = source, loop
        self._epoch, self._base = epoch_ns, epoch_ns
        self._stop = threading.Event()
        self._last_media = 0
        self._count = 0
        self.name = source.name

    def open(self) -> None:
        self._source.open()
        self.width, self.height, self.rate = self._source.width, self._source.height, self._source.rate
        self._base = self._epoch
        self._period = round(_NS / (self.rate or Fraction(30)))

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        while True:
            frame = self._source.read(timeout)
            self.damaged = self._source.damaged
            if frame is None:
                if not self._loop or self._last_media <= 0:
                    return None
                self._rewind()
                continue
            self._last_media = frame.captured_ns
            due = self._base + frame.captured_ns
            wait = due - now_ns()
            if wait < -2 * self._period:
                continue  # over: a device would have dropped it
            if wait > 0 and self._stop.wait(wait / _NS):
                return None
            self._count += 1
            return CameraFrame(frame.image, due, self._count - 1)

    def _rewind(self) -> None:
        length = self._source.duration_ns or (self._last_media + self._period)
        self._source.close()
        self._source.open()
        self._base += length
        self._last_media = 0

    def close(self) -> None:
        self._stop.set()
        self._source.close()


class PacedAudio(AudioSource):
    """`PacedVideo` for sound. A block is handed out when its last sample would have been recorded."""

    live = True

    def __init__(self, source: AudioSource, epoch_ns: int, loop: bool = False, loop_ns: int | None = None) -> None:
        self._source, self._epoch, self._loop, self._loop_ns = source, epoch_ns, loop, loop_ns
        self._stop = threading.Event()
        self._sent = 0  # samples since the epoch
        self.name = source.name

    def open(self) -> None:
        self._source.open()
        late = (now_ns() - self._epoch) * SAMPLE_RATE // _NS
        while self._sent < late - SAMPLE_RATE // 10:  # a restarted process takes up where the clock is
            if self._next(min(48_000, late - self._sent)) is None:
                break

    def read(self, samples: int) -> MicBlock | None:
        start = self._sent
        data = self._next(samples)
        if data is None:
            return None
        due = self._epoch + self._sent * _NS // SAMPLE_RATE
        wait = due - now_ns()
        if wait > 0 and self._stop.wait(wait / _NS):
            return None
        return MicBlock(data, self._epoch + start * _NS // SAMPLE_RATE, start)

    def _next(self, samples: int) -> np.ndarray[tuple[int], np.dtype[np.float32]] | None:
        parts = []
        missing = int(samples)
        rewound = False
        while missing:
            block = self._source.read(missing)
            self.damaged = self._source.damaged
            if block is None or not block.samples.size:
                if not self._loop or rewound:
                    break
                self._source.close()
                self._source.open()
                rewound = True
                continue
            rewound = False
            parts.append(block.samples)
            missing -= block.samples.size
        if not parts:
            return None
        data = np.concatenate(parts)
        self._sent += data.size
        return data

    def close(self) -> None:
        self._stop.set()
        self._source.close()
