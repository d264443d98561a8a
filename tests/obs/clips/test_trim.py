"""Trimming: the right pictures, in sync, and copied where that is possible."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs_portrait.errors import MediaError
from obs_portrait.obs.clips.edit.making import parse_time
from obs_portrait.obs.clips.edit.trim import plan_cut, trim
from tests.obs.clips.making import (
    decodes_to_its_end,
    flash_times,
    make_clip,
    number_of,
    packets_of,
    pictures,
    tone_times,
)

FRAME = 1 / 30


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s, a key picture every second, B-frames as OBS's x264 makes them."""
    return make_clip(tmp_path_factory.mktemp("trim") / "clip.mkv")


def numbers(path: Path) -> list[int]:
    return [number_of(image) for _, image in pictures(path)]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_cut_on_key_pictures_is_copied(clip: Path, tmp_path: Path, suffix: str) -> None:
    made = trim(clip, tmp_path / f"out{suffix}", Fraction(1), Fraction(3))
    assert "without loss" in made.how
    assert numbers(made.path) == list(range(30, 90))
    assert pictures(made.path)[0][0] == pytest.approx(0, abs=0.002)
    if suffix == ".mkv":
        assert packets_of(made.path) == packets_of(clip)[30:90]
    assert flash_times(made.path) == pytest.approx([0.0], abs=FRAME / 2)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".webm"])
def test_cut_elsewhere_is_exact_and_says_that_it_was_encoded(clip: Path, tmp_path: Path, suffix: str) -> None:
    made = trim(clip, tmp_path / f"out{suffix}", Fraction("0.7"), Fraction("3.5"))
    assert "encoded anew" in made.how
    assert numbers(made.path) == list(range(21, 105))
    assert flash_times(made.path) == pytest.approx([0.3, 2.3], abs=FRAME / 2)
    assert tone_times(made.path) == pytest.approx([0.3, 2.3], abs=0.015)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 100), length=st.integers(1, 60))
def test_whatever_the_cut_the_pictures_are_those(clip: Path, tmp_path: Path, start: int, length: int) -> None:
    end = min(start + length, 120)
    made = trim(clip, tmp_path / "out.mkv", Fraction(start, 30), Fraction(end, 30), force=True)
    assert numbers(made.path) == list(range(start, end))


def test_copy_moves_the_cut_to_where_it_can(clip: Path, tmp_path: Path) -> None:
    made = trim(clip, tmp_path / "out.mkv", Fraction("1.7"), Fraction("2.51"), copy=True)
    shown = numbers(made.path)
    assert "without loss" in made.how
    assert shown[0] == 30
    assert 75 <= shown[-1] <= 79
    assert shown == list(range(30, shown[-1] + 1))
    assert decodes_to_its_end(made.path) == len(shown)


def test_sync_is_kept_by_a_copy(clip: Path, tmp_path: Path) -> None:
    made = trim(clip, tmp_path / "out.mp4", Fraction(2), None)
    assert "without loss" in made.how
    assert flash_times(made.path) == pytest.approx([1.0], abs=FRAME / 2)
    assert tone_times(made.path) == pytest.approx([1.0], abs=0.005)


def test_clip_without_sound(tmp_path: Path) -> None:
    silent = make_clip(tmp_path / "silent.mp4", sound=False)
    made = trim(silent, tmp_path / "out.mp4", Fraction("0.5"), Fraction(2))
    assert numbers(made.path) == list(range(15, 60))


def test_cut_file(clip: Path, tmp_path: Path) -> None:
    """A recording that ended with the power: what is there can be trimmed."""
    torn = tmp_path / "torn.mkv"
    torn.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    made = trim(torn, tmp_path / "out.mkv", Fraction("0.5"), Fraction(1))
    assert numbers(made.path) == list(range(15, 30))


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [(9, None, r"4.00 s long"), (2, 1, "must come after"), (-1, None, "cannot begin")],
)
def test_impossible_windows(clip: Path, tmp_path: Path, start: int, end: int | None, sentence: str) -> None:
    with pytest.raises(MediaError, match=sentence):
        trim(clip, tmp_path / "out.mkv", Fraction(start), None if end is None else Fraction(end))
    assert not list(tmp_path.iterdir())


def test_targets_that_are_refused(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "there.mkv").write_text("mine")
    with pytest.raises(MediaError, match="exists already"):
        trim(clip, tmp_path / "there.mkv", Fraction(0), Fraction(1))
    assert (tmp_path / "there.mkv").read_text() == "mine"
    with pytest.raises(MediaError, match="the clip itself"):
        trim(clip, clip, Fraction(0), Fraction(1), force=True)
    with pytest.raises(MediaError, match=r"'\.xyz' is not one of"):
        trim(clip, tmp_path / "out.xyz", Fraction(0), Fraction(1))
    with pytest.raises(MediaError, match="there is no picture in this file"):
        plan_cut(_tone_only(tmp_path), Fraction(0), None)


def _tone_only(folder: Path) -> Path:
    import av
    import numpy as np

    path = folder / "tone.wav"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=48_000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48_000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_interruption_leaves_nothing(clip: Path, tmp_path: Path) -> None:
    def press_ctrl_c(done: float) -> None:
        if done > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trim(clip, tmp_path / "out.mp4", Fraction("0.1"), Fraction(3), progress=press_ctrl_c)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "seconds"), [("83.5", 83.5), ("1:23.5", 83.5), ("0:01:23.5", 83.5), ("1:00:00", 3600), ("0", 0)]
)
def test_times(text: str, seconds: float) -> None:
    assert float(parse_time(text)) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1:75", "a", "1e3", "nan", "1:2:3:4"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(MediaError, match="is no time"):
        parse_time(text)
