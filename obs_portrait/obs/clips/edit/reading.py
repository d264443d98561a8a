"""A clip opened for after-work: packets to copy, frames to change."""

from __future__ import annotations

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
from obs_portrait.media.files import MAX_SIDE, open_input

__all__ = ["RATE", "Reader", "Sound", "upright"]

RATE: Final = 48_000
_MOST_BAD: Final = 1000
"""So many damaged packets one after the other, and the rest of the file is given up."""


class Reader:
    """`with Reader(path) as clip:`. Times are Fractions in seconds from the file's start, that is the earlier of the
    first picture and the first sound. Damaged packets are stepped over and counted. Raises `MediaError`."""

    def __init__(self, path: Path, *, needs: str = "") -> None:
        """needs: "video" or "audio" for a file that is of no use without it."""
        self.path = Path(path)
        self.container = open_input(self.path)
        try:
            self.video: Any = next((s for s in self.container.streams.video if not _is_cover(s)), None)
            self.audio: Any = next(iter(self.container.streams.audio), None)
            if needs and getattr(self, needs) is None:
                what = "picture" if needs == "video" else "sound"
                raise MediaError(f"{self.path}: there is no {what} in this file; choose another one.")
            if self.video is None and self.audio is None:
                raise MediaError(f"{self.path}: there is neither picture nor sound in this file; choose another one.")
            if self.video is not None:
                context = self.video.codec_context
                if not (0 < context.width <= MAX_SIDE and 0 < context.height <= MAX_SIDE):
                    raise MediaError(f"{self.path}: pictures of {context.width}x{context.height} cannot be used.")
                self.video.thread_type = "AUTO"
        except BaseException:
            self.container.close()
            raise
        self.damaged = 0
        starts = [s.start_time * s.time_base for s in (self.video, self.audio) if s is not None and s.start_time]
        has_zero = any(s is not None and not s.start_time for s in (self.video, self.audio))
        self.zero = Fraction(0) if has_zero else min(starts, default=Fraction(0))
        duration = self.container.duration
        self.duration = Fraction(duration, av.time_base) if duration else None

    @property
    def rate(self) -> Fraction:
        """Pictures a second, on average."""
        return Fraction(self.video.average_rate or self.video.guessed_rate or 25)

    @property
    def frame(self) -> Fraction:
        """Length of a picture in seconds."""
        return 1 / self.rate

    def time(self, thing: Any) -> Fraction | None:
        """When a packet or a frame is shown or heard."""
        if thing.pts is None or thing.time_base is None:
            return None
        return Fraction(thing.pts * thing.time_base - self.zero)

    def seek(self, seconds: Fraction) -> None:
        """Goes to the key picture at `seconds` or before it."""
        if seconds > 0:
            try:
                self.container.seek(int((seconds + self.zero) * av.time_base), backward=True)
            except FFmpegError:
                self.container.seek(0)

    def packets(self, *streams: Any) -> Iterator[Any]:
        """Packets in the order of the file; at the end one empty packet for each stream, which flushes its decoder."""
        bad = 0
        packets = self.container.demux(*streams)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, AvEOFError):
                return
            except FFmpegError:
                self.damaged, bad = self.damaged + 1, bad + 1
                if bad > _MOST_BAD:
                    return
                continue
            bad = 0
            yield packet

    def decode(self, packet: Any) -> list[Any]:
        """The frames of a packet; none if it is damaged."""
        try:
            return list(packet.decode())
        except AvEOFError:
            return []
        except FFmpegError:
            self.damaged += 1
            return []

    def flush(self, stream: Any) -> list[Any]:
        """What the decoder still holds when reading ends before the file does."""
        try:
            frames = list(stream.decode(None))
        except FFmpegError:  # flushed already at the file's own end
            return []
        for frame in frames:
            frame.time_base = stream.time_base
        return frames

    def frames(self, stream: Any) -> Iterator[tuple[Fraction, Any]]:
        """(time, frame) of one stream, from where the reader is to the end."""
        for packet in self.packets(stream):
            for frame in self.decode(packet):
                at = self.time(frame)
                if at is not None:
                    yield at, frame

    def close(self) -> None:
        """Closes the file."""
        self.container.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Sound:
    """Turns decoded audio frames into (channels, n) float32 at 48 kHz, mono or stereo; more are mixed down."""

    def __init__(self, stream: Any, layout: str | None = None) -> None:
        """layout: "mono" or "stereo"; the stream's own if left out."""
        self.layout = layout or ("mono" if stream.codec_context.channels == 1 else "stereo")
        self._resampler = av.AudioResampler(format="fltp", layout=self.layout, rate=RATE)

    def take(self, frame: Any | None) -> Iterator[NDArray[np.float32]]:
        """The samples of a frame, or what is left after the last one (None)."""
        for part in self._resampler.resample(frame):
            samples: Any = part.to_ndarray()
            yield samples


def upright(frame: Any) -> NDArray[np.uint8]:
    """A picture as (H, W, 3) uint8 RGB, turned as the camera was held."""
    image: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    turns = round((frame.rotation or 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)
