"""From a profile to an engine and a converter that are warm: everything slow happens here, before it is needed."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError, PortraitError, VoiceError
from obs_portrait.face.engine import FaceEngine, engine_class
from obs_portrait.face.settings import FaceSettings
from obs_portrait.face.types import LANDMARKS, Canvas, Portrait
from obs_portrait.pipeline.guard import Look
from obs_portrait.voice.converter import VoiceConverter, converter_class
from obs_portrait.voice.settings import VoiceSettings

__all__ = ["Persona", "PreparedFace", "PreparedVoice", "fit", "prepare_face", "prepare_voice"]

REVEAL = "reveal"
"""What a profile must name as its engine (or converter) to say that the real person may be seen (or heard)."""


class Persona(Protocol):
    """What the pipeline needs of a persona; `obs_portrait.persona.profile.Profile` has it."""

    @property
    def name(self) -> str: ...
    @property
    def face(self) -> FaceSettings: ...
    @property
    def voice(self) -> VoiceSettings: ...
    @property
    def portrait_path(self) -> Path: ...


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFace:
    """A persona whose engine is warm. Serves one stream; `close` it at the end."""

    look: Look
    engine: FaceEngine
    portrait: Portrait
    settings: FaceSettings
    canvas: Canvas

    @property
    def name(self) -> str:
        """Name of the persona."""
        return self.look.name

    def renew(self) -> PreparedFace:
        """The same persona with a new engine, for one that keeps failing. Raises as `prepare_face` does."""
        new = _prepare(type(self.engine), self.look.name, self.portrait, self.settings, self.canvas, self.look.label)
        new.engine.on_air = self.engine.on_air
        return new

    def close(self) -> None:
        """Releases the engine. Never raises."""
        with contextlib.suppress(Exception):  # a plug-in's last words change nothing
            self.engine.close()


@dataclass(frozen=True, slots=True, eq=False)
class PreparedVoice:
    """A persona whose converter is warm. Holds no stream's state: one object may serve any number of streams."""

    name: str
    converter: VoiceConverter[Any]
    reveals: bool
    """The profile says that the real voice may be heard."""

    @property
    def latency(self) -> int:
        """The converter's constant delay in samples."""
        return int(self.converter.latency)


def prepare_face(persona: Persona, canvas: Canvas) -> PreparedFace:
    """Loads the persona's portrait and warms up its engine (seconds).

    Raises `FaceError` with one sentence: no such engine, cannot run here, no face in the portrait, unreadable picture.
    """
    engine = engine_class(persona.face.engine)
    problem = engine.validate_environment()
    if problem:
        raise FaceError(f"Persona '{persona.name}': {problem}")
    try:
        portrait = _portrait(persona, canvas, engine)
        return _prepare(engine, persona.name, portrait, persona.face, canvas, _label(persona))
    except PortraitError as error:
        raise type(error)(f"Persona '{persona.name}': {error}") from error


def prepare_voice(persona: Persona) -> PreparedVoice:
    """Builds and warms up the persona's converter (seconds). Raises `VoiceError` with one sentence."""
    converter = converter_class(persona.voice.converter)
    problem = converter.validate_environment()
    if problem:
        raise VoiceError(f"Persona '{persona.name}': {problem}")
    ready = converter()
    try:
        ready.prepare(persona.voice)
    except PortraitError as error:
        raise type(error)(f"Persona '{persona.name}': {error}") from error
    return PreparedVoice(persona.name, ready, persona.voice.converter == REVEAL)


def fit(image: NDArray[np.uint8], canvas: Canvas) -> NDArray[np.uint8]:
    """`image` scaled and cropped about its centre to fill the canvas; (height, width, 3) uint8, a new array."""
    import cv2  # here: the audio process loads this module, and nothing of the picture

    height, width = image.shape[:2]
    scale = max(canvas.width / width, canvas.height / height)
    size = max(canvas.width, round(width * scale)), max(canvas.height, round(height * scale))
    large = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    x, y = (size[0] - canvas.width) // 2, (size[1] - canvas.height) // 2
    return np.array(large[y : y + canvas.height, x : x + canvas.width], np.uint8, order="C")


def _portrait(persona: Persona, canvas: Canvas, engine: type[FaceEngine]) -> Portrait:
    if engine.reveals:  # shows the camera: there is no portrait to load
        empty = np.zeros((canvas.height, canvas.width, 3), np.uint8)
        return Portrait(empty, np.zeros((LANDMARKS, 3), np.float32), persona.name)
    from obs_portrait.face.portrait import load_portrait

    return load_portrait(persona.portrait_path)


def _label(persona: Persona) -> str:
    """What viewers are told in the picture, if the profile wants that."""
    disclosure = getattr(persona, "disclosure", None)
    return str(disclosure.label) if disclosure is not None and disclosure.show else ""


def _prepare(
    engine: type[FaceEngine],
    name: str,
    portrait: Portrait,
    settings: FaceSettings,
    canvas: Canvas,
    label: str,
) -> PreparedFace:
    ready = engine()
    ready.prepare(portrait, settings, canvas)
    reveals = settings.engine == REVEAL
    still = None if engine.reveals else _still(ready, portrait, canvas)
    return PreparedFace(Look(name, still, reveals, label), ready, portrait, settings, canvas)


def _still(engine: FaceEngine, portrait: Portrait, canvas: Canvas) -> NDArray[np.uint8]:
    """The engine's picture of the persona at rest; the portrait itself where the engine has none."""
    still = engine.still()
    if still is not None and still.dtype == np.uint8 and still.shape == (canvas.height, canvas.width, 3):
        return np.array(still, order="C")
    return fit(portrait.image, canvas)
