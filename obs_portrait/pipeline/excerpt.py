"""The beginning of a source: what comes before a moment of media time, nothing after it."""

from __future__ import annotations

from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, MicBlock

__all__ = ["AudioExcerpt", "VideoExcerpt"]


class VideoExcerpt(VideoSource):
    """A video source that ends after `seconds` of media time. Live sources have no media time and cannot be cut."""

    def __init__(self, source: VideoSource, seconds: float) -> None:
        self._source, self._end_ns = source, round(seconds * 1e9)
        self.name, self.live = source.name, source.live

    def open(self) -> None:
        self._source.open()
        self.width, self.height, self.rate = self._source.width, self._source.height, self._source.rate
        known, count = self._source.duration_ns, self._source.frame_count
        self.duration_ns = self._end_ns if known is None else min(known, self._end_ns)
        wanted = -(-self._end_ns * self.rate.numerator // (self.rate.denominator * 1_000_000_000))
        self.frame_count = None if count is None else min(count, wanted)

    def close(self) -> None:
        self._source.close()

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        frame = self._source.read(timeout)
        self.damaged = self._source.damaged
        return frame if frame is not None and frame.captured_ns < self._end_ns else None


class AudioExcerpt(AudioSource):
    """An audio source that ends after `seconds`, exact to the sample."""

    def __init__(self, source: AudioSource, seconds: float) -> None:
        self._source, self._end = source, round(seconds * SAMPLE_RATE)
        self._position = 0
        self.name, self.live = source.name, source.live

    def open(self) -> None:
        self._source.open()
        known, end_ns = self._source.duration_ns, round(self._end * 1e9 / SAMPLE_RATE)
        self.duration_ns = end_ns if known is None else min(known, end_ns)

    def close(self) -> None:
        self._source.close()

    def read(self, samples: int) -> MicBlock | None:
        count = min(samples, self._end - self._position)
        if samples and count <= 0:
            return None
        block = self._source.read(count)
        self.damaged = self._source.damaged
        if block is not None:
            self._position += block.samples.size
        return block
