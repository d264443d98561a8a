"""What lies round the face: hair, ears, neck, shoulders, background, and how they follow the head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.mesh.pose import Placement
from obs_portrait.face.topology import FACE_OVAL

__all__ = ["Surroundings"]

_RINGS: Final = (1.1, 1.25, 1.45, 1.7, 2.0)
_GRID: Final = 26.0  # pixels at 512
_EAR_DEPTH: Final = 8.0  # cm behind the oval's mean, reached gradually: a step makes a flap of hair when nodding
_NECK: Final = np.array([0.0, 11.0, 7.0])  # cm, where the head turns on the neck
# How far the head's motion reaches, in face heights: upwards, sideways, downwards. Turning fades sooner than shifting.
_REACH_TURN: Final = (1.15, 0.95, 0.55)
_REACH_SHIFT: Final = (1.6, 1.4, 1.0)
_TPS_SHARE: Final = 0.5


def _smoothstep(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3.0 - 2.0 * x))


def _kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    r2 = ((a[:, None, :] - b[None, :, :]) ** 2).sum(-1)
    return np.asarray(0.5 * r2 * np.log(r2 + 1e-9))


def tps_matrix(control: NDArray[np.float64], targets: NDArray[np.float64], stiffness: float) -> NDArray[np.float64]:
    """(n, m) matrix that takes displacements of m control points to n targets: a thin-plate spline (Bookstein 1989).

    stiffness > 0 lets the spline pass beside its control points and keeps it smooth.
    """
    m = len(control)
    scale = np.abs(control).max()
    c, p = control / scale, targets / scale
    L = np.zeros((m + 3, m + 3))
    L[:m, :m] = _kernel(c, c) + stiffness * np.eye(m)
    L[:m, m:] = np.c_[np.ones(m), c]
    L[m:, :m] = L[:m, m:].T
    basis = np.c_[_kernel(p, c), np.ones(len(p)), p]
    return np.asarray((basis @ np.linalg.inv(L))[:, :m])


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """Vertices outside the face and their dependence on it, for one portrait on one canvas.

    points (n, 3) float64 at rest; triangles (k, 3) int32 index into the 468 face vertices followed by `points`.
    """

    points: NDArray[np.float64]
    triangles: NDArray[np.int32]
    _tps: NDArray[np.float64]
    _turn: NDArray[np.float64]
    _shift: NDArray[np.float64]
    _pivot: NDArray[np.float64]

    @classmethod
    def build(cls, placement: Placement, landmarks: NDArray[np.float64], width: int, height: int) -> Surroundings:
        """landmarks: (478, 3) at rest, in pixels of the canvas."""
        oval = landmarks[list(FACE_OVAL)]
        centre = oval[:, :2].mean(0)
        size = float(np.ptp(oval[:, 1]))
        points = _layout(oval[:, :2], centre, width, height)
        distance = _distance(oval[:, :2], points)
        nearest = np.argmin(((points[:, None] - oval[None, :, :2]) ** 2).sum(-1), axis=1)
        depth = oval[nearest, 2] * (1 - _smoothstep(distance / size)) + (
            oval[:, 2].mean() + _EAR_DEPTH * placement.scale
        ) * _smoothstep(distance / size)
        border = np.minimum.reduce([points[:, 0], points[:, 1], width - 1 - points[:, 0], height - 1 - points[:, 1]])
        free = _smoothstep(border / (0.12 * min(width, height)))
        free[border < 1] = 0.0
        turn = (1 - _smoothstep(distance / (size * _reach(points - centre, _REACH_TURN)))) * free
        shift = (1 - _smoothstep(distance / (size * _reach(points - centre, _REACH_SHIFT)))) * free
        pins = points[border < 1]
        control = np.vstack([oval[:, :2], pins])
        tps = tps_matrix(control, points, stiffness=1e-3)[:, : len(oval)] * free[:, None]
        pivot = placement.place(_NECK[None])[0]
        return cls(
            np.c_[points, depth],
            _triangulate(oval[:, :2], points, width, height),
            tps * _TPS_SHARE,
            turn * (1 - _TPS_SHARE),
            shift * (1 - _TPS_SHARE),
            pivot,
        )

    def follow(
        self, rest: NDArray[np.float64], face: NDArray[np.float64], start: Placement, end: Placement
    ) -> NDArray[np.float64]:
        """(n, 3) positions when the face moved from `rest` to `face` ((>=468, 3) pixels), the head from `start` to
        `end`: half a thin-plate spline of the oval, half a rigid motion about the neck that fades with distance."""
        oval = list(FACE_OVAL)
        moved = np.zeros_like(self.points)
        moved[:, :2] = self._tps @ (face[oval, :2] - rest[oval, :2])
        A = (end.scale / start.scale) * end.R @ start.R.T
        arm = self.points - self._pivot
        turning = arm @ A.T - arm
        shifting = A @ (self._pivot - start.t) + end.t - self._pivot
        moved += self._turn[:, None] * turning + self._shift[:, None] * shifting
        moved[:, 2] *= 1 / (1 - _TPS_SHARE)  # depth has no spline half
        return self.points + moved


def _reach(offset: NDArray[np.float64], reach: tuple[float, float, float]) -> NDArray[np.float64]:
    up, side, down = reach
    angle = offset / (np.linalg.norm(offset, axis=1, keepdims=True) + 1e-9)
    vertical = np.where(angle[:, 1] < 0, up, down)
    return np.asarray(side * angle[:, 0] ** 2 + vertical * angle[:, 1] ** 2)


def _distance(polygon: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels from each point to the polygon, 0 inside."""
    contour = polygon.astype(np.float32).reshape(-1, 1, 2)
    signed = [cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in points]
    return np.asarray(np.maximum(0.0, -np.asarray(signed)))


