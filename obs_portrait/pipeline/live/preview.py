"""The preview window: the persona, and what the streamer wants to know, drawn over a copy that goes nowhere else.

The window shows persona frames. Two things may be drawn over them, in this window and in no other sink: statistics and
help, which are text; and, only while the key O has switched it on, the overlay for finding the right pose: the
camera's picture under the persona's portrait, as avatarify shows it. A red line of text says so while it is on. A
cover (panic, rest, a face that is off) ends it, and a camera that is lost is not shown as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.clock import now_ns
from obs_portrait.face.overlay import draw_landmarks, ghost
from obs_portrait.face.types import Canvas, Observation
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.live.keys import HELP, Action
from obs_portrait.pipeline.prepare import fit

__all__ = ["Preview", "View"]

_WHITE, _RED, _BLACK = (255, 255, 255), (255, 70, 70), (0, 0, 0)
_FRESH_NS: Final = 500_000_000
"""So long a look at the camera is worth drawing. Counted from the look, not from the capture: a slow engine's looks
come late, and the overlay is there for it as well."""
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Look:
    camera: CameraFrame
    observation: Observation | None
    at_ns: int


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

    def __init__(self, figures: Callable[[], list[str]], covered: Callable[[], bool] = lambda: False) -> None:
        """figures: lines of statistics. covered(): only the card or the portrait may be shown now."""
        self.view = View()
        self.note = ""
        """One line at the bottom: the reference search's figures, for instance."""
        self._figures, self._covered = figures, covered
        self._seen: _Look | None = None
        self.still: Picture | None = None
        """The portrait of the persona on stage."""

    def look(self, camera: CameraFrame, observation: Observation | None) -> None:
        """Called by the engine's thread. The camera's picture is kept only while the overlay is on."""
        wanted = self.view.overlay and not self._covered()
        self._seen = _Look(camera, observation, now_ns()) if wanted else None

    def draw(self, picture: Picture, *, card: bool = False) -> Picture:
        """(H, W, 3) uint8 RGB in; the same object if nothing is switched on, else a new picture of the same size.

        card: the picture is the card, which nothing of the camera is drawn over, whatever the reason for it is."""
        if self._covered():  # and it stays off until somebody asks again
            self._seen, self.view = None, replace(self.view, overlay=False)
        if card or (self._seen is not None and now_ns() - self._seen.at_ns > _FRESH_NS):
            self._seen = None
        view, seen = self.view, self._seen
        if not (view.overlay or view.statistics or view.help or self.note):
            return picture
        out = self._overlaid(picture, seen) if view.overlay and seen is not None and not card else picture.copy()
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

    def _overlaid(self, picture: Picture, seen: _Look) -> Picture:
        image = seen.camera.image
        under = image if seen.observation is None else draw_landmarks(image, seen.observation.landmarks)
        over = self.still if self.still is not None else picture
        return ghost(fit(under, Canvas(picture.shape[1], picture.shape[0])), over, self.view.opacity)


def _text(out: Picture, text: str, y: int, colour: tuple[int, int, int]) -> None:
    size = max(0.35, out.shape[0] / 1100)
    for shade, shift in ((_BLACK, 1), (colour, 0)):  # a shadow: OpenCV 5 spaces letters by their thickness
        cv2.putText(out, text, (8 + shift, y + shift), cv2.FONT_HERSHEY_SIMPLEX, size, shade, 1, cv2.LINE_AA)
