"""What is done to pictures: crop, captions, side by side, join, stills and moving pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from obs_portrait.errors import MediaError
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.obs.clips.edit import captions
from obs_portrait.obs.clips.edit.crop import crop
from obs_portrait.obs.clips.edit.join import join
from obs_portrait.obs.clips.edit.side_by_side import side_by_side
from obs_portrait.obs.clips.edit.srt import read_srt
from obs_portrait.obs.clips.edit.still import animate, still
from obs_portrait.resources import profiles_dir
from tests.obs.clips.making import (
    decodes_to_its_end,
    flash_times,
    make_clip,
    number_of,
    packets_of,
    pictures,
    seconds_of,
    streams_of,
    tone_times,
)

SRT = """1
00:00:00,500 --> 00:00:01,000
Grüße <i>aus</i> dem Studio

2
00:00:02,000 --> 00:00:03,000
A second one, so long that it does not fit into one line of such a small picture
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("pictures") / "clip.mkv")


@pytest.fixture
def srt(tmp_path: Path) -> Path:
    path = tmp_path / "words.srt"
    path.write_text(SRT, "utf-8")
    return path


# ---- crop ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face goes from the left to the right through a wide picture, after half a second without one."""
    path = tmp_path_factory.mktemp("walk") / "walk.mp4"
    face = np.asarray(Image.open(profiles_dir() / "ada" / "portrait.png").convert("RGB").resize((240, 240)))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt = 640, 240, "yuv420p"
        for index in range(60):
            image = np.full((240, 640, 3), 128, np.uint8)
            if index >= 7:
                left = 20 + (index - 7) * 7
                image[:] = np.median(face[:40, :10], axis=(0, 1))
                image[:, left : left + 240] = face
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("shape", "size"), [("square", (240, 240)), ("9:16", (134, 238))])
def test_the_face_stays_in_the_crop(walk: Path, tmp_path: Path, shape: str, size: tuple[int, int]) -> None:
    made = crop(walk, tmp_path / "out.mp4", shape)
    assert streams_of(made.path)["size"] == size
    shown = pictures(made.path)
    assert len(shown) == 60
    middles = []
    with FaceTracker("image") as tracker:
        for _, image in shown[10::5]:
            wide = np.pad(image, ((0, 0), (80, 80), (0, 0)), constant_values=128)  # a face that fills all is not found
            face = tracker.track(np.ascontiguousarray(wide), 0)
            if face is not None:
                middles.append(float(face.landmarks[:, 0].mean() - 80) / size[0])
    assert len(middles) >= 7
    assert all(0.2 < middle < 0.8 for middle in middles), middles


def test_crop_can_be_made_larger_and_closer(walk: Path, tmp_path: Path) -> None:
    made = crop(walk, tmp_path / "out.mp4", "9:16", width=270, close=True)
    assert streams_of(made.path)["size"] == (270, 480)


