"""Clips that the tests draw themselves."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.face.drawn import face, points

RATE = 25
FRAMES = 20


def write_clip(path: Path, pictures: list[np.ndarray], *, sound: bool = False) -> Path:
    """A video of these pictures at 25 fps, nearly lossless; with `sound`, a 440 Hz tone of the same length."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"crf": "8", "preset": "ultrafast"}
        tone = out.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if tone is not None:
            samples = np.arange(48_000 * len(pictures) // RATE)
            wave = (0.3 * np.sin(2 * np.pi * 440 * samples / 48_000)).astype(np.float32)
            block = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            block.sample_rate, block.pts = 48_000, 0
            out.mux(tone.encode(block))
            out.mux(tone.encode(None))
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 frames, 256x256: a drawn face that turns, moves and opens its mouth; with a tone."""
    pictures = []
    for number in range(FRAMES):
        phase = np.sin(2 * np.pi * number / FRAMES)
        pictures.append(face(points(10 * phase, 0, 4 * phase, (128 + 10 * phase, 128.0), 8.0, max(0.0, -phase))))
    return write_clip(tmp_path_factory.mktemp("clips") / "drawn clip.mp4", pictures, sound=True)
