"""Writing the crops of a recording into files, picture and sound. The files hold the real person: they are the user's
own recordings, made smaller, and never go near a sink of the live program."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.face.crop import Crop
from obs_portrait.folders import take_place
from obs_portrait.media.files import check_output, explain, partial_path
from obs_portrait.media.sources import AudioSource, open_audio, open_video
from obs_portrait.media.types import SAMPLE_RATE

__all__ = ["crop_names", "write_crops"]

_TICKS: Final = 90_000


def crop_names(video: Path, folder: Path, count: int) -> list[Path]:
    """`clip-face1.mp4`, `clip-face2.mp4` … in `folder`."""
    return [folder / f"{video.stem}-face{number}.mp4" for number in range(1, count + 1)]


class _Writer:
    """One crop's file: H.264 and AAC in MP4, under a name beside the target until it is complete."""

    def __init__(self, path: Path, crop: Crop, size: int, rate: Fraction, sound: bool) -> None:
        self.path, self.crop, self._size = path, crop, size
        self._partial = partial_path(path)
        self._sound: Any = None
        self._samples = 0
        self.pictures = 0
        with self._explained():
            self._file: Any = av.open(str(self._partial), "w", format="mp4", options={"movflags": "faststart"})
            self._video = self._file.add_stream("libx264", rate=rate)
            self._video.width = self._video.height = size
            self._video.pix_fmt = "yuv420p"
            self._video.codec_context.time_base = Fraction(1, _TICKS)
            self._video.options = {"crf": "18", "preset": "veryfast"}
            if sound:
                self._sound = self._file.add_stream("aac", rate=SAMPLE_RATE)
                self._sound.layout = "mono"
                self._sound.bit_rate = 160_000

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (FFmpegError, OSError) as error:
            raise MediaError(f"{self.path}: cannot be written ({explain(error)}).") from error

    def picture(self, image: NDArray[np.uint8], captured_ns: int) -> None:
        frame = av.VideoFrame.from_ndarray(self.crop.cut(image, self._size), format="rgb24")
        frame.pts = round((captured_ns - self.crop.start_ns) * _TICKS / 1e9)
        frame.time_base = Fraction(1, _TICKS)
        with self._explained():
            self._file.mux(self._video.encode(frame))
        self.pictures += 1

    def sound(self, samples: NDArray[np.float32], captured_ns: int) -> None:
        """Takes the part of a block that lies within the crop."""
        if self._sound is None:
            return
        due = round((captured_ns - self.crop.start_ns) * SAMPLE_RATE / 1e9)
        length = round((self.crop.end_ns - self.crop.start_ns) * SAMPLE_RATE / 1e9)
        part = samples[max(0, -due) : max(0, length - due)]
        if part.size == 0:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part[None]), format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        frame.pts = self._samples = max(self._samples, due, 0)
        self._samples += part.size
        with self._explained():
            self._file.mux(self._sound.encode(frame))

    def finish(self) -> None:
        """Completes the file and gives it its name; a file without pictures is not left behind."""
        try:
            with self._explained():
                for stream in (self._video, self._sound):
                    if stream is not None:
                        self._file.mux(stream.encode(None))
                self._file.close()
                if self.pictures:
                    take_place(self._partial, self.path)
        finally:
            self._partial.unlink(missing_ok=True)

    def discard(self) -> None:
        """Gives up after an error. Must not raise."""
        with contextlib.suppress(FFmpegError, OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._partial.unlink(missing_ok=True)


def write_crops(
    video: Path,
    crops: list[Crop],
    names: list[Path],
    *,
    size: int = 512,
    force: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> list[Path]:
    """Writes every crop of `video` in one pass, scaled to size x size, with its sound (mono, as the program uses it).
    Returns the files written.

    `KeyboardInterrupt` finishes the files under way, so that they play, and is raised again. Raises `MediaError` if a
    file exists already (and not `force`) or cannot be written; what was being written is then removed.
    """
    if size % 2 or not 64 <= size <= 2160:
        raise MediaError(f"The size of a crop is an even number of pixels from 64 to 2160, not {size}.")
    for name in names:
        check_output(name, force)
        if name.resolve() == Path(video).resolve():
            raise MediaError(f"{name}: this is the recording itself; choose another folder.")
    waiting = sorted(zip(crops, names, strict=True), key=lambda pair: pair[0].start_ns)
    writers: list[_Writer] = []
    written: list[Path] = []
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(open_video(str(video)))
        ears = _Ears(video, stack)
        try:
            while (waiting or writers) and (frame := source.read()) is not None:
                now = frame.captured_ns
                while waiting and waiting[0][0].start_ns <= now:
                    crop, name = waiting.pop(0)
                    writers.append(_Writer(name, crop, size, source.rate, ears.present))
                ears.listen(writers, now)
                for writer in [w for w in writers if w.crop.end_ns <= now]:
                    writers.remove(writer)
                    writer.finish()
                    written.append(writer.path)
                for writer in writers:
                    writer.picture(frame.image, now)
                if progress is not None:
                    progress(frame.index + 1, source.frame_count)
            ears.listen(writers, max((writer.crop.end_ns for writer in writers), default=0))
            _finish(writers, written)
        except KeyboardInterrupt:
            _finish(writers, written)
            raise
        except BaseException:
            for writer in writers:
                writer.discard()
            raise
    return written


class _Ears:
    """The recording's sound, read along with the picture; silent from where it has none or can no more be read."""

    def __init__(self, video: Path, stack: contextlib.ExitStack) -> None:
        self._source: AudioSource | None = None
        with contextlib.suppress(MediaError):
            self._source = stack.enter_context(open_audio(str(video)))
        self.present = self._source is not None
        self._heard_ns = 0

    def listen(self, writers: list[_Writer], until_ns: int) -> None:
        """Reads up to a time and hands what was said to the crops that it belongs to."""
        while self._source is not None:
            wanted = round((until_ns - self._heard_ns) * SAMPLE_RATE / 1e9)
            if wanted <= 0:
                return
            block = None
            with contextlib.suppress(MediaError):
                block = self._source.read(min(wanted, SAMPLE_RATE))
            if block is None:
                self._source = None
                return
            self._heard_ns = block.captured_ns + round(block.samples.size * 1e9 / SAMPLE_RATE)
            for writer in writers:
                writer.sound(block.samples, block.captured_ns)


def _finish(writers: list[_Writer], written: list[Path]) -> None:
    while writers:
        writer = writers.pop(0)
        writer.finish()
        written.append(writer.path)
