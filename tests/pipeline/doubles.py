"""Engines, converters and trackers that behave, and ones that do not, for the tests of what stands around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from obs_portrait.face.engine import FaceEngine
from obs_portrait.face.settings import FaceSettings
from obs_portrait.face.types import LANDMARKS, Canvas, Observation, Portrait
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.guard import Look
from obs_portrait.pipeline.prepare import PreparedFace, PreparedVoice
from obs_portrait.voice.converter import VoiceConverter

CANVAS = Canvas(96, 64)


def blocks(seed: int, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8 of coarse random blocks: every seed another picture, also as a thumbnail."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    rows, columns = np.arange(height) * 12 // height, np.arange(width) * 16 // width
    return np.ascontiguousarray(coarse[rows[:, None], columns[None]])


def observation(captured_ns: int = 0, faces: int = 1) -> Observation:
    """A face that looks straight ahead, in numbers."""
    landmarks = np.random.default_rng(1).uniform(10, 60, (LANDMARKS, 3)).astype(np.float32)
    return Observation(
        landmarks, np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 1.0, 96, 64, captured_ns, faces
    )


class StubTracker:
    """Sees a face in every picture that is not black; `fault(count)` may raise."""

    def __init__(self, fault: Callable[[int], None] = lambda count: None) -> None:
        self.count = 0
        self.closed = False
        self._fault = fault

    def track(self, image: np.ndarray, captured_ns: int) -> Observation | None:
        self.count += 1
        self._fault(self.count)
        return observation(captured_ns) if image.any() else None

    def close(self) -> None:
        self.closed = True


class BlockEngine(FaceEngine):
    """Draws a picture of its own; `misbehave(count, frame)` may raise or return something else."""

    name: ClassVar[str] = "blocks"
    made: ClassVar[list[BlockEngine]] = []

    def __init__(self, seed: int = 500, misbehave: Callable[[int, CameraFrame | None], Any] | None = None) -> None:
        self.seed, self.misbehave = seed, misbehave
        self.count = 0
        self.references: list[Observation | None] = []
        self.frames: list[CameraFrame | None] = []
        BlockEngine.made.append(self)

    def prepare(self, portrait: Portrait, settings: FaceSettings, canvas: Canvas) -> None:
        self.canvas = canvas

    def set_reference(self, reference: Observation | None) -> None:
        self.references.append(reference)

    def render(self, observation: Observation, frame: CameraFrame | None = None) -> Any:
        self.count += 1
        self.frames.append(frame)
        if self.misbehave is not None:
            result = self.misbehave(self.count, frame)
            if result is not None:
                return result
        return blocks(self.seed, CANVAS.height, CANVAS.width)

    def still(self) -> np.ndarray:
        return blocks(self.seed + 1, CANVAS.height, CANVAS.width)


class GreedyEngine(BlockEngine):
    """One that asks for the camera's pixels."""

    needs_pixels: ClassVar[bool] = True


class ShowingEngine(GreedyEngine):
    """One that says that it shows the real person."""

    reveals: ClassVar[bool] = True


def face(engine: BlockEngine | None = None, name: str = "ann", reveals: bool = False) -> PreparedFace:
    """A prepared persona."""
    engine = engine or BlockEngine()
    engine.canvas = CANVAS
    still = None if engine.reveals else engine.still()
    portrait = Portrait(blocks(engine.seed + 1, 64, 96), np.zeros((LANDMARKS, 3), np.float32))
    return PreparedFace(Look(name, still, reveals), engine, portrait, FaceSettings(), CANVAS)


class Rectifier(VoiceConverter[np.ndarray]):
    """|x|, delayed: nothing like the input to any correlation, and yet exactly predictable."""

    name: ClassVar[str] = "rectifier"

    def __init__(self, latency: int = 100, gain: float = 1.0, fault: Callable[[int], None] | None = None) -> None:
        self.latency, self.gain, self.fault = latency, gain, fault
        self.count = 0

    def prepare(self, settings: Any) -> None:
        """Nothing to prepare."""

    def new_state(self) -> np.ndarray:
        return np.zeros(self.latency, np.float32)

    def process(self, state: np.ndarray, samples: np.ndarray) -> np.ndarray:
        self.count += 1
        if self.fault is not None:
            self.fault(self.count)
        line = np.concatenate((state, np.abs(samples) * np.float32(self.gain)))
        state[:] = line[samples.size :]
        return line[: samples.size].copy()


def voice(name: str = "ann", converter: VoiceConverter[Any] | None = None, reveals: bool = False) -> PreparedVoice:
    """A prepared persona's voice."""
    return PreparedVoice(name, converter or Rectifier(), reveals)
