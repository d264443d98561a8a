"""The engine that shows the real person, for the persona that says so in its profile."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.engine import FaceEngine
from obs_portrait.face.settings import FaceSettings
from obs_portrait.face.types import Canvas, Observation, Portrait
from obs_portrait.media.types import CameraFrame

__all__ = ["RevealEngine"]


class RevealEngine(FaceEngine):
    """Shows the camera picture, fitted into the canvas. Used only where a profile says ``engine = "reveal"``."""

    name: ClassVar[str] = "reveal"
    needs_pixels: ClassVar[bool] = True
    reveals: ClassVar[bool] = True
    light: ClassVar[bool] = True

    def __init__(self) -> None:
        self._canvas = Canvas()

    def prepare(self, portrait: Portrait, settings: FaceSettings, canvas: Canvas) -> None:
        self._canvas = canvas

    def set_reference(self, reference: Observation | None) -> None:
        """Has no reference: the picture is shown as it is."""

    def render(self, observation: Observation, frame: CameraFrame | None = None) -> NDArray[np.uint8]:
        if frame is None:
            raise FaceError("The reveal engine was given no camera frame.")
        import cv2

        height, width = frame.image.shape[:2]
        scale = min(self._canvas.width / width, self._canvas.height / height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        out = np.zeros((self._canvas.height, self._canvas.width, 3), np.uint8)
        x, y = (self._canvas.width - size[0]) // 2, (self._canvas.height - size[1]) // 2
        out[y : y + size[1], x : x + size[0]] = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
        return out
