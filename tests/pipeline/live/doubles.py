"""Small honest sources, sinks, engines and converters behind the real contracts, made inside the media processes.

A camera and a microphone that are marked (`pipeline.leak`), that obey a script of faults in shared memory (`Board`),
and sinks that write what reaches them to files, so that the test can look for the mark in everything that left.
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obs_portrait.clock import now_ns
from obs_portrait.errors import EngineLostError, FaceError, MediaError
from obs_portrait.face.engine import FaceEngine
from obs_portrait.face.settings import FaceSettings
from obs_portrait.face.types import LANDMARKS, Canvas, Observation, Portrait
from obs_portrait.media.sinks.base import AudioSink, VideoSink
from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, MicBlock, PersonaBlock, PersonaFrame
from obs_portrait.pipeline.guard import Look
from obs_portrait.pipeline.leak import PictureMark, ToneMark
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.prepare import PreparedFace, PreparedVoice
from obs_portrait.voice.converter import VoiceConverter
from obs_portrait.voice.settings import VoiceSettings

FAULTS = ("camera", "engine", "tracker", "mic", "converter", "face")
"""Cells of the fault board; 0: fine. camera: 1 black, 2 stops, 3 gone. engine: 1 raises, 2 hangs, 3 returns
the camera's picture, 4 has lost its GPU. tracker: 1 raises.
mic: 1 lost, 2 NaN. converter: 1 raises, 2 returns the microphone, 3 hangs. face: 1 no face."""


@dataclass(frozen=True)
class Somebody:
    """A persona: its colour and its tone are all that it is."""

    name: str
    colour: tuple[int, int, int]
    tone_hz: float
    voice: Any = field(default_factory=VoiceSettings)
    face: Any = field(default_factory=FaceSettings)
    portrait_path: Path = field(default_factory=Path)


PERSONAS = (
    Somebody("red", (200, 40, 40), 500.0),
    Somebody("green", (40, 200, 40), 700.0),
    Somebody("blue", (40, 40, 200), 900.0),
)
TONES = {somebody.name: somebody.tone_hz for somebody in PERSONAS}


def camera_picture(height: int, width: int) -> NDArray[np.uint8]:
    """A soft picture with the mark of `pipeline.leak` on it."""
    rows, columns = np.mgrid[0:height, 0:width]
    soft = np.stack((80 + rows * 0.4, 90 + columns * 0.3, 120 - rows * 0.2), axis=-1)
    return PictureMark(12.0).apply(soft.astype(np.uint8))


@dataclass
class Camera:
    """Picklable: makes the marked camera inside the video process."""

    faults: Board
    rate: int = 30

    def __call__(self) -> VideoSource:
        return _Camera(self.faults, self.rate)


class _Camera(VideoSource):
    name, live, width, height = "test camera", True, 256, 192

    def __init__(self, faults: Board, rate: int) -> None:
        self._faults, self.rate = faults, Fraction(rate)
        self._count = 0
        self._picture = camera_picture(self.height, self.width)

    def open(self) -> None:
        if self._faults.get("camera") == 3:
            raise MediaError("test camera is not there; plug it in.")
        self._next = now_ns()

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        self._next = max(self._next + int(1e9 / self.rate), now_ns() - 100_000_000)
        time.sleep(max(0, self._next - now_ns()) / 1e9)
        fault = self._faults.get("camera")
        if fault == 2:
            time.sleep(timeout)
            raise MediaError(f"test camera delivered nothing for {timeout:g} s; look at its plug.")
        if fault == 3:
            raise MediaError("test camera is gone; plug it in.")
        self._count += 1
        image = np.zeros_like(self._picture) if fault == 1 else self._picture.copy()
        return CameraFrame(image, now_ns(), self._count - 1)

    def close(self) -> None: ...


_FACE = np.random.default_rng(0).uniform(20, 170, (LANDMARKS, 3)).astype(np.float32)
_FACE[13] = _FACE[14]  # a closed mouth: calibration takes such a face at once


@dataclass
class Tracker:
    faults: Board

    def __call__(self) -> _Tracker:
        return _Tracker(self.faults)


class _Tracker:
    def __init__(self, faults: Board) -> None:
        self._faults = faults

    def track(self, image: NDArray[np.uint8], captured_ns: int) -> Observation | None:
        if self._faults.get("tracker") == 1:
            raise RuntimeError("the tracker broke")
        if self._faults.get("face") == 1 or not image.any():
            return None
        return Observation(_FACE, np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 1.0, 256, 192, captured_ns)


@dataclass
class MakeFace:
    """Stands where `prepare.prepare_face` stands."""

    faults: Board

    def __call__(self, persona: Somebody, canvas: Canvas) -> PreparedFace:
        if persona.name == "faceless":
            raise FaceError("Persona 'faceless': no face was found in its portrait; give it a landmarks.npz.")
        engine = _Engine(self.faults, persona)
        portrait = Portrait(np.zeros((8, 8, 3), np.uint8), np.zeros((LANDMARKS, 3), np.float32))
        engine.prepare(portrait, persona.face, canvas)
        return PreparedFace(Look(persona.name, engine.still()), engine, portrait, persona.face, canvas)


class _Engine(FaceEngine):
    """Paints the persona's colour with a stripe that moves everywhere but over the last column."""

    name = "test"
    needs_pixels = True

    def __init__(self, faults: Board, persona: Somebody) -> None:
        self._faults, self._persona, self._count = faults, persona, 0

    def prepare(self, portrait: Portrait, settings: FaceSettings, canvas: Canvas) -> None:
        self._canvas = canvas

    def set_reference(self, reference: Observation | None) -> None: ...

    def _picture(self) -> NDArray[np.uint8]:
        image = np.empty((self._canvas.height, self._canvas.width, 3), np.uint8)
        image[:] = self._persona.colour
        return image

    def render(self, observation: Observation, frame: CameraFrame | None = None) -> NDArray[np.uint8]:
        fault = self._faults.get("engine")
        if fault == 1:
            raise RuntimeError("the engine broke")
        while self._faults.get("engine") == 2:
            time.sleep(0.01)
        if fault == 3:
            return frame.image  # type: ignore[union-attr]
        if fault == 4:
            self._faults.set("engine", 0)  # another process will find it
            raise EngineLostError("The networks cannot go on on cuda:0 (CUDA error: unspecified launch failure).")
        self._count += 1
        image = self._picture()
        at = self._count * 3 % (self._canvas.width - 8)
        image[:, at : at + 8] //= 2
        return image

    def still(self) -> NDArray[np.uint8] | None:
        return self._picture()


