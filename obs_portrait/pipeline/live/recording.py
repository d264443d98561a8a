"""A live recording: each process writes its own parts, the session puts them together when it stops."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obs_portrait.errors import MediaError, PipelineError
from obs_portrait.folders import take_place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Recorder"]

_PART = re.compile(r"^\..+\.(?P<pid>\d+)\.((video|audio)\d+\.mkv|partial\.(mp4|m4v|mov|mkv))$")
_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_RATE = 48_000


class Recorder:
    """Names the parts and assembles them. Holds no pixel and no sample of the live show: the parts are files, which
    only this user may read, and so is what becomes of them."""

    def __init__(self, target: Path, force: bool = False) -> None:
        """Raises `PipelineError` if the file exists (and `force` is False), or cannot be written."""
        if target.suffix.lower() not in _FORMATS:
            raise PipelineError(f"{target}: a live recording is one of {', '.join(_FORMATS)}; choose such a name.")
        if target.exists() and not force:
            raise PipelineError(f"{target} exists; choose another name or say --force.")
        if not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
            raise PipelineError(f"The folder {target.parent} is not there or cannot be written; choose another one.")
        self.target = target
        self._numbers = itertools.count()
        self._parts: dict[str, list[Path]] = {"video": [], "audio": []}

    def left_over(self) -> str | None:
        """One sentence about parts in the target's folder that were never put together, as their program was killed;
        None if there are none. Those of a show that is still on in another program are not meant."""
        import psutil

        found = []
        with contextlib.suppress(OSError):
            for path in self.target.parent.iterdir():
                match = _PART.match(path.name)
                if match is not None and not psutil.pid_exists(int(match["pid"])):
                    found.append(path.name)
        if not found:
            return None
        return (
            f"In {self.target.parent} there are parts of a recording that was never put together, because its program "
            f"was killed: {', '.join(sorted(found))}; each plays by itself: keep what you need, and delete the rest."
        )

    def part(self, path: str) -> Path:
        """A new part for a process ("video" or "audio") that starts; one that was killed leaves its own behind."""
        while True:
            name = self.target.with_name(f".{self.target.stem}.{os.getpid()}.{path}{next(self._numbers)}.mkv")
            if _made_private(name):
                break
        self._parts[path].append(name)
        return name

    def assemble(self) -> Path | None:
        """Puts the parts together: pictures are copied, sound is encoded once, both at their capture times. The parts
        are removed when that has worked. None if nothing was recorded; raises `MediaError`, and keeps the parts."""
        import av
        from av.error import FFmpegError

        videos = [part for part in self._parts["video"] if _has_stream(part)]
        sounds = [part for part in self._parts["audio"] if _has_stream(part)]
        if videos:
            partial = self.target.with_name(f".{self.target.stem}.{os.getpid()}.partial{self.target.suffix}")
            partial.unlink(missing_ok=True)
            _made_private(partial)
            try:
                with av.open(str(partial), "w", format=_FORMATS[self.target.suffix.lower()]) as out:
                    _join(out, videos, sounds)
                take_place(partial, self.target)
            except (FFmpegError, OSError, ValueError) as error:
                kept = ", ".join(str(part) for part in videos + sounds)
                raise MediaError(
                    f"{self.target} could not be assembled ({error}); its parts are kept: {kept}."
                ) from error
        for part in itertools.chain(*self._parts.values()):
            with contextlib.suppress(OSError):  # what somebody has open stays; the recording itself is there
                part.unlink(missing_ok=True)
        return self.target if videos else None


def _made_private(path: Path) -> bool:
    """Makes an empty file that only this user may read; False if there is one of that name. One that cannot be made is
    the business of whoever is to write it, who can say so."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    except OSError:
        pass
    return True


def _has_stream(part: Path) -> bool:
    import av
    from av.error import FFmpegError

    with contextlib.suppress(FFmpegError, OSError, StopIteration), av.open(str(part)) as container:
        return next(container.demux()).size > 0
    return False


def _join(out: Any, videos: list[Path], sounds: list[Path]) -> None:
    import av

    with av.open(str(videos[0])) as first:
        picture = out.add_stream_from_template(first.streams.video[0])
    sound = None
    blocks: Iterator[tuple[int, NDArray[np.int16]]] = iter(())
    if sounds:
        sound = out.add_stream("aac", rate=_RATE)
        sound.layout, sound.bit_rate = "mono", 128_000
        blocks = _blocks(sounds)
    zero: Fraction | None = None
    encoded = 0
    for packet, time in _packets(videos):
        zero = time if zero is None else zero
        if sound is not None:
            encoded = _sound_until(out, sound, blocks, encoded, zero, time)
        shift = round(zero / packet.time_base)
        packet.pts -= shift
        packet.dts -= shift
        packet.stream = picture
        out.mux(packet)
    if sound is not None:
        _sound_until(out, sound, blocks, encoded, zero or Fraction(0), None)
        out.mux(sound.encode(None))


def _packets(parts: list[Path]) -> Iterator[tuple[Any, Fraction]]:
    """Video packets with their times, the parts one after the other; what a later part has again is left out."""
    import av

    last = Fraction(-1)
    for part in parts:
        with av.open(str(part)) as container:
            for packet in container.demux(video=0):
                if packet.dts is None or packet.pts is None:
                    continue
                time = packet.pts * packet.time_base
                if time > last:
                    last = time
                    yield packet, time


def _blocks(parts: list[Path]) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """Sound with the number of its first sample since the show's beginning; what could not be read is left out."""
    import av
    from av.error import FFmpegError

    for part in parts:
        with contextlib.suppress(FFmpegError), av.open(str(part)) as container:
            for frame in container.decode(audio=0):
                if frame.pts is not None and frame.time_base is not None:
                    yield round(frame.pts * frame.time_base * _RATE), frame.to_ndarray()[0]


def _sound_until(
    out: Any,
    stream: Any,
    blocks: Iterator[tuple[int, NDArray[np.int16]]],
    done: int,
    zero: Fraction,
    until: Fraction | None,
) -> int:
    """Encodes sound up to a time (None: all of it); gaps become silence. Returns the number of samples done."""
    import av
    import numpy as np

    offset = round(zero * _RATE)
    while until is None or done < (until - zero) * _RATE:
        first, samples = next(blocks, (0, None))
        if samples is None:
            break
        start = first - offset
        if start < done:
            samples, start = samples[done - start :], done
        if not samples.size:
            continue
        if start - done > 1:
            samples = np.concatenate((np.zeros(start - done, np.int16), samples))
        frame = av.AudioFrame.from_ndarray((samples.astype(np.float32) / 32767)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _RATE, done, Fraction(1, _RATE)
        out.mux(stream.encode(frame))
        done += samples.size
    return done
