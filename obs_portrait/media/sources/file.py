"""Videos and sound from files: whatever FFmpeg reads, each picture once, in order, sound and picture on one clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.error import EOFError as AvEOFError
from av.error import FFmpegError
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.media.files import MAX_SIDE, explain, open_input
from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, MicBlock

__all__ = ["FileAudioSource", "FileVideoSource"]

_DEFAULT_RATE: Final = Fraction(25)
_MAX_BAD_IN_A_ROW: Final = 10_000
"""So many damaged packets without one good picture and the rest of the file is given up."""
_TOLERANCE: Final = SAMPLE_RATE // 50
"""Steps between audio time stamps below this (20 ms) are rounding of the container, not gaps."""
_LONGEST_GAP: Final = 600 * SAMPLE_RATE
"""A gap longer than ten minutes is a damaged time stamp, not silence."""


def _start(container: Any) -> Fraction:
    """Media time 0: the earliest start among the first picture and sound stream, in seconds."""
    starts = [
        stream.start_time * stream.time_base
        for stream in (*container.streams.video[:1], *container.streams.audio[:1])
        if stream.start_time is not None and stream.time_base is not None
    ]
    return min(starts, default=Fraction(0))


class _Reader:
    """Decodes one stream packet by packet, stepping over damaged ones."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self.container = open_input(path)
        streams = getattr(self.container.streams, kind)
        usable = [s for s in streams if not s.disposition & av.stream.Disposition.attached_pic]
        if not usable:
            self.container.close()
            what = "picture" if kind == "video" else "sound"
            raise MediaError(f"{path}: there is no {what} in this file; choose another one.")
        self.stream: Any = usable[0]
        self.damaged = 0

    def frames(self) -> Iterator[Any]:
        bad = 0
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, AvEOFError):
                return
            except FFmpegError:
                self.damaged += 1
                bad += 1
                if bad > _MAX_BAD_IN_A_ROW:
                    return
                continue
            if packet.is_corrupt:
                self.damaged += 1
            try:
                for frame in packet.decode():
                    bad = 0
                    yield frame
            except AvEOFError:
                return
            except FFmpegError:
                self.damaged += 1
                bad += 1
                if bad > _MAX_BAD_IN_A_ROW:
                    return

    def close(self) -> None:
        self.container.close()


class FileVideoSource(VideoSource):
    """The pictures of a file. Turned upright by the file's rotation; media time counts from the file's start."""

    live = False

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self._reader: _Reader | None = None
        self._frames: Iterator[Any] | None = None
        self._index = 0
        self._last_ns = -1

    def open(self) -> None:
        reader = _Reader(self.path, "video")
        stream = reader.stream
        context = stream.codec_context
        if not (0 < context.width <= MAX_SIDE and 0 < context.height <= MAX_SIDE):
            reader.close()
            raise MediaError(
                f"{self.path}: pictures of {context.width}x{context.height} pixels cannot be used; the longest side "
                f"may have {MAX_SIDE}. Make the video smaller first."
            )
        stream.thread_type = "AUTO"
        self._reader = reader
        self._frames = reader.frames()
        self._zero = _start(reader.container)
        self.rate = Fraction(stream.average_rate or stream.guessed_rate or _DEFAULT_RATE)
        self.frame_count = stream.frames or None
        duration = reader.container.duration
        self.duration_ns = None if duration is None else duration * 1000
        self._peeked: deque[CameraFrame] = deque()
        first = self.read()  # the first picture tells the true size, after rotation
        if first is None:
            self.close()
            raise MediaError(f"{self.path}: not one picture of this file can be decoded; choose another one.")
        self._peeked.append(first)
        self.height, self.width = first.image.shape[:2]

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        if self._frames is None or self._reader is None:
            raise MediaError(f"{self.path}: read before it was opened.")
        if self._peeked:
            return self._peeked.popleft()
        for frame in self._frames:
            self.damaged = self._reader.damaged
            if frame.is_corrupt:
                self.damaged += 1
                self._reader.damaged += 1
                continue
            try:
                image = np.ascontiguousarray(_upright(frame))
            except (FFmpegError, ValueError):
                self._reader.damaged += 1
                continue
            captured = self._time(frame)
            self._last_ns = captured
            self._index += 1
            return CameraFrame(image, captured, self._index - 1)
        self.damaged = self._reader.damaged
        return None

    def _time(self, frame: Any) -> int:
        """Media time of a frame, strictly increasing also where the file's stamps are not."""
        step = int(1_000_000_000 / self.rate)
        if frame.pts is None or frame.time_base is None:
            return self._last_ns + step if self._index else 0
        captured = int((frame.pts * frame.time_base - self._zero) * 1_000_000_000)
        return max(captured, 0) if not self._index else max(captured, self._last_ns + 1)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = self._frames = None


def _upright(frame: Any) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB; a telephone's clip carries its rotation beside the picture, counter-clockwise degrees."""
    image: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    turns = round((frame.rotation or 0) / 90) % 4
    return np.rot90(image, turns) if turns else image


