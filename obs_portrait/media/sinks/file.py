"""A video file with the persona's picture and voice, written so that whatever happens what was written plays."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.folders import take_place
from obs_portrait.media.files import check_output, explain, partial_path
from obs_portrait.media.sinks.base import AudioSink, VideoSink
from obs_portrait.media.types import SAMPLE_RATE, PersonaBlock, PersonaFrame

__all__ = ["FORMATS", "FileSink", "remux"]

_MP4: Final = ("mp4", "libx264", "aac")
FORMATS: Final[dict[str, tuple[str, str, str]]] = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": ("mov", "libx264", "aac"),
    ".mkv": ("matroska", "libx264", "aac"),
    ".webm": ("webm", "libvpx-vp9", "libopus"),
}
"""File name suffix -> container, video codec, audio codec."""

_TICKS: Final = 90_000  # ticks a second of picture time stamps: fine enough for any frame rate
_BT709: Final = 1


class _Video(VideoSink):
    takes_all = True

    def __init__(self, owner: FileSink) -> None:
        self._owner = owner
        self.name = owner.name

    def _open(self, width: int, height: int, rate: Fraction) -> None:
        self._owner._start_video(width, height, rate)

    def _write(self, frame: PersonaFrame) -> None:
        self._owner._write_video(frame.image, frame.captured_ns)

    def close(self) -> None:
        """The owner closes."""


class _Audio(AudioSink):
    def __init__(self, owner: FileSink) -> None:
        self._owner = owner
        self.name = owner.name

    def open(self) -> None:
        """The owner opened it."""

    def _write(self, block: PersonaBlock) -> None:
        self._owner._write_audio(block.samples, block.captured_ns)

    def close(self) -> None:
        """The owner closes."""


class FileSink:
    """Writes one file through two doors: `video` takes persona frames, `audio` persona blocks, both stamped with media
    time (ns) on the same clock. H.264 (yuv420p, BT.709) and AAC for mp4, mov and mkv; VP9 and Opus for webm.

    The file grows under a name beside the target, as fragments that play even if the power goes; `close` rewrites it
    without loss into the ordinary form (index in front) and gives it its name. If that is not possible (disk full) the
    fragmented form gets the name: nothing that was written is lost.
    """

    def __init__(
        self, path: Path | str, *, sound: bool = True, force: bool = False, crf: int = 20, preset: str = "veryfast"
    ) -> None:
        """Raises `MediaError`: unknown suffix, the file exists and not `force`, folder missing or not writable.

        crf: constant rate factor of x264, 0 (lossless) to 51; preset: x264's speed.
        """
        self.path = Path(path)
        self.name = self.path.name
        if self.path.suffix.lower() not in FORMATS:
            raise MediaError(
                f"{self.path}: a file name ends with the kind of file; known are {', '.join(FORMATS)} (try .mp4)."
            )
        check_output(self.path, force)
        self._format, self._video_codec, self._audio_codec = FORMATS[self.path.suffix.lower()]
        self._partial = partial_path(self.path)
        self._crf, self._preset = crf, preset
        self._rate = Fraction(25)
        self._last_pts = -1
        self._next_sample = 0
        self._broken = False
        self._stream: Any = None
        self._sound: Any = None
        options = {"movflags": "frag_keyframe+delay_moov+default_base_moof"} if self._format in ("mp4", "mov") else {}
        with self._explained():
            self._container: Any = av.open(str(self._partial), "w", format=self._format, options=options, io_open=None)
        self._with_sound = sound
        self.video = _Video(self)
        self.audio = _Audio(self)
        self.seconds = 0.0
        """Media time of the last picture written, in seconds."""

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (FFmpegError, OSError) as error:
            self._broken = True
            if getattr(error, "errno", None) == errno.ENOSPC:
                raise MediaError(
                    f"{self.path}: the disk is full after {self.seconds:.1f} s; what was written so far is kept. "
                    "Make room or choose another disk."
                ) from error
            raise MediaError(f"{self.path}: cannot be written ({explain(error)}).") from error

    def _start_video(self, width: int, height: int, rate: Fraction) -> None:
        self._rate = Fraction(rate).limit_denominator(1001)
        with self._explained():
            stream = self._container.add_stream(self._video_codec, rate=self._rate)
            # 4:2:0 wants even sides; an odd one gets one more line, repeated.
            stream.width, stream.height = width + width % 2, height + height % 2
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.time_base = Fraction(1, _TICKS)
            context.gop_size = max(1, round(self._rate * 2))
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = 1  # limited
            if self._video_codec == "libx264":
                stream.options = {"crf": str(self._crf), "preset": self._preset}
            else:
                stream.options = {"crf": "32", "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"}
            self._stream = stream
            if self._with_sound:
                self._sound = self._container.add_stream(self._audio_codec, rate=SAMPLE_RATE)
                self._sound.layout = "mono"
                self._sound.bit_rate = 128_000

    def _write_video(self, image: NDArray[np.uint8], captured_ns: int) -> None:
        if self._stream is None or self._container is None:
            raise MediaError(f"{self.path}: written to before it was opened, or after it was closed.")
        height, width = image.shape[:2]
        if (width + width % 2, height + height % 2) != (self._stream.width, self._stream.height):
            raise MediaError(f"{self.path}: the picture changed its size to {width}x{height}; a file keeps one size.")
        if width % 2 or height % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709)
        pts = max(round(captured_ns * _TICKS / 1_000_000_000), self._last_pts + 1)
        frame.pts, frame.time_base = pts, Fraction(1, _TICKS)
        self._last_pts = pts
        with self._explained():
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        self.seconds = pts / _TICKS

    def _write_audio(self, samples: NDArray[np.float32], captured_ns: int) -> None:
        if self._sound is None or self._container is None:
            raise MediaError(f"{self.path}: this file was opened without sound, or is closed.")
        due = round(captured_ns * SAMPLE_RATE / 1_000_000_000)
        if due > self._next_sample + 1:  # a gap in the stream of blocks stays a gap in the file
            self._feed(np.zeros(due - self._next_sample, np.float32))
        elif due < self._next_sample - 1:
            samples = samples[self._next_sample - due :]
        self._feed(samples)

    def _feed(self, samples: NDArray[np.float32]) -> None:
        if samples.size == 0:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts, frame.time_base = self._next_sample, Fraction(1, SAMPLE_RATE)
        self._next_sample += samples.size
        with self._explained():
            for packet in self._sound.encode(frame):
                self._container.mux(packet)

    def close(self) -> None:
        """Finishes the file. May be called twice. Raises `MediaError` if the file could not be finished as it should;
        a playable file stays under the target's name if a picture was written."""
        container, self._container = self._container, None
        if container is None:
            return
        problem: MediaError | None = None
        try:
            if not self._broken and self._stream is not None:
                with self._explained():
                    for stream in (self._stream, self._sound):
                        for packet in stream.encode(None) if stream is not None else ():
                            container.mux(packet)
        except MediaError as error:
            problem = error
        try:
            with self._explained():
                container.close()
        except MediaError as error:
            problem = problem or error
        if self._last_pts < 0:
            self._partial.unlink(missing_ok=True)
        else:
            self._name()
        if problem is not None:
            raise problem

    def _name(self) -> None:
        """Gives the finished file its name, in its ordinary form where there is room to rewrite it."""
        finished = self._partial.with_name(self._partial.name.replace(".partial-", ".finished-"))
        try:
            if self._format in ("mp4", "mov"):
                remux(self._partial, finished, {"movflags": "faststart"})
                take_place(finished, self.path)
                self._partial.unlink(missing_ok=True)
                return
        except (FFmpegError, OSError):
            finished.unlink(missing_ok=True)
        take_place(self._partial, self.path)

    def __enter__(self) -> FileSink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def remux(source: Path, target: Path, options: dict[str, str]) -> None:
    """Copies all streams of `source` into `target` without decoding. Raises FFmpegError or OSError."""
    with av.open(str(source)) as reader, av.open(str(target), "w", options=options) as writer:
        streams = {stream.index: writer.add_stream_from_template(stream) for stream in reader.streams}
        for packet in reader.demux():
            if packet.dts is None:
                continue
            packet.stream = streams[packet.stream.index]
            writer.mux(packet)
