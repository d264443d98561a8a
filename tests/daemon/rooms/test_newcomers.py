"""New personas: pictures of strangers, faces that are found and such that are set by hand, and what is kept of them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daemon.control.rooms import Consent, Points
from daemon.rooms.errands import Errands
from daemon.rooms.newcomers import LARGEST_PICTURE, NewcomerRoom
from obs_portrait.errors import ControlError, PortraitError, ProfileError
from obs_portrait.face.portrait import load_portrait
from obs_portrait.face.topology import LEFT_EYE, RIGHT_EYE
from obs_portrait.persona import store
from tests.daemon.rooms.conftest import picture, portrait

CONSENT: Consent = {"kind": "fictional", "subject": "Nobody", "statement": "Drawn for a test."}


@pytest.fixture
def room(errands: Errands) -> NewcomerRoom:
    return NewcomerRoom(errands)


def test_a_face_is_found(room: NewcomerRoom) -> None:
    look = room.look(portrait("ada"))
    assert look["found"]
    assert len(look["points"]) == len(look["names"]) == len(set(look["names"])) == 478
    right, left = (np.mean([look["points"][i] for i in ring], axis=0) for ring in (RIGHT_EYE, LEFT_EYE))
    assert right[0] < left[0]  # as one looks at the picture
    assert abs(right[1] - left[1]) < 40


def test_where_none_is_found_a_face_is_laid_into_the_middle(room: NewcomerRoom) -> None:
    look = room.look(portrait("robot"))
    assert not look["found"]
    points = np.array(look["points"])
    with Image.open(store.load("robot").portrait_path) as image:
        middle = np.array(image.size) / 2
    assert np.abs((points.min(0) + points.max(0)) / 2 - middle).max() < 2


def test_a_persona_is_made_from_a_face_that_is_found(room: NewcomerRoom, config: Path) -> None:
    made = room.make("Äda 2", portrait("ada"), CONSENT, None)
    assert made["persona"] == "Äda 2"
    assert made["found"]
    profile = store.load("Äda 2")
    assert profile.consent.subject == "Nobody"
    assert sorted(path.name for path in profile.folder.iterdir()) == ["portrait.png", "profile.toml"]
    seen = load_portrait(profile.portrait_path)
    assert np.abs(seen.landmarks[:, :2] - made["landmarks"]).max() < 1.0


def test_points_set_by_hand_are_what_it_plays_with(room: NewcomerRoom, config: Path) -> None:
    points: Points = [[x + 7.0, y - 5.0] for x, y in room.look(portrait("robot"))["points"]]
    made = room.make("tin", portrait("robot"), CONSENT, points)
    assert not made["found"]
    seen = load_portrait(store.load("tin").portrait_path)
    assert np.abs(seen.landmarks[:, :2] - points).max() < 0.02
    assert 0 < np.ptp(seen.landmarks[:, 2]) < np.ptp(seen.landmarks[:, 0])  # it has depth
    # and the mesh engine can move it
    from obs_portrait.face.mesh.engine import MeshEngine
    from obs_portrait.face.types import Canvas

    engine = MeshEngine()
    engine.prepare(seen, store.load("tin").face, Canvas(128, 128))
    still = engine.still()
    assert still is not None
    assert still.shape == (128, 128, 3)


def test_a_large_picture_is_kept_smaller_and_its_points_with_it(room: NewcomerRoom, config: Path) -> None:
    big = picture("JPEG", (3000, 1500))
    points: Points = room.look(big)["points"]
    made = room.make("wide", big, CONSENT, points)
    assert np.abs(np.array(made["landmarks"]) - points).max() < 0.02  # told in the picture that was given
    seen = load_portrait(store.load("wide").portrait_path)
    assert seen.image.shape == (1024, 2048, 3)
    assert np.abs(seen.landmarks[:, :2] - np.array(points) * 2048 / 3000).max() < 0.1


def test_nothing_is_kept_but_the_pixels(room: NewcomerRoom, config: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    exif[0x0112] = 6  # lies on its side
    given = picture("JPEG", (300, 200), exif=exif)
    assert b"where I live" in given
    points = room.look(given)["points"]
    assert np.array(points).max(0)[1] > 200  # upright it is 200 x 300
    room.make("private", given, CONSENT, points)
    kept = store.load("private").portrait_path.read_bytes()
    assert b"where I live" not in kept
    assert b"eXIf" not in kept
    with Image.open(store.load("private").portrait_path) as image:
        assert image.size == (200, 300)


def test_without_a_face_and_without_points_it_is_refused(room: NewcomerRoom, config: Path) -> None:
    with pytest.raises(PortraitError, match="set the points by hand"):
        room.make("nobody", portrait("robot"), CONSENT, None)
    assert not (config / "profiles").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: p[:-1], "478"),
        (lambda p: [(100.0, 100.0)] * 478, "only 0x0 pixels"),
        (lambda p: [(x, 90.0) for x, _ in p], "pixels"),
        (lambda p: [(x + 10_000, y) for x, y in p], "outside"),
        (lambda p: [(1024 - x, y) for x, y in p], "mirrored"),
        (lambda p: [(float("nan"), y) for _, y in p], "finite"),
        (lambda p: [p[33] if i in LEFT_EYE else point for i, point in enumerate(p)]
            and [p[RIGHT_EYE[LEFT_EYE.index(i)]] if i in LEFT_EYE else q for i, q in enumerate(p)], "same place"),
    ],
)  # fmt: skip
def test_points_that_are_no_face_are_refused(room: NewcomerRoom, config: Path, change: object, says: str) -> None:
    points = room.look(portrait("robot"))["points"]
    with pytest.raises(PortraitError, match=says):
        room.make("bad", portrait("robot"), CONSENT, change(points))  # type: ignore[operator]
    assert not (config / "profiles").exists()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bomb(side: int) -> bytes:
    """A PNG of a few bytes that says it is side x side pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(b"\0" * 9999))
        + _chunk(b"IEND", b"")
    )