class BrokenSink(VideoSink):
    """Goes away after a few frames, as a window that is closed or a device that is pulled."""

    name = "broken sink"

    def _open(self, width: int, height: int, rate: Fraction) -> None:
        self._left = 5

    def _write(self, frame: PersonaFrame) -> None:
        self._left -= 1
        if self._left < 0:
            raise MediaError("broken sink is gone; plug it in.")

    def close(self) -> None: ...


class Clip(VideoSource):
    """A file of 30 frames, 30 a second."""

    name, live, width, height, rate, frame_count = "clip.test", False, 256, 192, Fraction(30), 30

    def __init__(self) -> None:
        self._next = 0

    def open(self) -> None:
        self._picture = camera_picture(self.height, self.width)

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        n, self._next = self._next, self._next + 1
        return CameraFrame(self._picture.copy(), n * 33_333_333, n) if n < 30 else None

    def close(self) -> None: ...


_HEAD = struct.Struct("<qqq16s16sqq")


@dataclass
class VideoCatch:
    """Picklable: a sink that keeps every frame that reaches it, in a file."""

    path: Path
    width: int = 96
    height: int = 96

    def __call__(self) -> VideoSink:
        return _VideoCatch(self.path)


class _VideoCatch(VideoSink):
    name = "test sink"

    def __init__(self, path: Path) -> None:
        self._path = path

    def _open(self, width: int, height: int, rate: Fraction) -> None:
        self._file = self._path.open("ab", buffering=0)

    def _write(self, frame: PersonaFrame) -> None:
        head = _HEAD.pack(
            now_ns(),
            frame.captured_ns,
            frame.index,
            frame.persona.encode(),
            frame.origin.encode(),
            *frame.image.shape[:2],
        )
        self._file.write(head + frame.image.tobytes())  # one write: a killed process leaves whole records but the last

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True)
class Caught:
    """What reached a sink: a frame's picture or a block's samples."""

    written_ns: int
    captured_ns: int
    index: int
    persona: str
    origin: str
    data: NDArray[Any]