def test_nobody_to_follow(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no face to follow"):
        crop(clip, tmp_path / "out.mp4")
    with pytest.raises(MediaError, match="no shape"):
        crop(clip, tmp_path / "out.mp4", "round")
    assert not list(tmp_path.iterdir())


# ---- captions --------------------------------------------------------------------------------------------------------


def test_burned_captions_are_there_while_they_are_said(clip: Path, srt: Path, tmp_path: Path) -> None:
    made = captions.burn(clip, tmp_path / "out.mp4", srt, size=0.1)
    before, after = pictures(clip), pictures(made.path)
    assert len(before) == len(after)
    for (at, old), (_, new) in zip(before, after, strict=True):
        said = 0.5 <= at < 1.0 or 2.0 <= at < 3.0
        differs = np.abs(old[60:108].astype(int) - new[60:108]).max() > 60
        if not (1.0 <= at < 1.1):  # white on white
            assert differs == said, at
        assert np.abs(old[:30].astype(int) - new[:30]).mean() < 3
    assert packets_of(made.path, "audio")[1:] == packets_of(clip, "audio")[1:]
    assert tone_times(made.path) == pytest.approx([1.0, 3.0], abs=0.005)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_captions_as_a_track(clip: Path, srt: Path, tmp_path: Path, suffix: str) -> None:
    made = captions.mux(clip, tmp_path / f"out{suffix}", srt, language="deu")
    assert len(pictures(made.path)) == 120
    assert flash_times(made.path) == pytest.approx([1.0, 3.0], abs=0.005)
    assert tone_times(made.path) == pytest.approx([1.0, 3.0], abs=0.005)
    with av.open(str(made.path)) as file:
        track = file.streams.subtitles[0]
        assert track.language == "deu"
        found = [
            (float(packet.pts * packet.time_base), float(packet.duration * packet.time_base), text)
            for packet in file.demux(track)
            if packet.size and (text := bytes(packet)[2 if suffix == ".mp4" else 0 :].decode())
        ]
    assert [(start, length) for start, length, _ in found] == [(0.5, 0.5), (2.0, 1.0)]
    assert found[0][2] == "Grüße aus dem Studio"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no caption"),
        ("nonsense", "no caption"),
        ("1\n00:00:02,000 --> 00:00:01,000\nback\n", "line 2: the caption ends before"),
        ("1\n0:0 --> never\nx\n", "line 2"),
    ],
)
def test_bad_captions(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "bad.srt"
    path.write_text(text)
    with pytest.raises(MediaError, match=sentence):
        read_srt(path)
    with pytest.raises(MediaError, match="cannot be read"):
        read_srt(tmp_path / "none.srt")


def test_captions_of_many_programs(tmp_path: Path) -> None:
    path = tmp_path / "windows.srt"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        path.write_bytes(SRT.replace("\n", "\r\n").replace(",", ".").encode(encoding))
        assert [caption.text.split()[0] for caption in read_srt(path)] == ["Grüße", "A"]


# ---- side by side ----------------------------------------------------------------------------------------------------


def test_side_by_side_is_aligned_by_time(tmp_path: Path) -> None:
    driver = make_clip(tmp_path / "driver.mp4", size=(160, 120), flashes=(2.0,), seconds=5, rate=15)
    persona = make_clip(tmp_path / "persona.mkv", size=(320, 240), flashes=(1.0,), seconds=3, base=(20, 60, 120))
    made = side_by_side(driver, persona, tmp_path / "both.mp4", offset=Fraction(1))
    assert streams_of(made.path)["size"] == (320, 120)
    assert seconds_of(made.path) == pytest.approx(3, abs=1 / 30)
    shown = pictures(made.path)
    lit = [[at for at, image in shown if image[:60, side].mean() > 180] for side in (slice(0, 160), slice(160, 320))]
    assert lit[0][0] == pytest.approx(1.0, abs=0.035)
    assert lit[1][0] == pytest.approx(1.0, abs=0.005)
    assert tone_times(made.path) == pytest.approx([1.0], abs=0.03)
    left = side_by_side(driver, persona, tmp_path / "left.mp4", offset=Fraction(1), sound="left")
    assert tone_times(left.path) == pytest.approx([1.0], abs=0.03)


def test_side_by_side_without_a_common_moment(clip: Path, tmp_path: Path) -> None:
    other = make_clip(tmp_path / "other.mp4", seconds=1, flashes=())
    with pytest.raises(MediaError, match="do not overlap"):
        side_by_side(clip, other, tmp_path / "out.mp4", offset=Fraction(30))
    assert not (tmp_path / "out.mp4").exists()


# ---- join ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_clips_of_one_kind_are_joined_without_loss(clip: Path, tmp_path: Path, suffix: str) -> None:
    other = make_clip(tmp_path / "other.mkv", seconds=2, flashes=(0.5,))
    made = join([clip, other, clip], tmp_path / f"out{suffix}")
    assert "without loss" in made.how
    assert [number_of(image) for _, image in pictures(made.path)] == [*range(120), *range(60), *range(120)]
    assert decodes_to_its_end(made.path) == 300
    assert flash_times(made.path) == pytest.approx([1, 3, 4.5, 7, 9], abs=1 / 60)
    assert tone_times(made.path) == pytest.approx([1, 3, 4.5, 7, 9], abs=0.03)


def test_clips_of_different_kinds_are_joined(clip: Path, tmp_path: Path) -> None:
    tall = make_clip(tmp_path / "tall.mp4", size=(120, 160), rate=25, seconds=2, flashes=(0.5,), channels="mono")
    silent = make_clip(tmp_path / "silent.mkv", seconds=1, sound=False, flashes=())
    made = join([clip, silent, tall], tmp_path / "out.mp4")
    assert "parameters differ" in made.how
    assert streams_of(made.path)["size"] == (160, 120)
    assert seconds_of(made.path) == pytest.approx(7, abs=1 / 20)
    assert flash_times(made.path, 120) == pytest.approx([1, 3, 5.5], abs=1 / 30)
    assert tone_times(made.path) == pytest.approx([1, 3, 5.5], abs=0.03)
    with pytest.raises(MediaError, match="two clips or more"):
        join([clip], tmp_path / "one.mp4")


# ---- stills, moving pictures -----------------------------------------------------------------------------------------


def test_still(clip: Path, tmp_path: Path) -> None:
    for at, number in ((0, 0), (Fraction("1.01"), 30), (Fraction("3.999"), 119)):
        made = still(clip, tmp_path / "still.png", Fraction(at), force=True)
        assert number_of(np.asarray(Image.open(made.path))) == number
    with pytest.raises(MediaError, match="no picture at 9 s"):
        still(clip, tmp_path / "other.png", Fraction(9))
    with pytest.raises(MediaError, match="a still is one of"):
        still(clip, tmp_path / "still.bmp", Fraction(0))


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_moving_pictures(clip: Path, tmp_path: Path, suffix: str) -> None:
    made = animate(clip, tmp_path / f"out{suffix}", start=Fraction("0.5"), end=Fraction("2.5"), rate=15, width=120)
    with Image.open(made.path) as image:
        assert image.size == (120, 90)
        total, lit = 0, []
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            if np.asarray(image.convert("L"))[:40].mean() > 180:
                lit.append(total)
            total += image.info["duration"]
    assert total == 2000
    assert lit[0] == pytest.approx(500, abs=67)


def test_moving_pictures_that_are_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"\.gif or \.webp"):
        animate(clip, tmp_path / "out.mp4")
    with pytest.raises(MediaError, match="nothing between"):
        animate(clip, tmp_path / "out.gif", start=Fraction(3), end=Fraction(1))
    with pytest.raises(MediaError, match="1 to 50"):
        animate(clip, tmp_path / "out.gif", rate=500)
    assert not list(tmp_path.iterdir())
