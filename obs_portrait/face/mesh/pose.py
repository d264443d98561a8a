"""Head pose and shape: a face as a rigid placement (scale, rotation, translation) of a shape without pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.topology import canonical_vertices, procrustes_weights
from obs_portrait.face.types import LANDMARKS

__all__ = ["Placement", "rotation_between", "soft_limit", "solve"]

Array = NDArray[np.float32]
_MIN_SCALE: Final = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Pixels = scale * R @ shape + t. scale: pixels a cm of the canonical face; R (3, 3), t (3,) float64;
    shape (478, 3) float64 in cm, x right, y down, z away from the viewer."""

    scale: float
    R: NDArray[np.float64]
    t: NDArray[np.float64]
    shape: NDArray[np.float64]

    def place(self, shape: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 3) points of a shape in pixels."""
        return np.asarray(self.scale * shape @ self.R.T + self.t)


def solve(landmarks: Array) -> Placement:
    """The placement of (478, 3) landmarks by weighted orthogonal Procrustes analysis (Umeyama, Least-Squares Estimation
    of Transformation Parameters Between Two Point Patterns, 1991) on the vertices that expressions move least.

    Raises `FaceError` if the landmarks are not finite or collapsed.
    """
    if landmarks.shape != (LANDMARKS, 3) or not np.isfinite(landmarks).all() or np.abs(landmarks).max() > 1e6:
        raise FaceError("The face's landmarks are not finite; the frame is skipped.")
    weights = procrustes_weights().astype(np.float64)
    used = weights > 0
    w = weights[used] / weights[used].sum()
    source = canonical_vertices()[used].astype(np.float64)
    target = landmarks[: weights.size][used].astype(np.float64)
    source_mean, target_mean = w @ source, w @ target
    a, b = source - source_mean, target - target_mean
    U, S, Vt = np.linalg.svd((b * w[:, None]).T @ a)
    D = np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt)) or 1.0])
    R = U @ D @ Vt
    variance = float((w[:, None] * a * a).sum())
    scale = float(np.trace(np.diag(S) @ D)) / variance
    if not np.isfinite(scale) or scale < _MIN_SCALE:
        raise FaceError("The face's landmarks have collapsed to a point; the frame is skipped.")
    t = target_mean - scale * R @ source_mean
    shape = (landmarks.astype(np.float64) - t) @ R / scale
    return Placement(scale, R, t, shape)


def rotation_between(start: NDArray[np.float64], end: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """`strength` times the rotation from `start` to `end`, both (3, 3): 0 none, 1 all of it."""
    relative = end @ start.T
    if strength == 1.0:
        return np.asarray(relative)
    vector, _ = cv2.Rodrigues(relative)
    return np.asarray(cv2.Rodrigues(vector * strength)[0], np.float64)


def soft_limit(value: float, limit: float, knee: float = 0.7) -> float:
    """`value` unchanged up to knee * limit, then bent smoothly so that it never passes `limit` (which is > 0)."""
    size = abs(value) / limit
    if size <= knee:
        return value
    return float(np.copysign(limit * (knee + (1 - knee) * np.tanh((size - knee) / (1 - knee))), value))
