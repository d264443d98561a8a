"""Names, sidecars, moving: nothing is lost, nothing is overwritten."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from obs_portrait.errors import ObsError
from obs_portrait.obs.clips import moving
from obs_portrait.obs.clips.diary import Diary, Take
from obs_portrait.obs.clips.library import Library
from obs_portrait.obs.clips.naming import clip_stem, safe_part
from obs_portrait.obs.clips.sidecar import ClipInfo, read_sidecar, sidecar_path
from tests.obs.clips.making import make_clip

WHEN = datetime(2026, 11, 23, 20, 15, 7, 250_000, timezone(timedelta(hours=1)))


def info(when: datetime = WHEN, **more: str) -> ClipInfo:
    return ClipInfo(kind="replay", saved_at=when.isoformat(timespec="milliseconds"), **more)  # type: ignore[arg-type]


@pytest.fixture
def from_obs(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    return make_clip(folder / "Replay.mkv", seconds=1, flashes=())


# ---- names -----------------------------------------------------------------------------------------------------------


@given(st.text(max_size=400))
@example("CON")
@example("nul.txt")
@example("COM¹")
@example("...")
@example('<>:"/\\|?*')
@example("👩‍👩‍👧‍👦" * 40)
@example("\ud800")
@example("a\u202egnp.exe")
def test_any_text_becomes_a_part_of_a_name(text: str) -> None:
    part = safe_part(text)
    assert part
    assert len(part.encode()) <= 81
    assert not set(part) & set('<>:"/\\|?*\n\r\t\0')
    assert part == part.strip(" .")
    assert part.split(".")[0].lower() not in {"con", "nul", "aux", "prn", "com1", "lpt1"}
    assert safe_part(part) == part or len(part.encode()) > 79


def test_names_that_people_choose_stay_readable() -> None:
    assert clip_stem(WHEN, "ada", 'Main "Scene" 🎮') == "2026-11-23 20-15-07 ada Main-Scene- 🎮"
    assert clip_stem(WHEN, None, "  Küche / Bad ") == "2026-11-23 20-15-07 Küche- Bad"
    assert clip_stem(WHEN, "日本語", None) == "2026-11-23 20-15-07 日本語"


# ---- the library -----------------------------------------------------------------------------------------------------


def test_a_clip_gets_its_name_and_its_sidecar(library: Library, from_obs: Path) -> None:
    data = from_obs.read_bytes()
    clip = library.adopt(from_obs, info(persona="ada", scene="Main"))
    assert clip.path == library.folder / "2026-11-23 20-15-07 ada Main.mkv"
    assert clip.path.read_bytes() == data
    assert not from_obs.exists()
    written = json.loads(sidecar_path(clip.path).read_text("utf-8"))
    assert written["source_file"] == str(from_obs)
    assert written["duration_s"] == pytest.approx(1.0, abs=0.04)
    assert written["picture"] == {"codec": "h264", "width": 160, "height": 120, "rate": 30.0}
    assert written["sound"]["channels"] == 2
    assert library.last().info == clip.info


def test_nothing_is_overwritten(library: Library, from_obs: Path) -> None:
    library.prepare()
    (library.folder / "2026-11-23 20-15-07 ada.mkv").write_text("mine")
    (library.folder / "2026-11-23 20-15-07 ada (2).json").write_text("mine too")
    clip = library.adopt(from_obs, info(persona="ada"))
    assert clip.path.name == "2026-11-23 20-15-07 ada (3).mkv"
    assert (library.folder / "2026-11-23 20-15-07 ada.mkv").read_text() == "mine"
    assert (library.folder / "2026-11-23 20-15-07 ada (2).json").read_text() == "mine too"


def test_many_at_once_take_different_names(library: Library, tmp_path: Path) -> None:
    sources = [tmp_path / f"{number}.mkv" for number in range(16)]
    for number, source in enumerate(sources):
        source.write_bytes(bytes([number]) * 100)
    threads = [threading.Thread(target=library.adopt, args=(source, info())) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    contents = {clip.path.read_bytes()[0] for clip in library.list()}
    assert contents == set(range(16))


def test_list_is_newest_first_and_leaves_out_what_is_no_clip(library: Library, from_obs: Path) -> None:
    data = from_obs.read_bytes()
    for hour in (3, 1, 2):
        from_obs.write_bytes(data)
        library.adopt(from_obs, info(datetime(2026, 1, 1, hour, tzinfo=UTC)))
    (library.folder / "lost.json").write_text("{}")
    (library.folder / "damaged.json").write_text('{"version": 1, "kind"')
    (library.folder / "damaged.mkv").write_bytes(data)
    (library.folder / "holiday.mp4").write_bytes(data)
    (library.folder / "2026 trim.json").mkdir()
    assert [clip.info.when.hour for clip in library.list()] == [3, 2, 1]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", '{"kind": 1}', '{"kind": "x", "saved_at": "yesterday"}', '{"kind":"x","saved_at":"2026-01-01"}',
     "[" * 100_000, "\ud800".encode("utf-16", "surrogatepass").decode("latin-1")],
)  # fmt: skip
def test_strange_sidecars(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, "utf-8")
    assert read_sidecar(path) is None


@pytest.mark.parametrize("name", ["Ünïcode 形象.mkv", "\udcff.mkv"])
def test_a_sidecar_tells_of_a_file_whatever_its_name(name: str, tmp_path: Path) -> None:
    told = info(scene="场景", source_file=name)
    path = tmp_path / "clip.json"
    path.write_text(told.as_json(), "utf-8")
    assert read_sidecar(path) == told


def test_a_sidecar_is_believed_only_where_its_types_are_right(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    strange = {"persona": 7, "marks": [3, {"at_s": "x"}], "duration_s": float("inf"), "versions": [], "chapters": "yes"}
    path.write_text(json.dumps({"kind": "replay", "saved_at": WHEN.isoformat(), **strange}))
    found = read_sidecar(path)
    assert found is not None
    assert (found.persona, found.marks, found.duration_s, found.versions, found.chapters) == (None, [], None, {}, False)


def test_an_unreadable_clip_is_kept_all_the_same(library: Library, tmp_path: Path) -> None:
    torn = tmp_path / "torn.mkv"
    torn.write_bytes(b"\x1aE\xdf\xa3 and then the power went")
    clip = library.adopt(torn, info())
    assert clip.path.read_bytes().startswith(b"\x1aE")
    assert clip.info.duration_s is None


# ---- moving ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True,
                             check=False)  # fmt: skip
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root only (on Linux)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_across_file_systems(other_disk: Path, from_obs: Path) -> None:
    data = from_obs.read_bytes()
    clip = Library(other_disk / "clips").adopt(from_obs, info())
    assert clip.path.read_bytes() == data
    assert not from_obs.exists()
    assert sorted(path.suffix for path in clip.path.parent.iterdir()) == [".json", ".mkv"]


def test_full_disk_loses_nothing(other_disk: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.mkv"
    large.write_bytes(b"x" * 3_000_000)
    library = Library(other_disk / "clips")
    with pytest.raises(ObsError, match=r"could not be moved .*No space left.* kept as .*large\.mkv"):
        library.adopt(large, info())
    assert large.stat().st_size == 3_000_000
    assert not list(library.folder.iterdir())


def test_a_copy_is_asked_for(library: Library, from_obs: Path) -> None:
    clip = library.adopt(from_obs, info(), keep=True)
    assert clip.path.read_bytes() == from_obs.read_bytes()


def test_obs_still_holds_the_file(library: Library, from_obs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows says ERROR_SHARING_VIOLATION until OBS lets go."""
    refusals = iter(range(3))
    replace = Path.replace

    def held(self: Path, target: Path) -> Path:
        if self == from_obs and next(refusals, None) is not None:
            error = PermissionError(errno.EACCES, "used by another process")
            error.winerror = 32  # type: ignore[attr-defined]
            raise error
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", held)
    assert library.adopt(from_obs, info()).path.is_file()
    refusals = iter(range(10**9))
    from_obs.write_bytes(b"again")
    with pytest.raises(ObsError, match="kept as"):
        library.adopt(from_obs, info(), patience=0.2)
    assert from_obs.read_bytes() == b"again"
    assert len(list(library.folder.glob("*.mkv"))) == 1


