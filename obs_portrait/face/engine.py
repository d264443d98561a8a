"""The contract of a face engine, and how one is found.

An engine is a plug-in: register a subclass of `FaceEngine` under the entry point group ``obs_portrait.face_engines``.
Importing the module that holds the class must be cheap: heavy imports belong into `prepare`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from obs_portrait import registry
from obs_portrait.errors import FaceError
from obs_portrait.face.settings import FaceSettings
from obs_portrait.face.types import Canvas, Observation, Portrait
from obs_portrait.media.types import CameraFrame

__all__ = ["GROUP", "FaceEngine", "engine_class", "engine_names"]

GROUP = "obs_portrait.face_engines"


class FaceEngine(ABC):
    """Turns what the tracker saw of the driver into a picture of the persona.

    One object serves one persona. The pipeline calls `prepare` once (seconds are allowed, off the live path), then
    `set_reference` and `render` any number of times from one thread, then `close` once.
    """

    name: ClassVar[str]
    settings_model: ClassVar[type[FaceSettings]] = FaceSettings
    needs_pixels: ClassVar[bool] = False
    """True: `render` is given the camera frame as well. An engine that draws from landmarks alone leaves this False
    and never sees a pixel of the driver, which is the strongest form of failing closed."""
    light: ClassVar[bool] = False
    """True: a second process may have it prepared as well, as an understudy; it takes no memory of a GPU."""
    reveals: ClassVar[bool] = False
    """True only for the engine that shows the real person; its frames are marked as such."""
    on_air: bool = False
    """Set by a live show before its first frame: an engine that cannot keep up may then show its last picture again,
    or draw more cheaply. False for files, of which every frame has to be drawn."""

    @classmethod
    def validate_environment(cls) -> str | None:
        """None if the engine can run here, else one sentence that says why not and what to do. Must import nothing
        heavy and take less than 0.1 s."""
        return None

    @abstractmethod
    def prepare(self, portrait: Portrait, settings: FaceSettings, canvas: Canvas) -> None:
        """Loads, precomputes and warms up (compiles), so that the first `render` is as fast as the thousandth.

        Must raise `FaceError` with one clear sentence if the portrait cannot be used.
        """

    @abstractmethod
    def set_reference(self, reference: Observation | None) -> None:
        """The driver's neutral frame, from which relative motion is counted. None: the next rendered observation
        becomes the reference."""

    def show_reference(self, frame: CameraFrame) -> None:  # noqa: B027 - most engines measure motion by landmarks
        """The camera frame in which the reference was seen; given to engines with `needs_pixels`, right before
        `set_reference`, if it is still at hand (it is not after a process was restarted). Must not be written to."""

    @abstractmethod
    def render(self, observation: Observation, frame: CameraFrame | None = None) -> NDArray[np.uint8]:
        """The persona in the pose of `observation`: (canvas.height, canvas.width, 3) uint8 RGB, C-contiguous.

        `frame` is the camera frame if `needs_pixels`, else None. Must return a new array (never one that it will
        write to again, never one that shares memory with `frame`). May raise anything: the guard then holds the last
        persona frame, counts it, and after 30 failures in a row prepares the engine anew.
        """

    def still(self) -> NDArray[np.uint8] | None:
        """The persona at rest on the canvas, same layout as `render`; the guard's stand-in. None before `prepare`."""
        return None

    def close(self) -> None:  # noqa: B027 - most engines hold nothing to release
        """Releases what `prepare` took. Must not raise."""


def engine_names() -> list[str]:
    """Names of the engines that are installed, sorted."""
    return registry.names(GROUP)


def engine_class(name: str) -> type[FaceEngine]:
    """The engine registered as `name`. Raises `FaceError` with a suggestion if there is none."""
    return cast("type[FaceEngine]", registry.load(GROUP, name, "face engine", FaceError))
