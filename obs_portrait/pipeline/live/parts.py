"""A live recording's parts: one file for each run of a process, playable by itself even if the process is killed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from obs_portrait.errors import MediaError
from obs_portrait.media.sinks.base import AudioSink, VideoSink
from obs_portrait.media.types import SAMPLE_RATE, PersonaBlock, PersonaFrame

__all__ = ["AudioPart", "VideoPart"]

_TICKS = 90_000
_LOSE_LITTLE = {"cluster_time_limit": "200", "flush_packets": "1"}
"""Every 200 ms goes to the disk: what is lost with a killed process is no more than that."""
_ROOM = 150
"""Frames or blocks that may wait for the disk; more are left out and counted in `lost`."""


class _Writer:
    """A thread that writes, so that neither the pacer nor the audio loop ever waits for an encoder or a disk."""

    def __init__(self, name: str, write: Callable[[Any], None]) -> None:
        self._name, self._write = name, write
        self._queue: queue.Queue[Any] = queue.Queue(_ROOM)
        self._problem: Exception | None = None
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._problem is None:
                try:
                    self._write(item)
                except (FFmpegError, OSError, ValueError) as error:
                    self._problem = error

    def put(self, item: Any) -> None:
        """Raises `MediaError` once something could not be written."""
        if self._problem is not None:
            raise MediaError(f"{self._name}: cannot be written any more ({self._problem}); what was written is kept.")
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self.lost += 1

    def finish(self) -> None:
        """Writes what waits."""
        self._queue.put(None)
        self._thread.join()


class VideoPart(VideoSink):
    """H.264 in Matroska, frames at their capture times, counted from `epoch_ns`."""

    takes_all = True

    def __init__(self, path: Path, epoch_ns: int) -> None:
        self.path, self._epoch = path, epoch_ns
        self.name = f"recording {path.name}"
        self._container: Any = None

    def _open(self, width: int, height: int, rate: Fraction) -> None:
        if width % 2 or height % 2:
            raise MediaError(f"A recording needs even sides, not {width}x{height}; change --size.")
        try:
            self._container = av.open(str(self.path), "w", format="matroska", options=_LOSE_LITTLE)
            stream: Any = self._container.add_stream("libx264", rate=rate)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.time_base = Fraction(1, _TICKS)
            stream.codec_context.gop_size = max(1, round(rate * 2))
            stream.options = {"crf": "20", "preset": "ultrafast", "tune": "zerolatency"}
        except (FFmpegError, OSError) as error:
            raise MediaError(f"{self.path}: cannot be recorded into ({error}).") from error
        self._stream = stream
        self._last = -1
        self._writer = _Writer(self.name, self._encode)

    def _write(self, frame: PersonaFrame) -> None:
        self._writer.put(frame)

    def _encode(self, frame: PersonaFrame) -> None:
        pts = (frame.captured_ns - self._epoch) * _TICKS // 1_000_000_000
        if pts <= self._last:
            return
        self._last = pts
        picture = av.VideoFrame.from_ndarray(frame.image, format="rgb24").reformat(format="yuv420p", dst_colorspace=1)
        picture.pts, picture.time_base = pts, Fraction(1, _TICKS)
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            self._writer.finish()
            container.mux(self._stream.encode(None))
            container.close()


class AudioPart(AudioSink):
    """PCM in Matroska, blocks at their capture times, counted from `epoch_ns`."""

    def __init__(self, path: Path, epoch_ns: int) -> None:
        self.path, self._epoch = path, epoch_ns
        self.name = f"recording {path.name}"
        self._container: Any = None

    def open(self) -> None:
        try:
            self._container = av.open(str(self.path), "w", format="matroska", options=_LOSE_LITTLE)
            stream: Any = self._container.add_stream("pcm_s16le", rate=SAMPLE_RATE)
            stream.layout = "mono"
        except (FFmpegError, OSError) as error:
            raise MediaError(f"{self.path}: cannot be recorded into ({error}).") from error
        self._stream = stream
        self._next: int | None = None
        self._writer = _Writer(self.name, self._encode)

    def _write(self, block: PersonaBlock) -> None:
        self._writer.put(block)

    def _encode(self, block: PersonaBlock) -> None:
        due = round((block.captured_ns - self._epoch) * SAMPLE_RATE / 1_000_000_000)
        samples = block.samples
        if self._next is not None and due < self._next:  # the alignment delay grew: said before is not said again
            samples = samples[self._next - due :]
            due = self._next
        if due < 0:
            samples, due = samples[-due:], 0
        if not samples.size:
            return
        self._next = due + samples.size
        pcm = np.round(samples * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, due, Fraction(1, SAMPLE_RATE)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            self._writer.finish()
            container.mux(self._stream.encode(None))
            container.close()