def caught_frames(path: Path) -> list[Caught]:
    raw, at, found = path.read_bytes(), 0, []
    while at + _HEAD.size <= len(raw):
        written, captured, index, persona, origin, height, width = _HEAD.unpack_from(raw, at)
        end = at + _HEAD.size + height * width * 3
        if end > len(raw):
            break
        image = np.frombuffer(raw, np.uint8, height * width * 3, at + _HEAD.size).reshape(height, width, 3)
        found.append(Caught(written, captured, index, _text(persona), _text(origin), image))
        at = end
    return found


def caught_blocks(path: Path) -> list[Caught]:
    raw, at, found = path.read_bytes(), 0, []
    while at + _HEAD.size <= len(raw):
        written, captured, index, persona, origin, count, _ = _HEAD.unpack_from(raw, at)
        end = at + _HEAD.size + count * 4
        if end > len(raw):
            break
        found.append(
            Caught(
                written,
                captured,
                index,
                _text(persona),
                _text(origin),
                np.frombuffer(raw, "<f4", count, at + _HEAD.size),
            )
        )
        at = end
    return found


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode()


def marked_voice(rng: np.random.Generator, samples: int, first: int) -> NDArray[np.float32]:
    """Dull noise as loud as speech, with the mark of `pipeline.leak`."""
    noise = np.convolve(rng.normal(0.0, 0.1, samples + 127), np.hanning(128) / 8, "valid")
    return ToneMark(-26.0).apply(noise.astype(np.float32), first)


@dataclass
class Microphone:
    faults: Board

    def __call__(self) -> AudioSource:
        return _Microphone(self.faults)


class _Microphone(AudioSource):
    """Noise as loud as speech, with the mark of `pipeline.leak` in it."""

    name, live = "test microphone", True

    def __init__(self, faults: Board) -> None:
        self._faults, self._random = faults, np.random.default_rng(0)

    def open(self) -> None:
        if self._faults.get("mic") == 1:
            raise MediaError("test microphone is not there.")
        self._epoch, self._count = now_ns(), 0

    def read(self, samples: int) -> MicBlock | None:
        start = self._count
        self._count += samples
        time.sleep(max(0, self._epoch + self._count * 1_000_000_000 // SAMPLE_RATE - now_ns()) / 1e9)
        fault = self._faults.get("mic")
        if fault == 1:
            raise MediaError("test microphone is gone; plug it in.")
        voice = marked_voice(self._random, samples, start)
        if fault == 2:
            voice[::7] = np.nan
        return MicBlock(voice, self._epoch + start * 1_000_000_000 // SAMPLE_RATE, start)

    def close(self) -> None: ...


@dataclass
class MakeVoice:
    faults: Board

    def __call__(self, persona: Any) -> PreparedVoice:
        converter = _Converter(self.faults, TONES[persona.name])
        converter.prepare(persona.voice)
        return PreparedVoice(persona.name, converter, reveals=False)


class _Converter(VoiceConverter[list[int]]):
    """Answers with the persona's tone, as loud as the input, a constant delay later."""

    name = "test"
    latency = 480

    def __init__(self, faults: Board, tone_hz: float) -> None:
        self._faults, self._tone = faults, tone_hz

    def prepare(self, settings: VoiceSettings) -> None: ...

    def new_state(self) -> list[int]:
        return [0]

    def process(self, state: list[int], samples: NDArray[np.float32]) -> NDArray[np.float32]:
        fault = self._faults.get("converter")
        if fault == 1:
            raise RuntimeError("the converter broke")
        while self._faults.get("converter") == 3:
            time.sleep(0.01)
        if fault == 2:
            return samples
        at = np.arange(state[0], state[0] + samples.size)
        state[0] += samples.size
        return (0.5 * np.sin(2 * np.pi * self._tone * at / SAMPLE_RATE) * (at >= self.latency)).astype(np.float32)


@dataclass
class AudioCatch:
    path: Path

    def __call__(self) -> AudioSink:
        return _AudioCatch(self.path)


class _AudioCatch(AudioSink):
    name = "test ear"

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> None:
        self._file = self._path.open("ab", buffering=0)

    def _write(self, block: PersonaBlock) -> None:
        head = _HEAD.pack(
            now_ns(),
            block.captured_ns,
            block.index,
            block.persona.encode(),
            block.origin.encode(),
            block.samples.size,
            0,
        )
        self._file.write(head + block.samples.astype("<f4").tobytes())

    def close(self) -> None:
        self._file.close()
