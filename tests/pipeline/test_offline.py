"""Rendering files, also when everything goes wrong: the driver is marked, and the mark is looked for in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from obs_portrait import render
from obs_portrait.face.types import Canvas, Observation
from obs_portrait.media.files import probe
from obs_portrait.media.sources.file import FileAudioSource, FileVideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, Origin
from obs_portrait.pipeline import offline
from obs_portrait.pipeline.leak import PictureMark
from obs_portrait.pipeline.offline import Change, Job
from obs_portrait.pipeline.verify import read_sound
from tests.pipeline.doubles import StubTracker, blocks
from tests.pipeline.rendering import CANVAS, SIDE, Painter, assert_clean, counts, persona, play
from tests.pipeline.studio import TONE_MARK, damage, driver, marked, pictures, room, spoken, write_clip


def test_the_marks_are_there(tmp_path: Path) -> None:
    """The control: without it all that follows would say nothing."""
    clip = write_clip(tmp_path / "clip.mp4", marked([*driver(3), *room(2)]), 30, spoken(1.0))
    assert all(PictureMark.found(picture) for picture in pictures(clip))
    heard = read_sound(clip)
    assert TONE_MARK.leaked(heard) > 0.8 * heard.size


def test_a_clip_becomes_a_persona_every_frame_and_sample(tmp_path: Path, portrait: Path) -> None:
    """With the real tracker, the real engine and the real converter."""
    clip = write_clip(tmp_path / "clip.mp4", marked(driver(24)), 30, spoken(0.8))
    out = tmp_path / "out.mp4"
    seen: list[tuple[int, int | None]] = []
    result = render(clip, out, source=portrait, size=(128, 160), progress=lambda n, of: seen.append((n, of)))
    assert_clean(out)
    assert counts(result) == {"engine": 24}
    assert seen[-1] == (24, 24)
    found = probe(out)
    assert (found.width, found.height, found.video_codec, found.audio_codec) == (128, 160, "h264", "aac")
    with FileVideoSource(clip) as one, FileVideoSource(out) as two:
        while (frame := one.read()) is not None:
            shown = two.read()
            assert shown is not None
            assert abs(shown.captured_ns - frame.captured_ns) < 50_000  # 90 kHz ticks
    assert result.samples == read_sound(clip).size
    assert result.summary()["problem"] == ""


SCENES: dict[str, Callable[[], tuple[list[np.ndarray], int]]] = {
    "no face for 5 s": lambda: ([*driver(6), *room(25), *driver(6)], 5),
    "no face at all": lambda: (room(12), 10),
    "black": lambda: ([*driver(5), *(np.zeros_like(image) for image in driver(15))], 10),
    "two faces": lambda: ([np.hstack((image, image[:, ::-1])) for image in driver(15)], 30),
    "enters and leaves": lambda: ([slid(image, k) for k, image in enumerate(driver(30))], 30),
    "one frame": lambda: (driver(1), 30),
    "odd size": lambda: ([image[:335, :301] for image in driver(8)], 24),
}


def slid(image: np.ndarray, k: int) -> np.ndarray:
    """The driver walks through the picture, from outside to outside."""
    shift = round((k - 15) / 15 * 512)
    out = room(1)[0].copy()
    if shift >= 0:
        out[:, shift:] = image[:, : 512 - shift]
    else:
        out[:, : 512 + shift] = image[:, -shift:]
    return out


@pytest.mark.usefixtures("painted")
@pytest.mark.parametrize("scene", sorted(SCENES))
def test_whatever_the_camera_shows(scene: str, tmp_path: Path, portrait: Path) -> None:
    frames, rate = SCENES[scene]()
    frames = [image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2] for image in frames]
    clip = write_clip(tmp_path / "clip.mkv", marked(frames), rate, spoken(len(frames) / rate))
    result = play(clip, portrait, tmp_path / "out.mp4")
    assert result.frames == len(frames)
    got = counts(result)
    if scene == "no face for 5 s":
        # Held for a second at 5 fps, then the portrait until the face is back.
        assert got["engine"] >= 10
        assert 4 <= got["hold"] <= 6
        assert got["portrait"] >= 18
    elif scene == "no face at all":
        assert got == {"portrait": 12}
        assert result.reference_frame is None
    elif scene in ("two faces", "one frame", "odd size"):
        assert got == {"engine": len(frames)}
    elif scene == "enters and leaves":
        assert got["engine"] >= 8
        assert len(got) > 1


@pytest.mark.usefixtures("painted")
def test_a_damaged_file_is_rendered_as_far_as_it_goes(tmp_path: Path, portrait: Path) -> None:
    clip = damage(write_clip(tmp_path / "clip.mkv", marked(driver(60)), 30, spoken(2.0)))
    result = play(clip, portrait, tmp_path / "out.mp4")
    assert 0 < result.frames < 60
    assert result.damaged > 0
    assert len(pictures(tmp_path / "out.mp4")) == result.frames


def broken(count: int, frame: CameraFrame | None) -> Any:
    raise RuntimeError("the engine is broken")


def from_the_fifth(what: Callable[[np.ndarray], Any]) -> Callable[[int, CameraFrame | None], Any]:
    return lambda count, frame: what(frame.image) if frame is not None and count > 5 else None


def shrunk(image: np.ndarray) -> np.ndarray:
    import cv2

    return np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


FAULTS: dict[str, Callable[[int, CameraFrame | None], Any]] = {
    "raises": broken,
    "the camera picture": from_the_fifth(lambda image: image),
    "a view of it": from_the_fifth(lambda image: image[:SIDE, :SIDE]),
    "a small copy": from_the_fifth(shrunk),
    "a mirrored copy": from_the_fifth(lambda image: np.ascontiguousarray(shrunk(image)[:, ::-1])),
    "a wrong shape": from_the_fifth(lambda image: np.zeros((7, 7, 3), np.uint8)),
    "NaN": from_the_fifth(lambda image: np.full((SIDE, SIDE, 3), np.nan)),
    "text": from_the_fifth(lambda image: "hello"),
}


@pytest.mark.usefixtures("painted")
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_whatever_the_engine_does(fault: str, tmp_path: Path, portrait: Path) -> None:
    Painter.fault = staticmethod(FAULTS[fault])
    clip = write_clip(tmp_path / "clip.mp4", marked(driver(14)), 5, spoken(2.8))
    result = play(clip, portrait, tmp_path / "out.mp4", make_tracker=StubTracker)
    got = counts(result)
    assert result.frames == 14
    if fault == "raises":
        assert got == {"portrait": 14}
    else:
        assert got == {"engine": 5, "hold": 5, "portrait": 4}
    events = result.face.events
    leaked = fault in ("the camera picture", "a view of it", "a small copy", "a mirrored copy")
    assert (events["leaks"], events["rejected"] > 0) == (9 if leaked else 0, not leaked and fault != "raises")


@pytest.mark.usefixtures("painted")
def test_a_tracker_that_raises(tmp_path: Path, portrait: Path) -> None:
    class Broken:
        def track(self, image: np.ndarray, captured_ns: int) -> Observation | None:
            raise RuntimeError("the tracker is broken")

    clip = write_clip(tmp_path / "clip.mp4", marked(driver(40)), 30, spoken(1.3))
    result = play(clip, portrait, tmp_path / "out.mp4", make_tracker=Broken)
    assert counts(result) == {"portrait": 40}
    assert result.face.events["tracker_errors"] == 40
    assert result.face.events["tracker_renewed"] == 1


@pytest.mark.usefixtures("painted")
def test_the_persona_is_switched_200_times(tmp_path: Path, portrait: Path) -> None:
    rng = np.random.default_rng(6)
    cast = [persona(portrait), persona(portrait, "bob")]
    clip = write_clip(tmp_path / "clip.mp4", marked(driver(45)), 30, spoken(1.5))
    moments = sorted(int(at) for at in rng.integers(0, 1_500_000_000, 200))
    changes = tuple(Change(at, cast[int(rng.integers(2))]) for at in moments)
    result = play(clip, portrait, tmp_path / "out.mp4", persona=cast[0], changes=changes, make_tracker=StubTracker)
    assert counts(result) == {"engine": 45}
    assert set(result.voice.origins) == {Origin.ENGINE}


# ---- sound -------------------------------------------------------------------------------------------------------

SOUNDS = {
    "8 kHz mono": (8_000, "mono", "pcm_s16le"),
    "16 kHz stereo": (16_000, "stereo", "pcm_s16le"),
    "44.1 kHz stereo": (44_100, "stereo", "aac"),
    "48 kHz 5.1": (48_000, "5.1", "aac"),
    "96 kHz mono": (96_000, "mono", "flac"),
}


@pytest.mark.usefixtures("painted")
@pytest.mark.parametrize("kind", sorted(SOUNDS))
def test_sound_of_any_kind(kind: str, tmp_path: Path, portrait: Path) -> None:
    rate, layout, codec = SOUNDS[kind]
    clip = write_clip(
        tmp_path / "clip.mkv", marked(driver(15)), 15, spoken(1.0), layout=layout, sound_rate=rate, codec=codec
    )
    result = play(clip, portrait, tmp_path / "out.mp4", make_tracker=StubTracker)
    assert abs(result.samples - SAMPLE_RATE) < 3000
    said = read_sound(tmp_path / "out.mp4")
    assert np.sqrt(np.mean(said**2)) > 0.003


@pytest.mark.usefixtures("painted")
def test_samples_that_are_no_numbers(tmp_path: Path, portrait: Path) -> None:
    sound = spoken(1.0)
    sound[20_000:21_000] = np.nan
    sound[30_000:30_100] = np.inf
    clip = write_clip(tmp_path / "clip.mkv", marked(driver(15)), 15, sound, codec="pcm_f32le")
    result = play(clip, portrait, tmp_path / "out.mkv", make_tracker=StubTracker)
    assert result.damaged >= 1100
    assert np.isfinite(read_sound(tmp_path / "out.mkv")).all()


@pytest.mark.usefixtures("painted")
def test_no_sound_and_the_real_sound_only_when_asked_for(tmp_path: Path, portrait: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", marked(driver(15)), 15, spoken(1.0))
    play(clip, portrait, tmp_path / "mute.mp4", sound="none", make_tracker=StubTracker)
    assert probe(tmp_path / "mute.mp4").audio_codec is None
    job = Job(
        persona(portrait),
        lambda: FileVideoSource(clip),
        lambda: FileAudioSource(clip),
        tmp_path / "real.mp4",
        CANVAS,
        sound="reveal",
        make_tracker=StubTracker,
    )
    result = offline.render(job)
    assert set(result.voice.origins) == {Origin.REVEAL}
    assert TONE_MARK.leaked(read_sound(tmp_path / "real.mp4")) > 0.5 * SAMPLE_RATE


@pytest.mark.usefixtures("painted")
def test_side_by_side_shows_the_driver_on_the_left_and_nowhere_else(tmp_path: Path, portrait: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", marked([image[:, 64:448] for image in driver(6)]), 15)
    job = Job(
        persona(portrait),
        lambda: FileVideoSource(clip),
        None,
        tmp_path / "both.mp4",
        Canvas(256, 256),
        side_by_side=True,
        make_tracker=StubTracker,
    )
    Painter.fault = staticmethod(lambda count, frame: blocks(3, 256, 256))
    result = offline.render(job)
    assert (result.width, result.height) == (192 + 256, 256)
    for picture in pictures(tmp_path / "both.mp4"):
        assert PictureMark.found(np.ascontiguousarray(picture[:, :192]))
        assert not PictureMark.found(np.ascontiguousarray(picture[:, 192:]))