def test_folders_that_cannot_be_used(tmp_path: Path, from_obs: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ObsError, match="cannot be made"):
        Library(tmp_path / "file" / "clips").adopt(from_obs, info())
    with pytest.raises(ObsError, match="it is not there"):
        Library(tmp_path / "clips").adopt(tmp_path / "gone.mkv", info())
    (tmp_path / "empty.mkv").touch()
    with pytest.raises(ObsError, match="written nothing"):
        Library(tmp_path / "clips").adopt(tmp_path / "empty.mkv", info())
    assert (tmp_path / "empty.mkv").exists()
    assert from_obs.is_file()


def test_claim_gives_up_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise FileExistsError

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(ObsError, match="ten thousand"):
        moving.claim(tmp_path, "x", ".mkv")


# ---- the diary -------------------------------------------------------------------------------------------------------


def test_marks_of_a_take() -> None:
    diary = Diary()
    second = 1_000_000_000
    for at, name in ((0, "ada"), (2, "ink"), (2.5, "ink"), (4, "ada"), (9, "nova")):
        diary.note("persona", name, round(at * second))
    diary.note("scene", None, second)
    diary.note("scene", "Main", 3 * second)
    take = Take(1 * second)
    take.pause(round(2.5 * second))
    take.resume(round(3.5 * second))
    marks = [(mark.at_s, mark.kind, mark.name) for mark in diary.marks(take, 5 * second)]
    assert marks == [(0.0, "persona", "ada"), (1.0, "persona", "ink"), (1.5, "scene", "Main"), (2.0, "persona", "ada")]


def test_changes_are_told_but_not_the_first() -> None:
    told: list[str] = []
    diary = Diary(lambda kind, name, at: told.append(name))
    for name in ("ada", "ada", "ink", "ada"):
        diary.note("persona", name)
    assert told == ["ink", "ada"]


def test_the_diary_asks_by_itself() -> None:
    asked = threading.Event()
    diary = Diary(lambda kind, name, at: asked.set())
    answers = iter(["ada", "ink"])
    diary.watch(lambda: (next(answers, "ink"), None), every=lambda: 0.001)
    assert asked.wait(30)
    diary.close()
    assert diary.now("persona") == "ink"
