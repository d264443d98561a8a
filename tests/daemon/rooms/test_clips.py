"""Clips as the page sees them: by ids, with pictures; cut and put away, never destroyed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from daemon.control.jsontext import as_json
from daemon.rooms.clips import ClipRoom
from daemon.rooms.errands import Errands
from daemon.rooms.trash import DELETED, discard
from obs_portrait.errors import ControlError, PortraitError
from obs_portrait.media.files import probe
from obs_portrait.obs.clips.sidecar import ClipInfo, Mark, read_sidecar, sidecar_path
from tests.obs.clips.making import make_clip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clips folder, and a home for the trash on the same file system."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    made = tmp_path / "clips"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def cutting() -> Iterator[Errands]:
    made = Errands("cutting")
    yield made
    made.close()


@pytest.fixture
def room(errands: Errands, cutting: Errands, folder: Path) -> ClipRoom:
    return ClipRoom(errands, cutting, folder)


def put(
    folder: Path, name: str = "2026-11-23 20-15-07 ada Größe 🎤", *, at: str = "20:15:07", seconds: float = 3.0
) -> Path:
    """A clip with its sidecar, as the library keeps them."""
    path = make_clip(folder / f"{name}.mkv", seconds=seconds, flashes=(1.0,), size=(640, 480))
    info = ClipInfo(
        kind="replay", saved_at=f"2026-11-23T{at}+00:00", duration_s=seconds, persona="bronze", file=path.name,
        marks=[Mark(0.0, "persona", "ada"), Mark(0.0, "scene", "Main"), Mark(1.5, "persona", "bronze")],
    )  # fmt: skip
    sidecar_path(path).write_text(info.as_json(), "utf-8")
    return path


def test_they_are_listed_newest_first_by_ids_that_are_no_paths(room: ClipRoom, folder: Path) -> None:
    assert room.rows() == []
    older, newer = put(folder, "a", at="10:00:00"), put(folder, "b", at="11:00:00")
    (folder / "no sidecar.mkv").write_bytes(b"x")
    (folder / "no clip.json").write_text("{}")
    rows = room.rows()
    assert [row["name"] for row in rows] == ["b", "a"]
    assert rows[0]["size"] == newer.stat().st_size
    assert rows[0]["seconds"] == 3.0
    assert rows[0]["persona"] == "bronze"
    assert rows[0]["made"] == "2026-11-23T11:00:00+00:00"
    assert [row["id"] for row in rows] == [room.id_of(newer), room.id_of(older)]
    assert all(re.fullmatch("[0-9a-f]{20}", row["id"]) and str(folder) not in str(row) for row in rows)
    assert room.video(rows[0]["id"]) == newer


def test_ids_are_another_daemons_business_alone(
    room: ClipRoom, errands: Errands, cutting: Errands, folder: Path
) -> None:
    """Names are a date and a persona: whoever guesses one must not have the id."""
    path = put(folder, "a")
    other = ClipRoom(errands, cutting, folder)
    assert other.id_of(path) != room.id_of(path)
    with pytest.raises(ControlError, match="look at the list again"):
        other.video(room.id_of(path))
    assert hashlib.blake2b(b"a.mkv", digest_size=10).hexdigest() not in (room.id_of(path), other.id_of(path))


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
def test_a_name_that_is_no_utf_8_is_a_clip_like_others(room: ClipRoom, folder: Path) -> None:
    good = put(folder, "a", at="10:00:00")
    path = good.with_name(os.fsdecode(b"caf\xe9.mkv"))
    path.write_bytes(good.read_bytes())
    sidecar_path(path).write_bytes(sidecar_path(good).read_bytes())
    assert sorted(json.loads(as_json(room.rows())), key=lambda row: row["name"])[1]["name"] == "caf\ufffd"
    assert room.video(room.id_of(path)) == path
    assert room.thumbnail(room.id_of(path)).startswith(b"\xff\xd8")
    made = json.loads(as_json(room.trim(room.id_of(path), 1.0, 2.5)))
    assert made["message"].startswith("Made caf\ufffd trim.mkv")
    assert room.video(made["id"]).name == os.fsdecode(b"caf\xe9 trim.mkv")
    room.discard(room.id_of(path))
    assert not path.exists()


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 20, "a"])
def test_what_is_not_listed_is_not_there(room: ClipRoom, folder: Path, name: str) -> None:
    put(folder, "a")
    for act in (room.video, room.thumbnail, room.discard, lambda one: room.trim(one, 0.0, 1.0)):
        with pytest.raises(ControlError, match="no such clip") as caught:
            act(name)
        assert caught.value.status == 404


def test_a_thumbnail_is_small_and_made_once(
    room: ClipRoom, folder: Path, errands: Errands, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(folder)
    made = room.thumbnail(room.id_of(path))
    with Image.open(io.BytesIO(made)) as image:
        assert image.size == (320, 240)
    monkeypatch.setattr(errands, "do", None)  # nobody is asked again
    assert room.thumbnail(room.id_of(path)) == made


def test_a_damaged_clip_is_one_sentence(room: ClipRoom, folder: Path) -> None:
    path = put(folder, "a")
    path.write_bytes(b"\x1aE\xdf\xa3" + b"nonsense" * 100)
    with pytest.raises(PortraitError) as caught:
        room.thumbnail(room.id_of(path))
    assert "\n" not in str(caught.value)
    with pytest.raises(PortraitError):
        room.trim(room.id_of(path), 0.0, 1.0)
    assert sorted(one.name for one in folder.iterdir()) == ["a.json", "a.mkv"]  # no half file


def test_a_part_is_a_clip_of_its_own_and_the_old_one_stays(room: ClipRoom, folder: Path) -> None:
    path = put(folder, "a", at="10:00:00")
    before = path.read_bytes()
    made = room.trim(room.id_of(path), 1.0, 2.5)
    assert path.read_bytes() == before
    new = room.video(made["id"])
    assert new.name == "a trim.mkv"
    assert made["message"].startswith("Made a trim.mkv: 1.5")
    rows = room.rows()
    assert [row["name"] for row in rows] == ["a trim", "a"]
    assert rows[0]["seconds"] == pytest.approx(1.5, abs=0.1)
    length = probe(new).duration_ns
    assert length is not None
    assert length / 1e9 == pytest.approx(1.5, abs=0.1)
    info = read_sidecar(sidecar_path(new))
    assert info is not None
    assert info.marks == [Mark(0.0, "persona", "ada"), Mark(0.0, "scene", "Main"), Mark(0.5, "persona", "bronze")]
    assert info.persona == "bronze"
    again = room.trim(room.id_of(path), 0.0, None)
    assert room.video(again["id"]).name == "a trim (2).mkv"


@pytest.mark.parametrize(("start", "end", "status"), [(2.0, 1.0, 422), (1.0, 1.0, 422), (99.0, None, None)])
def test_a_part_that_is_none_is_refused(
    room: ClipRoom, folder: Path, start: float, end: float | None, status: int | None
) -> None:
    path = put(folder, "a")
    with pytest.raises(PortraitError) as caught:
        room.trim(room.id_of(path), start, end)
    if status is not None:
        assert isinstance(caught.value, ControlError)
        assert caught.value.status == status
    assert len(room.rows()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="freedesktop.org's trash is Linux's")
def test_a_clip_goes_into_the_trash_with_its_sidecar(room: ClipRoom, folder: Path, tmp_path: Path) -> None:
    path = put(folder)
    content = path.read_bytes()
    room.discard(room.id_of(path))
    assert room.rows() == []
    assert list(folder.iterdir()) == []
    trash = tmp_path / "home" / ".local" / "share" / "Trash"
    assert (trash / "files" / path.name).read_bytes() == content
    assert sorted(one.name for one in (trash / "files").iterdir()) == [sidecar_path(path).name, path.name]
    told = (trash / "info" / f"{path.name}.trashinfo").read_text("utf-8").splitlines()
    assert told[0] == "[Trash Info]"
    from urllib.parse import unquote

    assert unquote(told[1].removeprefix("Path=")) == str(path)
    assert told[2].startswith("DeletionDate=20")


@pytest.mark.skipif(sys.platform != "linux", reason="freedesktop.org's trash is Linux's")
def test_a_second_one_of_the_same_name_overwrites_nothing(folder: Path, tmp_path: Path) -> None:
    for content in (b"first", b"second", b"third"):
        path = folder / "a.mkv"
        path.write_bytes(content)
        discard([path])
    files = tmp_path / "home" / ".local" / "share" / "Trash" / "files"
    assert sorted(one.read_bytes() for one in files.iterdir()) == [b"first", b"second", b"third"]
    assert len(list((files.parent / "info").iterdir())) == 3


def test_without_a_trash_it_goes_beside_the_clips(
    room: ClipRoom, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    for _ in range(2):
        path = put(folder, "a")
        room.discard(room.id_of(path))
    assert room.rows() == []
    kept = sorted(one.name for one in (folder / DELETED).iterdir())
    assert kept == ["a (2).json", "a (2).mkv", "a.json", "a.mkv"]


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/shm is Linux's")
def test_a_trash_on_another_disk_copies_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == folder.stat().st_dev:
        pytest.skip("needs /dev/shm on a file system of its own")
    with tempfile.TemporaryDirectory(dir=shm) as other:
        monkeypatch.setenv("XDG_DATA_HOME", other)
        path = folder / "a.mkv"
        path.write_bytes(b"clip")
        discard([path])
        assert not any(one.is_file() for one in Path(other).rglob("*"))  # nor an entry about a file that is not there
    assert (folder / DELETED / "a.mkv").read_bytes() == b"clip"
