"""Clips made for a test: grey pictures that flash white, and a tone while they do; and how to find both again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

RATE = 48_000
FLASH = 0.1
"""Length of a flash and its tone in seconds."""


def make_clip(
    path: Path,
    *,
    seconds: float = 4.0,
    rate: int = 30,
    size: tuple[int, int] = (160, 120),
    flashes: tuple[float, ...] = (1.0, 3.0),
    gop: int = 30,
    sound: bool = True,
    channels: str = "stereo",
    level: float = 0.5,
    codec: str = "libx264",
    audio_codec: str = "aac",
    options: dict[str, str] | None = None,
    base: tuple[int, int, int] = (90, 90, 90),
) -> Path:
    """H.264 and AAC as OBS writes them (B-frames included). The number of each picture is written into its lower left
    corner as 12 black or white fields, see `number_of`."""
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=rate)
        video.width, video.height, video.pix_fmt = size[0], size[1], "yuv420p"
        video.codec_context.gop_size = gop
        video.options = options if options is not None else {"preset": "veryfast", "crf": "18", "sc_threshold": "0"}
        audio = None
        if sound:
            audio = out.add_stream(audio_codec, rate=RATE)
            audio.layout = channels
        for index in range(round(seconds * rate)):
            picture = av.VideoFrame.from_ndarray(_picture(index, rate, size, flashes, base), format="rgb24")
            out.mux(video.encode(picture))
        if audio is not None:
            samples = _tone(seconds, flashes, level)
            data = np.repeat(samples[None], audio.codec_context.channels, axis=0)
            for start in range(0, data.shape[1], 1024):
                part = np.ascontiguousarray(data[:, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=channels)
                frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
        out.mux(video.encode(None))
    return path


def _picture(
    index: int, rate: int, size: tuple[int, int], flashes: tuple[float, ...], base: tuple[int, int, int]
) -> NDArray[np.uint8]:
    lit = any(round(at * rate) <= index < round((at + FLASH) * rate) for at in flashes)
    image = np.empty((size[1], size[0], 3), np.uint8)
    image[:] = (250, 250, 250) if lit else base
    for bit in range(12):
        image[size[1] - 8 :, bit * 8 : bit * 8 + 8] = 255 if index >> bit & 1 else 0
    return image


def number_of(image: NDArray[np.uint8]) -> int:
    """The number of a picture of `make_clip`, read back from it."""
    fields = [image[-6:-2, bit * 8 + 2 : bit * 8 + 6].mean() > 127 for bit in range(12)]
    return sum(1 << bit for bit, white in enumerate(fields) if white)


def _tone(seconds: float, flashes: tuple[float, ...], level: float) -> NDArray[np.float32]:
    out = np.zeros(round(seconds * RATE), np.float32)
    for at in flashes:
        start, count = round(at * RATE), round(FLASH * RATE)
        out[start : start + count] = level * np.sin(2 * np.pi * 1000 * np.arange(count) / RATE)
    return out


def pictures(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    """(seconds, RGB picture) of all pictures, by their own time stamps from the file's zero."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        return [(float(f.pts * stream.time_base), f.to_ndarray(format="rgb24")) for f in file.decode(stream)]


def samples(path: Path) -> tuple[NDArray[np.float32], float]:
    """((channels, n) float32 at 48 kHz, seconds of the first sample)."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", rate=RATE)
        start: float | None = None
        parts = []
        for frame in file.decode(stream):
            start = float(frame.pts * frame.time_base) if start is None else start
            parts += [part.to_ndarray() for part in resampler.resample(frame)]
        parts += [part.to_ndarray() for part in resampler.resample(None)]
        return np.concatenate(parts, axis=1), start or 0.0


def flash_times(path: Path, threshold: float = 180.0) -> list[float]:
    """When the upper half of the picture begins to be white."""
    out, before = [], False
    for at, image in pictures(path):
        lit = image[: image.shape[0] // 2].mean() > threshold
        if lit and not before:
            out.append(at)
        before = lit
    return out


def tone_times(path: Path, threshold: float = 0.1) -> list[float]:
    """When a tone begins: the first sample above the threshold after 50 ms below it."""
    sound, start = samples(path)
    loud = np.flatnonzero(np.abs(sound[0]) > threshold)
    begins = loud[np.flatnonzero(np.diff(loud, prepend=-RATE) > RATE // 20)]
    return [start + float(index) / RATE for index in begins]


def seconds_of(path: Path) -> float:
    """Length of the picture: from the first frame to the end of the last one."""
    times = [at for at, _ in pictures(path)]
    return times[-1] - times[0] + (times[-1] - times[0]) / (len(times) - 1)


def decodes_to_its_end(path: Path) -> int:
    """Number of pictures; fails if anything in the file is damaged."""
    with av.open(str(path)) as file:
        count = 0
        for packet in file.demux():
            assert not packet.is_corrupt
            for frame in packet.decode():
                count += isinstance(frame, av.VideoFrame)
        return count


def streams_of(path: Path) -> dict[str, Any]:
    """Codec names and size."""
    with av.open(str(path)) as file:
        out: dict[str, Any] = {stream.type: stream.codec_context.name for stream in file.streams}
        if file.streams.video:
            context = file.streams.video[0].codec_context
            out["size"] = (context.width, context.height)
        return out


def packets_of(path: Path, kind: str = "video") -> list[bytes]:
    """The encoded packets themselves: equal ones were copied."""
    with av.open(str(path)) as file:
        return [bytes(packet) for packet in file.demux(getattr(file.streams, kind)[0]) if packet.size]
