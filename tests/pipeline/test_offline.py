"""Rendering files, also when everything goes wrong: the driver is marked, and the mark is looked for in the file."""

from __future__ import annotations

import signal
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from obs_portrait import render
from obs_portrait.errors import FaceError, MediaError, PortraitError, ProfileError
from obs_portrait.face.types import Canvas, Observation
from obs_portrait.media.files import probe
from obs_portrait.media.sources.file import FileAudioSource, FileVideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, Origin
from obs_portrait.persona.profile import Profile, from_picture
from obs_portrait.pipeline import offline, prepare
from obs_portrait.pipeline.leak import PictureMark
from obs_portrait.pipeline.offline import Change, Job, Result
from obs_portrait.pipeline.verify import read_sound
from obs_portrait.voice.dsp.settings import DspSettings
from tests.pipeline.doubles import BlockEngine, StubTracker, blocks
from tests.pipeline.studio import TONE_MARK, damage, driver, marked, pictures, room, spoken, write_clip

SIDE = 128
CANVAS = Canvas(SIDE, SIDE)


class Painter(BlockEngine):
    """A persona that is painted, not rendered: what is tested here is everything around the engine."""

    needs_pixels = True
    fault: Callable[[int, CameraFrame | None], Any] | None = None

    def __init__(self) -> None:
        super().__init__(500, type(self).fault)

    def render(self, observation: Observation, frame: CameraFrame | None = None) -> Any:
        result = super().render(observation, frame)
        made = result is not None and isinstance(result, np.ndarray) and result.shape == (64, 96, 3)
        return blocks(self.seed, SIDE, SIDE) if made else result

    def still(self) -> np.ndarray:
        return blocks(self.seed + 1, SIDE, SIDE)


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    """A face, taken from the performance."""
    path = tmp_path / "portrait.png"
    Image.fromarray(driver(1)[0]).save(path)
    return path


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every persona is a `Painter`."""
    monkeypatch.setattr(prepare, "engine_class", lambda name: Painter)
    yield
    Painter.fault = None


def persona(portrait: Path, name: str = "ann") -> Profile:
    voice = DspSettings(pitch_hz=210.0, formant=1.2) if name == "ann" else DspSettings(pitch_hz=95.0, formant=0.85)
    return from_picture(portrait).model_copy(update={"name": name, "voice": voice})


def play(clip: Path, portrait: Path, out: Path, **options: Any) -> Result:
    """Renders a clip and looks for the driver in what came out."""
    sound = probe(clip).audio_codec is not None
    job = Job(
        persona=options.pop("persona", None) or persona(portrait),
        video=lambda: FileVideoSource(clip),
        audio=(lambda: FileAudioSource(clip)) if sound else None,
        out=out,
        canvas=CANVAS,
        **options,
    )
    result = offline.render(job)
    assert_clean(out)
    return result


def assert_clean(out: Path) -> None:
    """Not one frame and not one sample of the driver is in the file."""
    shown = pictures(out)
    assert shown
    assert [k for k, picture in enumerate(shown) if PictureMark.found(picture)] == []
    assert TONE_MARK.leaked(read_sound(out)) == 0


def counts(result: Result) -> dict[str, int]:
    return {origin.value: count for origin, count in result.face.origins.items()}


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


# ---- files -------------------------------------------------------------------------------------------------------


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
