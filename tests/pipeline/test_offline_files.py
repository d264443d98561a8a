"""Files that cannot be written, portraits and profiles that cannot be used, and which frame is the reference."""

from __future__ import annotations

import signal
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obs_portrait import render
from obs_portrait.errors import FaceError, MediaError, PortraitError, ProfileError
from obs_portrait.media.sources.file import FileAudioSource, FileVideoSource
from obs_portrait.media.types import SAMPLE_RATE
from obs_portrait.pipeline import offline
from obs_portrait.pipeline.offline import Job
from obs_portrait.pipeline.verify import read_sound
from tests.pipeline.doubles import StubTracker
from tests.pipeline.rendering import CANVAS, SIDE, Painter, assert_clean, persona, play
from tests.pipeline.studio import driver, marked, pictures, room, spoken, write_clip


@pytest.mark.usefixtures("painted")
def test_ctrl_c_leaves_a_playable_file(tmp_path: Path, portrait: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", marked(driver(60)), 30, spoken(2.0))
    out = tmp_path / "out.mp4"

    def stop(done: int, total: int | None) -> None:
        if done == 20:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    job = Job(
        persona(portrait),
        lambda: FileVideoSource(clip),
        lambda: FileAudioSource(clip),
        out,
        CANVAS,
        make_tracker=StubTracker,
    )
    result = offline.render(job, stop)
    assert result.interrupted
    assert result.frames == 20
    assert signal.getsignal(signal.SIGINT) is before
    assert_clean(out)
    assert len(pictures(out)) == 20
    assert 0.6 < read_sound(out).size / SAMPLE_RATE < 1.0


def test_a_file_is_never_replaced_unasked(tmp_path: Path, portrait: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", marked(driver(2)), 30)
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    with pytest.raises(MediaError, match="--force"):
        render(clip, out, source=portrait)
    assert out.read_bytes() == b"precious"


@pytest.mark.usefixtures("painted")
def test_a_full_disk_is_one_sentence_and_a_playable_file(tmp_path: Path, portrait: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    try:
        noise = [np.random.default_rng(k).integers(0, 256, (SIDE, SIDE, 3), np.uint8) for k in range(4)]
        Painter.fault = staticmethod(lambda count, frame: noise[count % 4])
        clip = write_clip(tmp_path / "clip.mp4", marked(driver(120)), 30, spoken(4.0))
        with pytest.raises(MediaError, match="disk is full"):
            play(clip, portrait, disk / "out.mp4", make_tracker=StubTracker)
        assert_clean(disk / "out.mp4")
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def bomb(path: Path, side: int) -> None:
    """A PNG of a few hundred bytes that claims to have side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0" * 99)) + chunk(b"IEND", b"")
    )


PORTRAITS: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "zero bytes": lambda path: path.write_bytes(b""),
    "not an image": lambda path: path.write_text("hello"),
    "20000x20000": lambda path: bomb(path, 20_000),
    "without a face": lambda path: Image.fromarray(room(1)[0]).save(path),
    "cut off": lambda path: (Image.fromarray(driver(1)[0]).save(path), path.write_bytes(path.read_bytes()[:5000])),
}


@pytest.mark.parametrize("kind", sorted(PORTRAITS))
def test_a_portrait_that_cannot_be_used_is_one_sentence(kind: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", marked(driver(2)), 30)
    picture, out = tmp_path / "bad.png", tmp_path / "out.mp4"
    PORTRAITS[kind](picture)
    with pytest.raises(FaceError) as caught:
        render(clip, out, source=picture)
    assert "bad.png" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.glob("*out*")) == []


def test_a_broken_profile_tells_all_its_problems_and_writes_nothing(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", marked(driver(2)), 30)
    profile = tmp_path / "profile.toml"
    profile.write_text('name = "x"\n[face]\nengin = "mesh"\n[voice]\nconverter = "dps"\n')
    with pytest.raises(ProfileError) as caught:
        render(clip, tmp_path / "out.mp4", persona=str(profile))
    assert len(caught.value.problems) >= 3
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 5000])
def test_a_driving_file_that_is_none_is_one_sentence(content: bytes, tmp_path: Path, portrait: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(content)
    with pytest.raises(PortraitError, match=r"clip\.mp4") as caught:
        render(clip, tmp_path / "out.mp4", source=portrait)
    assert "\n" not in str(caught.value)


# ---- the reference -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("painted")
def test_the_reference_is_what_was_asked_for(tmp_path: Path, portrait: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [*room(3), *driver(12)], 30)
    named = play(clip, portrait, tmp_path / "a.mp4", reference=7)
    assert named.reference_frame == 7
    calm = play(clip, portrait, tmp_path / "b.mp4", reference="calibrate")
    assert calm.reference_frame is not None
    assert calm.reference_frame >= 3
    for frame in (1, 99):  # nobody there; beyond the end
        with pytest.raises(FaceError, match=f"Frame {frame} "):
            play(clip, portrait, tmp_path / "c.mp4", reference=frame)
    assert not (tmp_path / "c.mp4").exists()


def test_the_best_frame_is_the_one_most_like_the_portrait(tmp_path: Path) -> None:
    frames = driver(30)
    portrait = tmp_path / "portrait.png"
    Image.fromarray(frames[26]).save(portrait)  # the mouth is open
    clip = write_clip(tmp_path / "clip.mp4", frames, 30)
    result = render(clip, tmp_path / "out.mp4", source=portrait, size=(96, 96), find_best_frame=True, sound="none")
    assert result.reference_frame is not None
    assert abs(result.reference_frame - 26) <= 2
