"""Files, frames and blocks to try the media layer on."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from obs_portrait.media.types import _SEAL, SAMPLE_RATE, Origin, PersonaBlock, PersonaFrame


def frame(image: NDArray[np.uint8], captured_ns: int, index: int = 0) -> PersonaFrame:
    return PersonaFrame(image, captured_ns, index, "test", Origin.ENGINE, _SEAL)


def block(samples: NDArray[np.float32], captured_ns: int, index: int = 0) -> PersonaBlock:
    return PersonaBlock(samples, captured_ns, index, "test", Origin.ENGINE, _SEAL)


def flash(seconds: float, rate: int, at: float, size: tuple[int, int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(ns, picture) of a grey clip with one white frame at `at` seconds."""
    for index in range(round(seconds * rate)):
        white = index == round(at * rate)
        image = np.full((size[1], size[0], 3), 250 if white else 90, np.uint8)
        yield round(index * 1e9 / rate), image


def beep(seconds: float, at: float, rate: int = SAMPLE_RATE) -> NDArray[np.float32]:
    """Silence with 50 ms of 1 kHz at `at` seconds."""
    out = np.zeros(round(seconds * rate), np.float32)
    start, count = round(at * rate), round(0.05 * rate)
    out[start : start + count] = 0.7 * np.cos(2 * np.pi * 1000 * np.arange(count) / rate)
    return out


def write_clip(
    path: Path,
    *,
    seconds: float = 2.0,
    rate: int = 25,
    size: tuple[int, int] = (96, 64),
    at: float = 1.0,
    layout: str = "stereo",
    sample_rate: int = 44_100,
    audio_delay: float = 0.0,
    codec: str = "mpeg4",
    audio_codec: str = "pcm_s16le",
) -> Path:
    """A clip with a flash and a beep at `at` seconds, written without our own sinks."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=rate)
        video.width, video.height, video.pix_fmt = size[0], size[1], "yuv420p"
        audio = container.add_stream(audio_codec, rate=sample_rate)
        audio.layout = layout
        for _, image in flash(seconds, rate, at, size):
            for packet in video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        sound = beep(seconds, at, sample_rate)
        sound = sound[round(audio_delay * sample_rate) :]
        channels = len(av.AudioLayout(layout).channels)
        data = np.round(np.repeat(sound[:, None], channels, axis=1) * 32767).astype(np.int16).reshape(1, -1)
        whole = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format="s16", layout=layout)
        whole.sample_rate, whole.pts, whole.time_base = (
            sample_rate,
            round(audio_delay * sample_rate),
            Fraction(1, sample_rate),
        )
        for packet in [*audio.encode(whole), *video.encode(None), *audio.encode(None)]:
            container.mux(packet)
    return path
