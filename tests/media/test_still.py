"""A still picture as a source."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obs_portrait.errors import MediaError
from obs_portrait.media.files import MAX_SIDE
from obs_portrait.media.sources import open_video
from obs_portrait.media.sources.still import StillSource


def test_it_is_repeated_at_its_rate(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    with StillSource(tmp_path / "a.png", Fraction(10), 0.5) as source:
        frames = []
        while (shown := source.read()) is not None:
            assert np.array_equal(shown.image, image)
            shown.image[:] = 0  # whoever gets it may draw on it
            frames.append((shown.index, shown.captured_ns))
    assert frames == [(i, i * 100_000_000) for i in range(5)]
    assert (source.width, source.height, source.frame_count) == (30, 20, 5)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_any_kind_of_picture_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new("RGB", (16, 8), (255, 255, 255)).convert(mode).save(path)
    with open_video(str(path)) as source:
        shown = source.read()
    assert shown is not None
    assert shown.image.shape == (8, 16, 3)
    assert shown.image.min() > 250


def test_a_telephones_picture_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)
    with open_video(str(tmp_path / "a.jpg")) as source:
        assert (source.width, source.height) == (20, 40)


@pytest.mark.parametrize(
    ("content", "says"), [(None, "no such picture"), (b"", "cannot be read"), (b"not a picture", "cannot be read")]
)
def test_what_is_no_picture_is_one_sentence(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=says) as caught, open_video(str(path)):
        pass
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (MAX_SIDE + 1, 8)).save(tmp_path / "a.png")
    Image.new("1", (20_000, 20_000)).save(tmp_path / "b.png")
    for name in ("a.png", "b.png"):
        with pytest.raises(MediaError), open_video(str(tmp_path / name)):
            pass
