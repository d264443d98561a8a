"""Head pose as three angles."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["angles", "rotation"]

_FLAT: Final = 1e-6


def rotation(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """(3, 3) rotation of a head from its angles in degrees, in MediaPipe's camera space (x right, y up, z towards the
    camera): roll first, then pitch, then yaw. The inverse of `angles`."""
    y, p, r = np.radians([yaw, -pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)


def angles(pose: NDArray[np.float32]) -> tuple[float, float, float]:
    """(yaw, pitch, roll) in degrees of a (4, 4) facial transformation matrix, or of its (3, 3) part; 0, 0, 0 is a face
    that looks straight into the camera. A scale in the matrix does not matter.

    yaw > 0: turned to the right side of the picture. pitch > 0: looking up. roll > 0: tilted counter-clockwise in the
    picture. Pitch lies within ±90; at ±90 yaw and roll are one and the same, and roll is 0 then.
    """
    turned = np.asarray(pose, np.float64)[:3, :3]
    size = float(np.cbrt(abs(np.linalg.det(turned)))) if np.isfinite(turned).all() else 0.0
    if size < _FLAT:
        return 0.0, 0.0, 0.0
    R = turned / size
    pitch = float(np.degrees(np.arcsin(np.clip(R[1, 2], -1.0, 1.0))))
    if abs(R[1, 2]) > 1 - _FLAT:
        return float(np.degrees(np.arctan2(-R[2, 0], R[0, 0]))), pitch, 0.0
    yaw = float(np.degrees(np.arctan2(R[0, 2], R[2, 2])))
    roll = float(np.degrees(np.arctan2(R[1, 0], R[1, 1])))
    return yaw, pitch, roll
