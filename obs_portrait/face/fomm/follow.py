"""The square that is cut out of the driver's picture, and the reference that motion is counted from."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.calibration import ReferenceSearch
from obs_portrait.face.crop import FollowCrop
from obs_portrait.face.fomm.framing import cut, whole_square
from obs_portrait.face.types import Observation, Portrait
from obs_portrait.media.types import CameraFrame

__all__ = ["Driver"]

Picture = NDArray[np.uint8]
_SEARCH_NS: Final = 20_000_000_000
"""How long a frame like a reference whose picture is lost is looked for."""
_SLACK: Final = 0.06


class Driver:
    """Cuts the driver's square, and knows which one is the reference.

    A reference comes as numbers, its picture only if it is still at hand. Without it (a process was restarted) the next
    frame serves, until one comes whose face is more like the reference's.
    """

    def __init__(self, scale: float | None) -> None:
        """scale: side of the square in face sizes; it follows the face softly. None: the whole picture is used."""
        self._scale = scale
        self._follow = self._new_follow()
        self._shown: CameraFrame | None = None
        self._reference: Picture | None = None
        self._wanted: ReferenceSearch | None = None
        self._until_ns: int | None = None
        self._awaited = True
        self._now_ns = 0

    def show(self, frame: CameraFrame) -> None:
        """The picture of the reference that comes next."""
        self._shown = frame

    def refer(self, reference: Observation | None) -> None:
        """A new reference; None: the next frame is it."""
        shown, self._shown = self._shown, None
        self._wanted, self._until_ns, self._awaited = None, None, False
        if reference is not None and shown is not None and shown.captured_ns == reference.captured_ns:
            # The square starts where the face is at rest, so that rest means no motion.
            self._follow = self._new_follow()
            self._reference = self._square(replace(reference, captured_ns=self._now_ns), shown)
        elif reference is None:
            self._awaited = True
        else:
            try:
                self._wanted = ReferenceSearch(Portrait(np.zeros((1, 1, 3), np.uint8), reference.landmarks))
            except FaceError:  # of no use; the next frame is taken
                self._awaited = True

    def see(self, observation: Observation, frame: CameraFrame) -> tuple[Picture, Picture | None]:
        """The driver's square in this frame, and the reference's if it is a new one; (256, 256, 3) uint8 RGB."""
        self._now_ns = observation.captured_ns
        square = self._square(observation, frame)
        if self._until_ns is None:
            self._until_ns = self._now_ns + _SEARCH_NS
        if self._awaited:
            self._awaited, self._reference = False, square
        elif self._wanted is not None:
            if self._now_ns > self._until_ns:
                self._wanted = None
            elif self._wanted.consider(observation):
                self._reference = square
        new, self._reference = self._reference, None
        return square, new

    def _square(self, observation: Observation, frame: CameraFrame) -> Picture:
        height, width = frame.image.shape[:2]
        box = self._follow.update(observation) if self._scale is not None else None
        return cut(frame.image, box or whole_square(width, height))

    def _new_follow(self) -> FollowCrop:
        return FollowCrop(self._scale or 1.0, slack=_SLACK)
