from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obs_portrait.errors import FaceError
from obs_portrait.face.portrait import load_picture, load_portrait, load_sidecar
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.resources import profiles_dir
from tests.face.drawn import face, points


@pytest.fixture(scope="module")
def drawn() -> Image.Image:
    return Image.fromarray(face(points()))


def write_sidecar(folder: Path, **arrays: object) -> Path:
    path = folder / "landmarks.npz"
    np.savez(path, **{"landmarks": points(), "size": np.array([256, 256]), **arrays})
    return path


def close(a: np.ndarray, b: np.ndarray, tolerance: float = 4.0) -> bool:
    return float(np.abs(a[:468, :2] - b[:468, :2]).mean()) < tolerance


KINDS = ("RGB p.png", "RGBA p.png", "L p.png", "LA p.png", "P p.gif", "CMYK p.jpg", "RGB p.webp", "RGB p.bmp")


@pytest.mark.parametrize("kind", [*KINDS, "RGB p.tiff", "I;16 p.png"])
def test_every_kind_of_picture_is_read(tmp_path: Path, drawn: Image.Image, kind: str) -> None:
    mode, name = kind.split()
    if mode == "I;16":
        Image.fromarray(np.asarray(drawn.convert("L"), np.uint16) * 257).save(tmp_path / name)
    else:
        drawn.convert(mode).save(tmp_path / name)
    portrait = load_portrait(tmp_path / name)
    assert portrait.image.shape == (256, 256, 3) and portrait.image.dtype == np.uint8
    assert portrait.image.flags.c_contiguous and portrait.name == "p"
    assert close(portrait.landmarks, points())


def test_a_telephones_rotation_is_undone(tmp_path: Path, drawn: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    drawn.crop((0, 0, 256, 240)).rotate(90, expand=True).save(tmp_path / "p.jpg", exif=exif, quality=95)
    assert load_portrait(tmp_path / "p.jpg").image.shape == (240, 256, 3)


def test_transparent_parts_are_grey(tmp_path: Path) -> None:
    picture = np.zeros((80, 90, 4), np.uint8)
    picture[:, 45:] = (10, 200, 30, 255)
    Image.fromarray(picture).save(tmp_path / "p.png")
    out = load_picture(tmp_path / "p.png")
    assert (out[:, :45] == 128).all() and (out[:, 45:] == (10, 200, 30)).all()


def test_of_several_faces_the_largest(tmp_path: Path) -> None:
    both = np.hstack([face(points(scale=6)), face(points(scale=9))])
    Image.fromarray(both).save(tmp_path / "p.png")
    assert load_portrait(tmp_path / "p.png").landmarks[:, 0].mean() > 256


def test_a_face_that_is_small_in_the_picture(tmp_path: Path) -> None:
    wide = np.full((1400, 1800, 3), (96, 120, 150), np.uint8)
    wide[700:956, 1100:1356] = face(points())
    with FaceTracker("image") as tracker:
        assert tracker.track(wide, 0) is None, "seen at once: this test shows nothing"
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert close(load_portrait(tmp_path / "wide.png").landmarks, points(centre=(1228, 828)), 8)


def header_of(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"this is no picture", "not a picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "cannot be read|not a picture"),
        (header_of(20_000, 20_000), "too many pixels .limit 40 megapixels"),
        (header_of(8_000, 5_001), "8000x5001 pixels are too many"),
        (header_of(2**31 - 1, 2**31 - 1), "too many"),
        (header_of(512, 512), "cannot be read"),
        (header_of(20, 512), "20x512 pixels are too few"),
        (png(Image.new("RGB", (300, 300), (90, 20, 160))), "no face was found.*picture.*landmarks.npz"),
    ],
    ids=["empty", "text", "rubbish", "huge", "large", "endless", "cut off", "small", "faceless"],
)
def test_faults_are_one_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "portrait.png"
    path.write_bytes(data)
    with pytest.raises(FaceError, match=words) as caught:
        load_portrait(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_folder_and_cut_off(tmp_path: Path, drawn: Image.Image) -> None:
    with pytest.raises(FaceError, match="no such picture"):
        load_portrait(tmp_path / "none.png")
    with pytest.raises(FaceError, match="cannot be read"):
        load_portrait(tmp_path)
    data = png(drawn)
    (tmp_path / "half.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(FaceError, match=r"half\.png: the picture cannot be read"):
        load_portrait(tmp_path / "half.png")


def test_a_sidecar_stands_in_for_the_landmarker(tmp_path: Path) -> None:
    Image.new("RGB", (256, 256), (0, 90, 90)).save(tmp_path / "thing.png")
    write_sidecar(tmp_path)
    np.testing.assert_array_equal(load_portrait(tmp_path / "thing.png").landmarks, points())
    (tmp_path / "landmarks.npz").rename(tmp_path / "elsewhere.npz")
    portrait = load_portrait(tmp_path / "thing.png", tmp_path / "elsewhere.npz")
    np.testing.assert_array_equal(portrait.landmarks, points())


def spoiled(value: float) -> np.ndarray:
    marks = points()
    marks[3, 0] = value
    return marks


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"landmarks": points()[:468]}, r"\(468, 3\), it must be \(478, 3\)"),
        ({"landmarks": spoiled(np.nan)}, "not finite"),
        ({"landmarks": spoiled(np.inf)}, "not finite"),
        ({"landmarks": spoiled(1e6)}, "outside the picture"),
        ({"landmarks": points(scale=0.2)}, "only"),
        ({"size": np.array([255, 256])}, r"made for a picture of \[255, 256\]"),
        ({"size": np.array([256])}, "made for a picture"),
        ({"landmarks": np.array([{"a": 1}], object)}, "cannot be read"),
        ({"landmarks": np.array(["x"] * 478)}, "cannot be read"),
    ],
)
def test_unfit_sidecars(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(FaceError, match=words) as caught:
        load_sidecar(write_sidecar(tmp_path, **arrays), 256, 256)
    assert "landmarks.npz" in str(caught.value)


def test_damaged_sidecars(tmp_path: Path) -> None:
    path = tmp_path / "landmarks.npz"
    np.savez(path, size=np.array([256, 256]))
    with pytest.raises(FaceError, match=r"the array .*landmarks.* is missing"):
        load_sidecar(path, 256, 256)
    path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(FaceError, match="cannot be read"):
        load_sidecar(path, 256, 256)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("landmarks.npy", b"\x93NUMPY rubbish")
        archive.writestr("size.npy", b"")
    with pytest.raises(FaceError, match="cannot be read"):
        load_sidecar(path, 256, 256)
    with pytest.raises(FaceError, match="cannot be read"):
        load_sidecar(tmp_path / "none.npz", 256, 256)
    np.savez_compressed(path, landmarks=np.zeros((2_000_000,)), size=np.array([256, 256]))
    with pytest.raises(FaceError, match="far larger"):
        load_sidecar(path, 256, 256)


def test_real_portraits(shared_data: Path) -> None:
    for path in sorted((shared_data / "portraits").glob("*.jpg")):
        portrait = load_portrait(path)
        assert np.ptp(portrait.landmarks[:, 0]) > 100


def test_the_built_in_portraits() -> None:
    pictures = [
        path for path in sorted(profiles_dir().glob("*/portrait.*")) if path.suffix in {".png", ".jpg", ".webp"}
    ]
    for path in pictures:
        portrait = load_portrait(path)
        inside = (portrait.landmarks[:, :2] >= 0) & (portrait.landmarks[:, :2] < portrait.image.shape[1::-1])
        assert inside.mean() > 0.95, path
    assert len(pictures) >= 4
