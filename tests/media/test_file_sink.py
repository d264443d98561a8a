"""Writing files: in sync, playable whatever happens, and never over another file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_portrait.errors import MediaError
from obs_portrait.media.files import probe
from obs_portrait.media.sinks.file import FileSink
from tests.media.conftest import beep, block, flash, frame
from tests.media.test_file_source import onset, pictures, sound


def write(
    path: Path, *, seconds: float = 2.0, rate: int = 25, size: tuple[int, int] = (96, 64), at: float = 1.0
) -> None:
    tone = beep(seconds, at)
    per_frame = 48_000 // rate
    with FileSink(path) as sink:
        sink.video.open(*size, Fraction(rate))
        sink.audio.open()
        for index, (now, image) in enumerate(flash(seconds, rate, at, size)):
            sink.video.write(frame(image, now, index))
            part = tone[index * per_frame : (index + 1) * per_frame]
            sink.audio.write(block(part, index * per_frame * 1_000_000_000 // 48_000, index * per_frame))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "webm"])
def test_flash_and_beep_come_out_together(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write(path)
    frames, _ = pictures(path)
    white = [shown.captured_ns / 1e9 for shown in frames if shown.image.mean() > 180]
    assert len(frames) == 50
    assert white == [pytest.approx(1.0, abs=0.002)]
    assert onset(sound(path)[0]) == pytest.approx(1.0, abs=0.005)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_an_mp4_plays_in_a_browser(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4")
    found = probe(tmp_path / "a.mp4")
    assert (found.video_codec, found.audio_codec) == ("h264", "aac")
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # the index comes first, so that it starts at once


@settings(max_examples=12, deadline=None)
@given(width=st.integers(16, 90), height=st.integers(16, 90), rate=st.sampled_from([10, 24, 30, 60]))
def test_any_size_can_be_written(tmp_path_factory: pytest.TempPathFactory, width: int, height: int, rate: int) -> None:
    path = tmp_path_factory.mktemp("sizes") / "a.mp4"
    write(path, seconds=0.5, rate=rate, size=(width, height), at=0.2)
    frames, source = pictures(path)
    assert (source.width, source.height) == (width + width % 2, height + height % 2)
    assert len(frames) == round(0.5 * rate)


def test_colours_survive(tmp_path: Path) -> None:
    colours = np.array([[200, 40, 40], [40, 180, 60], [30, 60, 200], [235, 235, 235]], np.uint8)
    image = np.repeat(np.repeat(colours[None], 32, 0), 32, 1)
    with FileSink(tmp_path / "a.mp4", sound=False) as sink:
        sink.video.open(128, 32, Fraction(10))
        for index in range(5):
            sink.video.write(frame(image, index * 100_000_000))
    shown = pictures(tmp_path / "a.mp4")[0][-1].image
    assert np.abs(shown[16, 16::32].astype(int) - colours).max() <= 6


def test_a_gap_between_blocks_stays_a_gap(tmp_path: Path) -> None:
    with FileSink(tmp_path / "a.mkv") as sink:
        sink.video.open(32, 32, Fraction(10))
        sink.audio.open()
        for index in range(20):
            sink.video.write(frame(np.zeros((32, 32, 3), np.uint8), index * 100_000_000))
        sink.audio.write(block(np.zeros(4800, np.float32), 0))
        sink.audio.write(block(beep(0.2, 0.0), 1_500_000_000))
    assert onset(sound(tmp_path / "a.mkv")[0]) == pytest.approx(1.5, abs=0.005)


def test_no_file_is_ever_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("mine")
    with pytest.raises(MediaError, match="--force"):
        FileSink(path)
    assert path.read_text() == "mine"
    with FileSink(path, force=True) as sink:
        sink.video.open(32, 32, Fraction(10))
    assert path.read_text() == "mine"  # nothing was written, so nothing was replaced


@pytest.mark.parametrize(("name", "says"), [("a.xyz", "ends with"), ("no/a.mp4", "no such folder"), (".", "ends with")])
def test_an_impossible_target_is_one_sentence(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(MediaError, match=says):
        FileSink(tmp_path / name)


def test_a_picture_of_another_size_is_refused_and_the_file_stays_good(tmp_path: Path) -> None:
    with FileSink(tmp_path / "a.mp4", sound=False) as sink:
        sink.video.open(32, 32, Fraction(10))
        sink.video.write(frame(np.zeros((32, 32, 3), np.uint8), 0))
        with pytest.raises(MediaError, match="changed its size"):
            sink.video.write(frame(np.zeros((64, 32, 3), np.uint8), 100_000_000))
    assert len(pictures(tmp_path / "a.mp4")[0]) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root; run the tests as root for this one")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)], check=False, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_full_disk_is_told_and_what_was_written_plays(small_disk: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    path = small_disk / f"a.{suffix}"
    sink = FileSink(path, sound=False)
    sink.video.open(160, 120, Fraction(10))
    with pytest.raises(MediaError, match="disk is full") as caught:
        for index in range(2000):
            noise = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
            sink.video.write(frame(noise, index * 100_000_000))
    assert "\n" not in str(caught.value)
    try:
        sink.close()
    except MediaError as error:
        assert "disk is full" in str(error)
    assert len(pictures(path)[0]) > 3
    assert [entry.name for entry in small_disk.iterdir()] == [path.name]
