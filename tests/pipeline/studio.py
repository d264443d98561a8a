"""Driving clips for the tests: the bundled performance, marked, put together in every way that goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

from obs_portrait.media.sources.file import FileVideoSource
from obs_portrait.media.types import SAMPLE_RATE
from obs_portrait.pipeline.leak import PictureMark, ToneMark

PICTURE_MARK = PictureMark(8.0)
TONE_MARK = ToneMark(-34.0)


@cache
def _driver() -> tuple[np.ndarray, ...]:
    from obs_portrait.pipeline.performance import PerformanceVideoSource

    frames = []
    with PerformanceVideoSource() as source:
        while len(frames) < 30 and (frame := source.read()) is not None:
            frames.append(frame.image)
    return tuple(frames)


def driver(count: int) -> list[np.ndarray]:
    """(512, 512, 3) uint8 RGB pictures of the driver, not marked yet; there and back again."""
    there = _driver()
    turn = (*there, *there[-2:0:-1])
    return [turn[k % len(turn)].copy() for k in range(count)]


def room(count: int) -> list[np.ndarray]:
    """A room with nobody in it: what is left of the driver's picture at its edge, stretched."""
    return [np.ascontiguousarray(np.broadcast_to(image[:, :8].repeat(64, 1), image.shape)) for image in driver(count)]


def marked(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The same, each with the mark."""
    return [PICTURE_MARK.apply(frame) for frame in frames]


def spoken(seconds: float) -> np.ndarray:
    """(n,) float32: the performance's voice from where it speaks, with the marking tones."""
    from obs_portrait.pipeline.performance import speech

    begin = round(1.5 * SAMPLE_RATE)
    return TONE_MARK.apply(speech()[begin : begin + round(seconds * SAMPLE_RATE)], 0)


def write_clip(
    path: Path,
    frames: Sequence[np.ndarray],
    rate: int = 30,
    sound: np.ndarray | None = None,
    layout: str = "mono",
    sound_rate: int = SAMPLE_RATE,
    codec: str = "aac",
) -> Path:
    """A file as a camera might have made it. `sound`: (n,) float32 at 48 kHz, put into every channel of `layout`."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(rate))
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.options = {"crf": "16", "preset": "veryfast", "g": "8", "bf": "0"}
        audio = None
        if sound is not None:
            audio = container.add_stream(codec, rate=sound_rate, layout=layout)
        for frame in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            resampler = av.AudioResampler(format=audio.format.name, layout=layout, rate=sound_rate)
            for part in (*_frames(sound, layout, resampler), None):
                container.mux(audio.encode(part))
    return path


def _frames(sound: np.ndarray, layout: str, resampler: av.AudioResampler) -> list[av.AudioFrame]:
    channels = av.AudioLayout(layout).nb_channels
    out = []
    for begin in range(0, sound.size, 1024):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(np.tile(sound[None, begin : begin + 1024], (channels, 1))), "fltp", layout
        )
        frame.sample_rate, frame.pts = SAMPLE_RATE, begin
        out += resampler.resample(frame)
    return [*out, *resampler.resample(None)]


def damage(path: Path, begin: float = 0.4, end: float = 0.6) -> Path:
    """Overwrites the middle of the file with noise: the packets there cannot be decoded."""
    data = bytearray(path.read_bytes())
    first, last = round(len(data) * begin), round(len(data) * end)
    data[first:last] = np.random.default_rng(1).integers(0, 256, last - first, np.uint8).tobytes()
    path.write_bytes(data)
    return path


def pictures(path: Path) -> list[np.ndarray]:
    """All pictures of a file that can be decoded, (H, W, 3) uint8 RGB."""
    found = []
    with FileVideoSource(path) as source:
        while (frame := source.read()) is not None:
            found.append(frame.image)
    return found