HOSTILE = {
    "empty": (b"", "not a PNG"),
    "text": (b"hello", "not a PNG"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a PNG"),
    "gif": (picture("GIF"), "not a PNG"),
    "tiff": (picture("TIFF"), "not a PNG"),
    "riff": (b"RIFF\0\0\0\0WAVE", "not a PNG"),
    "only a beginning": (b"\x89PNG\r\n\x1a\n", "picture"),
    "cut off": (picture()[:-2000], "picture"),
    "jpeg of nothing": (b"\xff\xd8\xff" + b"\0" * 100, "picture"),
    "webp of nothing": (b"RIFF\xff\xff\xff\xffWEBPVP8 " + b"\xff" * 40, "picture"),
    "bomb": (_bomb(30_000), "pixels"),
    "larger bomb": (_bomb(2_000_000_000), "picture"),
    "few pixels": (picture(size=(20, 20)), "too few"),
    "no pixels": (_bomb(0), "picture"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_is_one_sentence(room: NewcomerRoom, config: Path, name: str) -> None:
    content, says = HOSTILE[name]
    for act in (room.look, lambda one: room.make("x", one, CONSENT, None)):
        with pytest.raises(PortraitError, match=says) as caught:
            act(content)
        assert "\n" not in str(caught.value)
        assert "/tmp" not in str(caught.value)
    assert not (config / "profiles").exists()


def test_a_file_that_is_too_large_is_not_even_sent(room: NewcomerRoom) -> None:
    with pytest.raises(ControlError, match="larger than 6 MiB") as caught:
        room.look(b"\xff\xd8\xff" + b"x" * LARGEST_PICTURE)
    assert caught.value.status == 413


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "con", " a", "x" * 61, "a\0b"])
def test_a_name_that_cannot_be_a_folder_is_refused(room: NewcomerRoom, config: Path, name: str) -> None:
    with pytest.raises(ControlError, match="cannot be used") as caught:
        room.make(name, portrait("ada"), CONSENT, None)
    assert caught.value.status == 422


def test_a_name_that_is_taken_is_refused(room: NewcomerRoom, config: Path) -> None:
    for name in ("ada", "ADA"):
        with pytest.raises(ProfileError, match="already"):
            room.make(name, portrait("ada"), CONSENT, None)
