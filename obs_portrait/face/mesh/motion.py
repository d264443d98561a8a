"""Motion transfer: the driver's motion since the reference frame, put onto the portrait's shape.

Relative motion as in first-order-model's demo, but in the unposed shape space of the canonical face: the driver's
identity cancels out, only what changed is taken over.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.mesh.pose import Placement, rotation_between, soft_limit, solve
from obs_portrait.face.mesh.settings import MeshSettings
from obs_portrait.face.topology import (
    LEFT_BROW,
    LEFT_EYE,
    LEFT_IRIS,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGHT_IRIS,
    canonical_vertices,
    triangles,
)
from obs_portrait.face.types import LANDMARKS, Canvas, Observation

__all__ = ["EYES", "Motion", "openness"]

# (upper lid, lower lid) of each eye, from the outer corner to the inner one, and its corners (outer, inner).
EYES: Final = (
    ((246, 161, 160, 159, 158, 157, 173), (7, 163, 144, 145, 153, 154, 155), (33, 133)),
    ((466, 388, 387, 386, 385, 384, 398), (249, 390, 373, 374, 380, 381, 382), (263, 362)),
)
_LIP_PAIRS: Final = ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402), (80, 88), (310, 318), (191, 95), (415, 324))
_YAW_LIMIT: Final = np.radians(42.0)
_PITCH_LIMIT: Final = np.radians(32.0)
_ROOM: Final = 0.45
"""How far the head may go from where it stands in the portrait, as a share of the canvas."""
_SHUT: Final = 0.06
"""Openness that the landmarks of a fully shut eye still show (gap over the eye's width)."""
_LAPLACIAN: Final = 0.35


def openness(
    points: NDArray[np.float64], upper: tuple[int, ...], lower: tuple[int, ...], corners: tuple[int, int]
) -> float:
    """Mean gap between the lids as a share of the eye's width."""
    gap = np.linalg.norm(points[list(upper)] - points[list(lower)], axis=1)[1:-1].mean()
    return float(gap / (np.linalg.norm(points[corners[0]] - points[corners[1]]) + 1e-9))


def _smoothing_matrix() -> NDArray[np.float64]:
    """One Laplacian step over the mesh for the 468 vertices; eyes, brows, lips and irises keep their own motion."""
    count = 468
    near = np.zeros((count, count))
    for a, b, c in triangles():
        for i, j in ((a, b), (b, c), (c, a)):
            near[i, j] = near[j, i] = 1.0
    mean = near / np.maximum(near.sum(1, keepdims=True), 1.0)
    matrix = (1 - _LAPLACIAN) * np.eye(count) + _LAPLACIAN * mean
    kept = list({*LIPS_INNER, *LIPS_OUTER, *LEFT_EYE, *RIGHT_EYE, *LEFT_BROW, *RIGHT_BROW})
    matrix[kept] = np.eye(count)[kept]
    return np.asarray(matrix)


class _Steady:
    """An exponential filter that lets go when things move (after Casiez et al., 1 Euro Filter, 2012)."""

    def __init__(self, strength: float, slack: float) -> None:
        self._strength, self._slack = strength, slack
        self._value: NDArray[np.float64] | None = None

    def __call__(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._strength == 0:
            return value
        if self._value is None:
            self._value = value.copy()
        change = np.abs(value - self._value)
        keep = self._strength * 0.9 * np.exp(-change / self._slack)
        self._value = np.asarray(keep * self._value + (1 - keep) * value)
        return self._value


class Motion:
    """Moves one portrait. Keeps the driver's reference and, if `smoothing` > 0, the filters' state."""

    def __init__(self, source: Placement, settings: MeshSettings, canvas: Canvas) -> None:
        self.source = source
        self._settings = settings
        self._canvas = canvas
        self._blur = _smoothing_matrix()
        self._rotation_0 = cv2.Rodrigues(source.R)[0].ravel()
        self._free = np.ones(LANDMARKS, bool)
        self._free[list({*LIPS_INNER, *LIPS_OUTER, *LEFT_EYE, *RIGHT_EYE, *LEFT_IRIS, *RIGHT_IRIS})] = False
        self._mouth = np.array(sorted({*LIPS_INNER, *LIPS_OUTER}))
        self.set_reference(None)

    def set_reference(self, reference: Observation | None) -> None:
        """See `FaceEngine.set_reference`. Forgets the filters' past."""
        self._reference = None if reference is None else solve(reference.landmarks)
        strength = self._settings.smoothing
        self._steady_pose = _Steady(strength, 0.03)
        self._steady_place = _Steady(strength, 1.5)
        self._steady_shape = _Steady(strength, 0.05)

    def move(self, seen: Observation) -> tuple[NDArray[np.float64], Placement]:
        """(478, 3) landmarks of the portrait on the canvas, and the head's placement. Raises `FaceError` for
        landmarks that are no face."""
        driver = solve(seen.landmarks)
        if self._reference is None:
            self._reference = driver
        settings = self._settings
        relative = settings.motion == "relative"
        # Absolute: the portrait's own face is what the driver is compared with, so his shape is taken as it is.
        start = self._reference if relative else self.source
        delta = driver.shape - start.shape
        delta[:468] = self._blur @ delta[:468]
        delta = self._fit_features(delta, driver, start) * settings.expression_strength
        if self._settings.smoothing > 0:
            delta[self._free] = self._steady_shape(delta)[self._free]
        shape = self.source.shape + delta
        _uncross_lips(shape)
        head = self._head(driver, start, seen, relative)
        return head.place(shape), replace(head, shape=shape)

    def _fit_features(self, delta: NDArray[np.float64], driver: Placement, start: Placement) -> NDArray[np.float64]:
        """Lids by the ratio of openness, lips by the ratio of mouth widths: a large-eyed cartoon shuts its eyes too."""
        source = self.source.shape
        for (upper, lower, corners), irises in zip(EYES, (RIGHT_IRIS, LEFT_IRIS), strict=True):
            mine = openness(source, upper, lower, corners)
            base = openness(start.shape, upper, lower, corners)
            now = openness(driver.shape, upper, lower, corners)
            # Openness beyond that of a shut eye; a reference with shut eyes says nothing about open ones.
            floor = min(_SHUT, 0.5 * base)
            ratio = max(0.0, 1 + (now - base) / (max(base, 0.08) - floor if now < base else max(base, 0.08)))
            ratio = min(ratio, 1.6)
            width = float(np.linalg.norm(source[corners[0]] - source[corners[1]]))
            wanted = (ratio - 1) * mine * width  # change of the gap in cm
            u, v = list(upper), list(lower)
            change = delta[v, 1] - delta[u, 1]
            profile = (source[v, 1] - source[u, 1]).clip(1e-3)
            profile = profile / profile[1:-1].mean()
            error = wanted * profile - change
            # The upper lid does most of the closing.
            delta[u, 1] -= 0.8 * error
            delta[v, 1] += 0.2 * error
            # Gaze: where the iris stands between the corners, in eye widths.
            iris = list(irises)
            a, b = corners
            span = np.linalg.norm(start.shape[a] - start.shape[b]) + 1e-9
            gaze = (driver.shape[iris[0]] - driver.shape[[a, b]].mean(0)) - (
                start.shape[iris[0]] - start.shape[[a, b]].mean(0)
            )
            delta[iris] = delta[[a, b]].mean(0) + gaze * (width / span)
        width = _mouth_width(source) / max(_mouth_width(start.shape), 1e-3)
        middle = delta[self._mouth].mean(0)
        delta[self._mouth] = middle + (delta[self._mouth] - middle) * float(np.clip(width, 0.75, 1.35))
        return delta

    def _head(self, driver: Placement, start: Placement, seen: Observation, relative: bool) -> Placement:
        settings, source = self._settings, self.source
        if relative:
            R = rotation_between(start.R, driver.R, settings.pose_strength) @ source.R
        else:
            R = rotation_between(np.eye(3), driver.R, settings.pose_strength)
        R = self._limit(R)
        follow = settings.translation
        if follow is None:
            follow = 1.0 if settings.crop == "none" or not relative else 0.6
        follow *= settings.pose_strength
        # The head turns about its middle, not about the canonical face's origin.
        pivot = canonical_vertices().mean(0).astype(np.float64)
        home, now = source.place(pivot[None])[0], driver.place(pivot[None])[0]
        picture = self._canvas.height / max(seen.height, 1)  # canvas pixels for a pixel of the driver's picture
        if relative:
            unit = source.scale / start.scale if settings.adapt_scale else picture
            shift = unit * (now - start.place(pivot[None])[0])
            grown = driver.scale / start.scale
        else:
            middle = np.array([seen.width, seen.height, 0.0]) / 2
            shift = picture * (now - middle) + np.array([self._canvas.width, self._canvas.height, 0.0]) / 2 - home
            grown = 1.0 if settings.adapt_scale else picture * driver.scale / source.scale
        scale = source.scale * float(np.clip(grown**follow, 0.6, 1.6))
        room = _ROOM * np.array([self._canvas.width, self._canvas.height])
        centre = home.copy()
        centre[:2] += [soft_limit(float(follow * shift[axis]), float(room[axis])) for axis in range(2)]
        vector = np.asarray(cv2.Rodrigues(R)[0], np.float64).ravel()
        vector = self._steady_pose(vector)
        centre_scale = self._steady_place(np.append(centre, scale))
        R = np.asarray(cv2.Rodrigues(vector)[0], np.float64)
        centre, scale = centre_scale[:3], float(centre_scale[3])
        return Placement(scale, R, centre - scale * R @ pivot, source.shape)

    def _limit(self, R: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bends the turn away from the portrait's own pose before the picture runs out: a portrait knows only what it
        shows, and one that is already turned has less room toward the side that it hides."""
        relative = cv2.Rodrigues(R @ self.source.R.T)[0].ravel()
        yaw_0, pitch_0 = self._rotation_0[1], self._rotation_0[0]
        room_yaw = _YAW_LIMIT - max(0.0, float(np.sign(relative[1]) * yaw_0)) * 0.8
        room_pitch = _PITCH_LIMIT - max(0.0, float(np.sign(relative[0]) * pitch_0)) * 0.8
        relative[1] = soft_limit(float(relative[1]), max(room_yaw, np.radians(12)))
        relative[0] = soft_limit(float(relative[0]), max(room_pitch, np.radians(10)))
        return np.asarray(cv2.Rodrigues(relative)[0] @ self.source.R)


def _mouth_width(shape: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(shape[61] - shape[291]))


def _uncross_lips(shape: NDArray[np.float64]) -> None:
    """Inner lips meet, they do not pass through one another."""
    for upper, lower in _LIP_PAIRS:
        overlap = shape[upper, 1] - shape[lower, 1]
        if overlap > 0:
            shape[upper, 1] -= overlap / 2
            shape[lower, 1] += overlap / 2
