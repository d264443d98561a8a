"""The preview window: the persona, and what the streamer wants to know, drawn over a copy that goes nowhere else.

The window shows persona frames. Two things may be drawn over them, in this window and in no other sink: statistics and
help, which are text; and, only while the key O has switched it on, the overlay for finding the right pose: the
camera's picture under the persona's portrait, as avatarify shows it. A red line of text says so while it is on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.overlay import draw_landmarks, ghost
from obs_portrait.face.types import Canvas, Observation
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.live.keys import HELP, Action
from obs_portrait.pipeline.prepare import fit

__all__ = ["Preview", "View"]

_WHITE, _RED, _BLACK = (255, 255, 255), (255, 70, 70), (0, 0, 0)
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class View:
    """What is switched on. opacity: of the persona's portrait over the camera, 0 to 1."""

    overlay: bool = False
    opacity: float = 0.5
    statistics: bool = False
    help: bool = False

    def after(self, action: Action) -> View:
        """The view after a key; the same view for keys that are not about the view."""
        match action:
            case Action.OVERLAY:
                return replace(self, overlay=not self.overlay)
            case Action.FAINTER:
                return replace(self, opacity=max(0.0, round(self.opacity - 0.05, 2)))
            case Action.STRONGER:
                return replace(self, opacity=min(1.0, round(self.opacity + 0.05, 2)))
            case Action.STATISTICS:
                return replace(self, statistics=not self.statistics)
            case Action.HELP:
                return replace(self, help=not self.help)
            case _:
                return self


class Preview:
    """Draws the window's picture from a persona frame's. Lives in the pacer's thread."""

    def __init__(self, figures: Callable[[], list[str]]) -> None:
        """`figures`: lines of statistics."""
        self.view = View()
        self.note = ""
        """One line at the bottom: the reference search's figures, for instance."""
        self._figures = figures
        self._camera: tuple[CameraFrame, Observation | None] | None = None
        self.still: Picture | None = None
        """The portrait of the persona on stage."""

    def look(self, camera: CameraFrame, observation: Observation | None) -> None:
        """Called by the engine's thread. The camera's picture is kept only while the overlay is on."""
        self._camera = (camera, observation) if self.view.overlay else None

    def draw(self, picture: Picture) -> Picture:
        """(H, W, 3) uint8 RGB in; the same object if nothing is switched on, else a new picture of the same size."""
        view, camera = self.view, self._camera
        if not (view.overlay or view.statistics or view.help or self.note):
            return picture
        out = self._overlaid(picture, *camera) if view.overlay and camera is not None else picture.copy()
        line = max(14, out.shape[0] // 26)
        if view.overlay:
            _text(out, "OVERLAY: camera shown in this window only", line, _RED)
        rows = (self._figures() if view.statistics else []) + (list(HELP) if view.help else [])
        if rows:  # a darker ground, so that text can be read on any persona
            out[: line * (len(rows) + 2 + int(view.overlay))] //= 2
        for number, row in enumerate(rows):
            _text(out, row, line * (number + 2 + int(view.overlay)), _WHITE)
        if self.note:
            _text(out, self.note, out.shape[0] - line // 2, _WHITE)
        return out

    def _overlaid(self, picture: Picture, camera: CameraFrame, observation: Observation | None) -> Picture:
        under = camera.image if observation is None else draw_landmarks(camera.image, observation.landmarks)
        over = self.still if self.still is not None else picture
        return ghost(fit(under, Canvas(picture.shape[1], picture.shape[0])), over, self.view.opacity)


def _text(out: Picture, text: str, y: int, colour: tuple[int, int, int]) -> None:
    size = max(0.35, out.shape[0] / 1100)
    for shade, shift in ((_BLACK, 1), (colour, 0)):  # a shadow: OpenCV 5 spaces letters by their thickness
        cv2.putText(out, text, (8 + shift, y + shift), cv2.FONT_HERSHEY_SIMPLEX, size, shade, 1, cv2.LINE_AA)
