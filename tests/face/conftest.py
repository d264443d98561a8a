"""Clips that the tests draw themselves, and engines that are judged."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from obs_portrait import registry
from tests.face.drawn import face, points

RATE = 25
FRAMES = 20

# Engines of a package that is not ours, found as anybody's would be.
ENGINES = """
import numpy as np
from obs_portrait.face.engine import FaceEngine


class Still(FaceEngine):
    name = "judged-still"

    def prepare(self, portrait, settings, canvas):
        assert (settings.crop, settings.smoothing, settings.motion) == ("none", 0, "relative")
        assert portrait.image.shape == (canvas.height, canvas.width, 3)
        self.image, self.reference = portrait.image, None

    def set_reference(self, reference):
        self.reference = reference

    def render(self, observation, frame=None):
        assert frame is None and self.reference is not None
        return self.image.copy()


class Oracle(Still):
    name = "judged-oracle"
    needs_pixels = True

    def show_reference(self, frame):
        self.shown = frame

    def set_reference(self, reference):
        assert self.shown.captured_ns == reference.captured_ns
        self.reference = reference

    def render(self, observation, frame=None):
        return frame.image.copy()


class Blank(Still):
    name = "judged-blank"

    def render(self, observation, frame=None):
        return np.zeros_like(self.image)


class Broken(Still):
    name = "judged-broken"

    def render(self, observation, frame=None):
        raise RuntimeError("no")


class Small(Still):
    name = "judged-small"

    def render(self, observation, frame=None):
        return self.image[:-2].copy()


class Elsewhere(Still):
    name = "judged-elsewhere"

    @classmethod
    def validate_environment(cls):
        return "This engine needs another machine; buy one."


class Fading(Still):
    name = "judged-fading"
    needs_pixels = True

    def render(self, observation, frame=None):
        return frame.image.copy() if frame.index % 2 else np.zeros_like(self.image)
"""


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


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "judged_engines.py").write_text(ENGINES)
    info = tmp_path / "judged_engines-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: judged-engines\nVersion: 1.0\n")
    rows = [
        f"judged-{kind.lower()} = judged_engines:{kind}"
        for kind in ENGINES.split("class ")[1:]
        for kind in [kind.split("(")[0]]
    ]
    (info / "entry_points.txt").write_text("[obs_portrait.face_engines]\n" + "\n".join(rows) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry._found.cache_clear()
    yield
    registry._found.cache_clear()