class FileAudioSource(AudioSource):
    """The sound of a file, mixed to mono at 48 kHz, on the clock of the file's pictures.

    Gaps between time stamps become silence and overlaps are dropped, so that sound stays with the picture; sound that
    starts after the picture is preceded by silence.
    """

    live = False

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self._reader: _Reader | None = None
        self._frames: Iterator[Any] | None = None

    def open(self) -> None:
        self._reader = _Reader(self.path, "audio")
        self._frames = self._reader.frames()
        self._zero = _start(self._reader.container)
        duration = self._reader.container.duration
        self.duration_ns = None if duration is None else duration * 1000
        self._resampler: Any = None
        self._form: tuple[Any, ...] = ()
        self._pending: deque[NDArray[np.float32]] = deque()
        self._held = 0
        self._produced = 0  # samples handed to _pending since media time 0
        self._consumed = 0
        self._ended = False

    def read(self, samples: int) -> MicBlock | None:
        if self._frames is None:
            raise MediaError(f"{self.path}: read before it was opened.")
        while self._held < samples and not self._ended:
            self._decode()
        count = min(samples, self._held)
        if count == 0 and (self._ended or samples > 0):
            return None
        out = np.empty(count, np.float32)
        filled = 0
        while filled < count:
            chunk = self._pending.popleft()
            take = min(chunk.size, count - filled)
            out[filled : filled + take] = chunk[:take]
            if take < chunk.size:
                self._pending.appendleft(chunk[take:])
            filled += take
        self._held -= count
        block = MicBlock(out, self._consumed * 1_000_000_000 // SAMPLE_RATE, self._consumed)
        self._consumed += count
        return block

    def _decode(self) -> None:
        assert self._frames is not None and self._reader is not None  # noqa: S101 - narrows the type
        frame = next(self._frames, None)
        self.damaged = max(self.damaged, self._reader.damaged)
        if frame is None:
            self._ended = True
            self._take(self._flush())
            return
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:  # some files change form in the middle
            self._take(self._flush())
            self._resampler = av.AudioResampler(format="flt", layout=frame.layout.name, rate=SAMPLE_RATE)
            self._form = form
            self._align(frame, 0)
        else:
            self._align(frame, _TOLERANCE)
        frame.pts = None  # the resampler would otherwise fill or drop by itself
        try:
            self._take([_mono(part) for part in self._resampler.resample(frame)])
        except (FFmpegError, ValueError) as error:
            raise MediaError(
                f"{self.path}: the sound cannot be converted to 48 kHz mono ({explain(error)})."
            ) from error

    def _align(self, frame: Any, tolerance: int) -> None:
        """Silence for a gap before `frame`, or forgetting what a jump back repeats."""
        if frame.pts is None or frame.time_base is None:
            return
        due = round((frame.pts * frame.time_base - self._zero) * SAMPLE_RATE)
        gap = due - self._produced
        if tolerance < gap <= _LONGEST_GAP or (tolerance == 0 and 0 < gap <= _LONGEST_GAP):
            self._take(self._flush())
            gap = due - self._produced
            if gap > 0:
                self._take([np.zeros(gap, np.float32)])
        elif -_LONGEST_GAP < gap < -max(tolerance, _TOLERANCE):
            drop = min(-gap, self._held)
            while drop > 0:
                chunk = self._pending.pop()
                keep = max(chunk.size - drop, 0)
                drop -= chunk.size - keep
                self._held -= chunk.size - keep
                self._produced -= chunk.size - keep
                if keep:
                    self._pending.append(chunk[:keep])

    def _flush(self) -> list[NDArray[np.float32]]:
        if self._resampler is None:
            return []
        try:
            rest = [_mono(part) for part in self._resampler.resample(None)]
        except (FFmpegError, ValueError):
            rest = []
        form = self._form
        self._resampler = av.AudioResampler(format="flt", layout=form[1], rate=SAMPLE_RATE) if form else None
        return rest

    def _take(self, parts: list[NDArray[np.float32]]) -> None:
        for part in parts:
            bad = ~np.isfinite(part)
            if bad.any():
                self.damaged += int(bad.sum())
                part[bad] = 0.0
            if part.size:
                self._pending.append(part)
                self._held += part.size
                self._produced += part.size

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = self._frames = None


def _mono(frame: Any) -> NDArray[np.float32]:
    """Mean of the speaking channels, so that full scale stays full scale; the bass channel (LFE) is left out."""
    # Interleaved on purpose: PyAV 18.1 crashes when it reads the planes of some surround sound.
    names = [channel.name for channel in frame.layout.channels]
    samples = np.asarray(frame.to_ndarray(), np.float32).reshape(-1, len(names))
    keep = [i for i, name in enumerate(names) if name != "LFE"] or [0]
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(samples[:, keep].mean(axis=1, dtype=np.float32), np.float32)
