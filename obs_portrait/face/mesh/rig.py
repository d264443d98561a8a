"""A portrait as a puppet: a texture on a mesh of 468 vertices of the face and some hundred round it.

The driver's landmarks move the face, the face moves the rest, and the picture is warped. Eyes and mouth are layers of
their own: a warp cannot show what the portrait hides.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.mesh.eyes import EyeLayer
from obs_portrait.face.mesh.motion import Motion
from obs_portrait.face.mesh.mouth import MouthLayer
from obs_portrait.face.mesh.pose import Placement, solve
from obs_portrait.face.mesh.raster import Warp
from obs_portrait.face.mesh.settings import MeshSettings
from obs_portrait.face.mesh.stage import stage
from obs_portrait.face.mesh.surroundings import Surroundings
from obs_portrait.face.topology import triangles
from obs_portrait.face.types import Canvas, Observation, Portrait

__all__ = ["Rig"]

_FACE = 468
_MOST_TURNED: Final = float(np.cos(np.radians(55)))
"""Cosine of the angle between the face and the viewer from which a picture holds too little of the face."""


class Rig:
    """One portrait, ready to be moved. `base`: (H, W, 3) uint8 RGB, the portrait on the canvas at rest."""

    def __init__(self, portrait: Portrait, settings: MeshSettings, canvas: Canvas) -> None:
        """Raises `FaceError` if the portrait cannot be used."""
        base, landmarks = stage(portrait, settings, canvas)
        source = solve(landmarks)
        if source.R[2, 2] < _MOST_TURNED:
            angle = np.degrees(np.arccos(source.R[2, 2]))
            raise FaceError(
                f"{portrait.name}: the face is turned {angle:.0f} degrees away, half of it is hidden; use a picture "
                "that shows it from the front."
            )
        self._rest = landmarks.astype(np.float64)
        self._around = Surroundings.build(source, self._rest, canvas.width, canvas.height)
        self._motion = Motion(source, settings, canvas)
        self._texture = np.ascontiguousarray(
            np.vstack([self._rest[:_FACE, :2], self._around.points[:, :2]]), np.float32
        )
        self._triangles = np.ascontiguousarray(np.vstack([self._around.triangles, triangles()]), np.int32)
        corner = self._texture[self._triangles].astype(np.float64)
        one, two = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
        self._facing = np.where(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0] < 0, -1, 1).astype(np.int8)
        self._warp = Warp(base)
        self._points = np.empty((len(self._texture), 3), np.float32)
        self._eyes = EyeLayer(base, self._rest) if settings.eyes == "auto" else None
        self._mouth = MouthLayer(base, source, self._rest, settings) if settings.mouth == "auto" else None
        self.base: NDArray[np.uint8] = base
        # Compiles, and fills caches: the first frame on air is as fast as the rest.
        rest = Observation(
            landmarks, np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 1.0, canvas.width, canvas.height, 0
        )
        self.set_reference(rest)
        self.render(rest)
        self.set_reference(None)

    def set_reference(self, reference: Observation | None) -> None:
        """As `FaceEngine.set_reference`."""
        self._motion.set_reference(reference)

    def render(self, observation: Observation) -> NDArray[np.uint8]:
        """As `FaceEngine.render`."""
        face, head = self._motion.move(observation)
        out = self._warp(*self._mesh(face, head))
        if self._eyes is not None:
            self._eyes.draw(out, face)
        if self._mouth is not None:
            self._mouth.draw(out, face, head)
        return out

    def mesh(
        self, observation: Observation
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32], NDArray[np.int8]]:
        """What `raster.Warp` is given for an observation: points (n, 3), texture (n, 2), triangles (k, 3), facing (k,).
        For measurements and overlays."""
        points, texture, corners, facing = self._mesh(*self._motion.move(observation))
        return points.copy(), texture, corners, facing

    def _mesh(
        self, face: NDArray[np.float64], head: Placement
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32], NDArray[np.int8]]:
        self._points[:_FACE] = face[:_FACE]
        self._points[_FACE:] = self._around.follow(self._rest, face, self._motion.source, head)
        if not np.isfinite(self._points).all():
            raise FaceError("The head's motion has no finite form; the frame is skipped.")
        return self._points, self._texture, self._triangles, self._facing