def _layout(oval: NDArray[np.float64], centre: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """Rings round the face, a grid over the rest, and the canvas' border (just outside it, so that it is covered)."""
    spacing = _GRID * max(1.0, min(width, height) / 512)
    rings = [centre + (oval - centre) * scale for scale in _RINGS]
    nx, ny = max(3, round(width / spacing)), max(3, round(height / spacing))
    xs, ys = np.linspace(-1.0, width, nx + 1), np.linspace(-1.0, height, ny + 1)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    on_border = (grid[:, 0] < 0) | (grid[:, 1] < 0) | (grid[:, 0] > width - 1) | (grid[:, 1] > height - 1)
    outermost = centre + (oval - centre) * (_RINGS[-1] + 0.1)
    clear = _distance(outermost, grid) > 0
    kept = [points for points in (np.vstack(rings), grid[clear & ~on_border], grid[on_border]) if len(points)]
    points = np.vstack(kept)
    margin = 0.4 * spacing
    inside = (
        (points[:, 0] > margin)
        & (points[:, 1] > margin)
        & (points[:, 0] < width - 1 - margin)
        & (points[:, 1] < height - 1 - margin)
    )
    edge = np.zeros(len(points), bool)
    edge[len(points) - int(on_border.sum()) :] = True
    points = points[inside | edge]
    # Two vertices at one place make triangles without area.
    _, first = np.unique(np.round(points / 4), axis=0, return_index=True)
    points = points[np.sort(first)]
    return np.asarray(points[(_distance(oval, points) > 2.0) | (points[:, 0] < 0) | (points[:, 1] < 0)])


def _triangulate(oval: NDArray[np.float64], points: NDArray[np.float64], width: int, height: int) -> NDArray[np.int32]:
    """Delaunay triangles between the oval and the canvas' border, none inside the oval."""
    every = np.vstack([oval, points]).astype(np.float32)
    low = every.min(0) - 8
    high = every.max(0) + 8
    plane = cv2.Subdiv2D((int(low[0]), int(low[1]), int(high[0] - low[0]) + 2, int(high[1] - low[1]) + 2))
    for x, y in every:
        plane.insert((float(x), float(y)))
    corners = np.asarray(plane.getTriangleList(), np.float32).reshape(-1, 3, 2)
    corners = corners[((corners > low) & (corners < high)).all((1, 2))]  # not those of the frame round the plane
    contour = oval.astype(np.float32).reshape(-1, 1, 2)
    found = []
    for corner in corners:
        index = [int(((every - point) ** 2).sum(1).argmin()) for point in corner]
        middle = corner.mean(0)
        if len(set(index)) < 3 or cv2.pointPolygonTest(contour, (float(middle[0]), float(middle[1])), False) > 0:
            continue
        found.append(index)
    face = np.array(FACE_OVAL)
    triangles = np.array(found, np.int32)
    # Index of a vertex of the oval is the landmark's, the others follow the 468 of the face.
    return np.where(
        triangles < len(face), face[np.minimum(triangles, len(face) - 1)], triangles - len(face) + 468
    ).astype(np.int32)
