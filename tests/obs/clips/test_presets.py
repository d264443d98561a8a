"""Presets, sizes, full disks, and the command line over all of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli import app
from obs_portrait.errors import MediaError, PortraitError
from obs_portrait.obs.clips.edit.join import join
from obs_portrait.obs.clips.edit.loudness import measure, normalise
from obs_portrait.obs.clips.edit.presets import PRESETS, apply
from obs_portrait.obs.clips.edit.small import shrink
from obs_portrait.obs.clips.edit.trim import trim
from obs_portrait.obs.clips.library import Library
from obs_portrait.obs.clips.sidecar import ClipInfo
from tests.obs.clips.making import flash_times, make_clip, packets_of, seconds_of, streams_of, tone_times


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("presets") / "clip.mkv", flashes=(0.5, 1.0, 2.0, 3.0))


@pytest.mark.parametrize("name", [name for name in PRESETS if name not in ("shorts", "square")])
def test_presets(clip: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / f"out{PRESETS[name].suffix}"
    steps: list[float] = []
    made = apply(name, clip, target, progress=steps.append)
    assert made.path == target
    assert steps == sorted(steps)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    if name in ("share", "podcast"):
        assert measure(target).lufs == pytest.approx(-14, abs=0.7)
    if name in ("share", "mp4"):
        assert len(packets_of(target)) == 120
        assert flash_times(target) == pytest.approx([0.5, 1, 2, 3], abs=0.005)
        assert tone_times(target) == pytest.approx([0.5, 1, 2, 3], abs=0.03)
    if name == "slow":
        assert seconds_of(target) == pytest.approx(8, abs=1 / 15)


def test_presets_that_follow_a_face_say_when_there_is_none(clip: Path, tmp_path: Path) -> None:
    for name in ("shorts", "square"):
        with pytest.raises(MediaError, match="no face to follow"):
            apply(name, clip, tmp_path / "out.mp4")
    with pytest.raises(MediaError, match="There is no preset 'short'"):
        apply("short", clip, tmp_path / "out.mp4")
    with pytest.raises(MediaError, match=r"makes \.gif files"):
        apply("gif", clip, tmp_path / "out.mp4")
    assert not list(tmp_path.iterdir())


def test_a_size_is_kept(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", seconds=4, size=(320, 240), options={"crf": "1", "preset": "veryfast"})
    made = shrink(source, tmp_path / "out.mp4", 0.25)
    assert made.path.stat().st_size <= 250_000
    assert seconds_of(made.path) == pytest.approx(4, abs=1 / 30)
    with pytest.raises(MediaError, match="do not fit"):
        shrink(make_clip(tmp_path / "long.mp4", seconds=12, gop=300), tmp_path / "tiny.mp4", 0.1)
    assert not (tmp_path / "tiny.mp4").exists()


# ---- faults ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)], capture_output=True,
                             check=False)  # fmt: skip
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root only (on Linux)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(small_disk: Path, tmp_path: Path, suffix: str) -> None:
    source = make_clip(tmp_path / "in.mkv", seconds=12, flashes=tuple(n / 10 for n in range(0, 119, 3)))
    works = (
        lambda target: trim(source, target, Fraction("0.1"), None),
        lambda target: join([source, source], target),
        lambda target: normalise(source, target, -23.0),
    )
    for work in works:
        with pytest.raises(MediaError, match="the disk is full"):
            work(small_disk / f"out{suffix}")
        assert not list(small_disk.iterdir())


@pytest.mark.parametrize("name", ["gif", "chat", "podcast", "slow"])
def test_interruption_leaves_nothing(clip: Path, tmp_path: Path, name: str) -> None:
    def press(done: float) -> None:
        if done > 0.2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(name, clip, tmp_path / f"out{PRESETS[name].suffix}", progress=press)
    assert not list(tmp_path.iterdir())


# ---- command line ----------------------------------------------------------------------------------------------------


def run(*words: object) -> tuple[int, str]:
    """Exit status, and what was printed or the sentence of the error."""
    result = CliRunner().invoke(app, ["clip", *map(str, words)])
    if isinstance(result.exception, PortraitError):
        return 1, str(result.exception)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


@pytest.fixture
def last(clip: Path, library: Library, tmp_path: Path) -> Path:
    """A library with one clip in it."""
    source = tmp_path / "from obs.mkv"
    source.write_bytes(clip.read_bytes())
    saved = ClipInfo(kind="replay", saved_at="2026-11-23T20:15:07.000+01:00", persona="ada", scene="[red]Main")
    return library.adopt(source, saved).path


def test_after_work_takes_the_last_clip(last: Path) -> None:
    code, said = run("trim", "--in", "1", "--out", "0:02")
    assert (code, said.strip()) == (0, str(last.with_name(f"{last.stem} trim.mkv")))
    assert seconds_of(Path(said.strip())) == pytest.approx(1, abs=0.04)
    code, said = run("trim", "--in", "1", "--out", "0:02")
    assert said.strip().endswith("trim (2).mkv")
    assert run("last") == (0, f"{last}\n"), "what was made of a clip is not the last clip"


@pytest.mark.parametrize(
    ("words", "name", "kind"),
    [
        (("still", "--at", "1.2"), "still.png", None),
        (("gif", "--out", "1", "--width", "80"), "moving.gif", None),
        (("webp", "--in", "1", "--out", "2"), "moving.webp", None),
        (("audio",), "sound.m4a", "aac"),
        (("speed", "2"), "2x.mkv", "h264"),
        (("loudness", "--lufs", "-20"), "loud.mkv", "h264"),
        (("preset", "mp4"), "mp4.mp4", "h264"),
    ],
)
def test_commands(last: Path, words: tuple[str, ...], name: str, kind: str | None) -> None:
    code, said = run(*words)
    assert (code, said.strip()) == (0, str(last.with_name(f"{last.stem} {name}")))
    if kind is not None:
        assert kind in streams_of(Path(said.strip())).values()


def test_commands_with_several_files(last: Path, tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nHello\n")
    for words in (
        ("caption", tmp_path / "a.srt", last, "-o", tmp_path / "1.mp4"),
        ("caption", tmp_path / "a.srt", "--track", "-o", tmp_path / "1.mkv"),
        ("join", last, last, "-o", tmp_path / "2.mkv"),
        ("side-by-side", last, "-o", tmp_path / "3.mp4"),
    ):
        code, said = run(*words)
        assert code == 0
        assert Path(said.strip()).stat().st_size > 1000
    assert run("join", last, last, "-o", tmp_path / "2.mkv")[1].endswith("add --force to replace it or choose another.")


def test_questions(last: Path) -> None:
    assert "LUFS, true peak" in run("loudness", "--measure")[1]
    assert "shorts" in run("preset", "list")[1]
    assert "[red]Main" in run("list")[1]
    assert json.loads(run("list", "--json")[1])[0]["persona"] == "ada"
    assert json.loads(run("last", "--json")[1])["path"] == str(last)


def test_sentences(clips_folder: Path, tmp_path: Path) -> None:
    assert "There is no clip in" in run("trim")[1]
    assert "There is no clip in" in run("list")[1]
    assert "is no time" in run("trim", tmp_path / "x.mkv", "--in", "soon")[1]
    assert "there is no such file" in run("gif", tmp_path / "x.mkv")[1]
    (tmp_path / "text.mkv").write_text("no video")
    assert "cannot be read as a video" in run("trim", tmp_path / "text.mkv")[1]
    assert not clips_folder.exists()
