"""The marks are found wherever the real thing is shown, and nowhere else. Rates are counted, not believed."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from obs_portrait.media.sources.file import FileAudioSource, FileVideoSource
from obs_portrait.media.types import SAMPLE_RATE, MicBlock
from obs_portrait.persona import store
from obs_portrait.persona.profile import Profile
from obs_portrait.pipeline.leak import MarkedAudioSource, MarkedVideoSource, PictureMark, ToneMark
from obs_portrait.pipeline.prepare import prepare_voice
from obs_portrait.voice.dsp.converter import DspConverter
from obs_portrait.voice.dsp.settings import DspSettings


def scene(seed: int, height: int = 480, width: int = 640) -> np.ndarray:
    """Something like a camera picture: soft coloured shapes, edges, sensor noise."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 256, (5, 7, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(25):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        colour = [int(c) for c in rng.integers(0, 256, 3)]
        cv2.circle(image, centre, int(rng.integers(5, 80)), colour, -1, cv2.LINE_AA)
    noisy = image + rng.normal(0, 5, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def pattern(kind: str) -> np.ndarray:
    """What a stylised persona may show, and a careless detector would take for a mark."""
    y, x = np.mgrid[0:512, 0:512]
    waves = {
        "scan lines": np.sin(y * 2 * np.pi / 6),
        "stripes": np.sign(np.sin((x + 2 * y) * 2 * np.pi / 23)),
        "checkers": np.sign(np.sin(x * 2 * np.pi / 32) * np.sin(y * 2 * np.pi / 32)),
        "halftone": np.sin(x * 2 * np.pi / 9) * np.sin(y * 2 * np.pi / 9),
        "weave": np.sin((x + y) * 2 * np.pi / 14) + np.sin((x - 2 * y) * 2 * np.pi / 17),
    }
    wave = waves[kind]
    return np.clip(128 + wave[..., None] * np.array([60.0, 5.0, -60.0]), 0, 255).astype(np.uint8)


def coded(image: np.ndarray, crf: int) -> np.ndarray:
    """The picture as it comes out of an H.264 file."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def inset(image: np.ndarray) -> np.ndarray:
    """The camera as a small picture in a corner of another one."""
    out = scene(999, 512, 512)
    out[:256, 256:] = cv2.resize(image, (256, 256), interpolation=cv2.INTER_AREA)
    return out


SHOWN: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda i: i,
    "stretched": lambda i: cv2.resize(i, (512, 512), interpolation=cv2.INTER_AREA),
    "small": lambda i: cv2.resize(i, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA),
    "large": lambda i: cv2.resize(i, None, fx=1.7, fy=1.7, interpolation=cv2.INTER_CUBIC),
    "shifted": lambda i: np.roll(i, (37, -61), (0, 1)),
    "cropped": lambda i: i[90:390, 130:500],
    "letterboxed": lambda i: cv2.copyMakeBorder(i, 80, 80, 0, 0, cv2.BORDER_CONSTANT),
    "mirrored": lambda i: i[:, ::-1],
    "darker": lambda i: (i * 0.5).astype(np.uint8),
    "half transparent": lambda i: i // 2 + scene(77)[: i.shape[0], : i.shape[1]] // 2,
    "blurred": lambda i: cv2.GaussianBlur(i, (0, 0), 2.0),
    "coded": lambda i: coded(i, 23),
    "coded badly": lambda i: coded(i, 30),
    "in a corner": inset,
}


@pytest.mark.parametrize("way", sorted(SHOWN))
def test_a_marked_picture_is_found_however_it_is_shown(way: str) -> None:
    mark = PictureMark(8.0)
    scores = [mark.score(np.ascontiguousarray(SHOWN[way](mark.apply(scene(seed))))) for seed in range(6)]
    missed = sum(score < 3.5 for score in scores)
    assert missed == 0, f"{missed} of {len(scores)} missed: {scores}"


def test_unmarked_pictures_are_not_found() -> None:
    pictures = [scene(seed) for seed in range(40)] + [coded(scene(seed), 23) for seed in range(5)]
    scores = [PictureMark.score(picture) for picture in pictures]
    assert sum(PictureMark.found(picture) for picture in pictures) == 0, max(scores)


@pytest.mark.parametrize("kind", ["scan lines", "stripes", "checkers", "halftone", "weave"])
def test_patterns_of_a_persona_are_not_taken_for_the_mark(kind: str) -> None:
    assert not PictureMark.found(pattern(kind))
    assert PictureMark.found(PictureMark(8.0).apply(pattern(kind)))


def test_the_mark_hardly_changes_brightness() -> None:
    image = np.full((240, 320, 3), 128, np.uint8)
    luma = PictureMark(12.0).apply(image) @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma - 128).max() < 1.0


def test_real_faces_marked_and_not(shared_data: Path) -> None:
    from obs_portrait.face.tracker import FaceTracker

    mark, lost, false, missed, moved, count = PictureMark(8.0), 0, 0, 0, [], 0
    with FaceTracker("image") as tracker:
        for clip in sorted((shared_data / "driving").glob("*.mp4")):
            with FileVideoSource(clip) as source:
                for _ in range(3):
                    frame = source.read()
                    assert frame is not None
                    marked = mark.apply(frame.image)
                    plain, seen = tracker.track(frame.image, 0), tracker.track(marked, 0)
                    lost += seen is None
                    if plain is not None and seen is not None:
                        moved.append(np.abs(plain.landmarks[:, :2] - seen.landmarks[:, :2]).mean())
                    false += mark.found(frame.image)
                    missed += not mark.found(coded(marked, 23))
                    count += 1
    assert (count, lost, false, missed) == (12, 0, 0, 0)
    assert float(np.mean(moved)) < 2.0  # pixels: the tracker hardly notices


# ---- sound -------------------------------------------------------------------------------------------------------


def speech(seconds: float = 4.0) -> np.ndarray:
    """Something like speech: syllables of a buzz with moving formants, hisses, pauses, a noisy room."""
    rng = np.random.default_rng(8)
    at = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 120 + 25 * np.sin(2 * np.pi * 0.7 * at)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    buzz = sum(np.sin(k * phase) / k for k in range(1, 40))
    hiss = np.diff(rng.normal(0, 1, at.size + 1))
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * at), 0, 1) ** 0.5
    hisses = np.clip(np.sin(2 * np.pi * 1.1 * at + 2), 0, 1) ** 4
    return (0.08 * buzz * syllables + 0.05 * hiss * hisses + rng.normal(0, 5e-4, at.size)).astype(np.float32)


def aac(samples: np.ndarray, bit_rate: int = 128_000) -> np.ndarray:
    """The sound as it comes out of an AAC file."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=SAMPLE_RATE)
        stream.layout, stream.bit_rate = "mono", bit_rate
        for begin in range(0, samples.size, 1024):
            frame = av.AudioFrame.from_ndarray(samples[None, begin : begin + 1024], "fltp", "mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, begin
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


MARK = ToneMark(-40.0)
HEARD: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda x: x,
    "delayed": lambda x: np.concatenate((np.zeros(1441, np.float32), x)),
    "softer": lambda x: x * np.float32(0.25),
    "inverted": lambda x: -x,
    "as AAC": aac,
    "as poor AAC": lambda x: aac(x, 64_000),
    "under another voice": lambda x: x * np.float32(0.5) + np.roll(speech(), 30_000),
}


@pytest.mark.parametrize("way", sorted(HEARD))
def test_the_microphone_is_found_however_it_is_heard(way: str) -> None:
    heard = HEARD[way](MARK.apply(speech(), 0))
    assert MARK.leaked(heard) > 0.5 * heard.size


def test_unmarked_sound_is_not_found() -> None:
    assert MARK.leaked(speech(20.0)) == 0
    assert MARK.leaked(aac(speech())) == 0
    assert MARK.leaked(np.zeros(SAMPLE_RATE, np.float32)) == 0
    assert MARK.leaked(np.zeros(10, np.float32)) == 0


VOICES = {
    "brighter": DspSettings(pitch_hz=210.0, formant=1.2),
    "darker": DspSettings(pitch_hz=90.0, formant=0.85),
    "only formants": DspSettings(formant=1.16),
    "just disguised": DspSettings(pitch_hz=120.0, formant=1.08),
    "in a hall": DspSettings(pitch_hz=100.0, formant=0.9, hall=0.4),
    "robot": DspSettings(pitch_hz=110.0, formant=0.92, robot=0.8),
    "whisper": DspSettings(pitch_hz=110.0, formant=1.1, breath=1.0),
    "hologram": DspSettings(pitch_hz=190.0, formant=1.12, shimmer=0.6),
}


@pytest.mark.parametrize("name", sorted(VOICES))
def test_what_a_persona_says_is_not_the_microphone(name: str) -> None:
    converter = DspConverter()
    converter.prepare(VOICES[name])
    said = converter.process(converter.new_state(), MARK.apply(speech(), 0))
    assert np.sqrt(np.mean(said**2)) > 1e-3
    assert MARK.leaked(said) == 0
    assert MARK.leaked(aac(said)) == 0


@pytest.mark.parametrize(
    "profile", [found.profile for found in store.list_profiles() if found.profile], ids=lambda profile: profile.name
)
def test_no_persona_of_ours_lets_the_microphone_through(profile: Profile) -> None:
    if "voice" in profile.reveals:
        pytest.skip(f"{profile.name} says that it reveals the voice")
    converter = prepare_voice(profile).converter
    said = converter.process(converter.new_state(), MARK.apply(speech(), 0))
    assert np.sqrt(np.mean(said**2)) > 1e-3
    assert MARK.leaked(said) == 0


def test_a_short_leak_is_found_where_it_is() -> None:
    sound = speech()
    begin, end = 90_000, 120_000
    sound[begin:end] = MARK.apply(sound, 0)[begin:end]
    assert 15_000 <= MARK.leaked(sound) <= 60_000
    assert MARK.leaked(sound[: begin - 6000]) == 0


def test_real_speech_marked_and_not(shared_data: Path) -> None:
    for path in sorted((shared_data / "speech").glob("*.mp3")):
        with MarkedAudioSource(FileAudioSource(path), MARK) as source:
            marked = []
            while (block := source.read(960)) is not None:
                marked.append(block.samples)
        heard = np.concatenate(marked)
        assert MARK.leaked(aac(heard)) > 0.8 * heard.size
        with FileAudioSource(path) as plain:
            block = plain.read(heard.size)
        assert isinstance(block, MicBlock)
        assert MARK.leaked(block.samples) == 0


def test_a_marked_source_keeps_times(shared_data: Path) -> None:
    clip = shared_data / "driving" / "d0.mp4"
    with MarkedVideoSource(FileVideoSource(clip)) as marked, FileVideoSource(clip) as plain:
        assert (marked.width, marked.height, marked.rate) == (plain.width, plain.height, plain.rate)
        one, two = marked.read(), plain.read()
        assert one is not None
        assert two is not None
        assert (one.index, one.captured_ns) == (two.index, two.captured_ns)
        assert PictureMark.found(one.image)
        assert not PictureMark.found(two.image)
