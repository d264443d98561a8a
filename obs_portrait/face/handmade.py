"""Landmarks that a person has put onto a picture: where a face is that no landmarker finds (a cat's, a mask's, a
drawing's), or finds in the wrong place.

Points are (478, 2) in pixels of the picture, x right and y down, in MediaPipe's order.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.topology import (
    FACE_OVAL,
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
from obs_portrait.face.types import LANDMARKS

__all__ = ["check_points", "lay_face", "names", "with_depth"]

_LEAST_SPAN: Final = 16.0
"""Pixels: a face that is smaller has nothing to show."""
_LEAST_EYES: Final = 0.1
"""Between the eyes' middles, in widths of the face."""
_MOST_FOLDED: Final = 0.4
"""Share of the mesh that may lie the wrong way round: a head that is turned hides some, a mirrored one all."""
_FILL: Final = 0.6
"""Of the picture's smaller side: a face that is laid into it."""
_IRIS: Final = 0.2
"""Radius in widths of the eye."""
_REGIONS: Final[Mapping[str, tuple[int, ...]]] = {
    "edge of the face": FACE_OVAL,
    "lips, outside": LIPS_OUTER,
    "lips, inside": LIPS_INNER,
    "right eye": RIGHT_EYE,
    "left eye": LEFT_EYE,
    "right brow": RIGHT_BROW,
    "left brow": LEFT_BROW,
    "right iris": RIGHT_IRIS,
    "left iris": LEFT_IRIS,
}


@cache
def names() -> tuple[str, ...]:
    """What each of the 478 points is called: "left eye 3", "face 17"."""
    found = {
        index: f"{region} {number}" for region, ring in _REGIONS.items() for number, index in enumerate(ring, start=1)
    }
    return tuple(found.get(index, f"face {index + 1}") for index in range(LANDMARKS))


@cache
def _canonical() -> NDArray[np.float64]:
    """(478, 3): the canonical face in cm with irises in the middle of its eyes."""
    face = canonical_vertices().astype(np.float64)
    irises = []
    for ring in (RIGHT_EYE, LEFT_EYE):
        eye = face[list(ring)]
        radius = _IRIS * float(np.ptp(eye[:, 0]))
        around = radius * np.array([[0, 0, 0], [1, 0, 0], [0, -1, 0], [-1, 0, 0], [0, 1, 0]])
        irises.append(eye.mean(0) + around)
    whole = np.concatenate([face, *irises])
    whole.flags.writeable = False
    return whole


def lay_face(width: int, height: int) -> NDArray[np.float32]:
    """(478, 3) float32: the canonical face from the front, in the middle of a picture, to be dragged into place."""
    face = _canonical()
    low, high = face[:, :2].min(0), face[:, :2].max(0)
    scale = _FILL * min(width, height) / float((high - low).max())
    laid = (face - [*((low + high) / 2), 0.0]) * scale + [width / 2, height / 2, 0.0]
    return np.asarray(laid, np.float32)


def check_points(points: NDArray[np.float64], width: int, height: int) -> None:
    """Raises `FaceError` with one sentence if these are no points of a face in a picture of that size."""
    if points.shape != (LANDMARKS, 2):
        raise FaceError(f"A face has {LANDMARKS} points of x and y, these are {points.shape}.")
    if not np.isfinite(points).all():
        raise FaceError("Some of the face's points are not finite numbers; set them anew.")
    outside = ((points < 0) | (points > (width, height))).any(axis=1)
    if outside.any():
        where = names()[int(np.flatnonzero(outside)[0])]
        raise FaceError(
            f"{int(outside.sum())} of the face's points lie outside the picture of {width}x{height}, '{where}' first; "
            "drag them into it."
        )
    span = np.ptp(points, axis=0)
    if span.min() < _LEAST_SPAN:
        raise FaceError(
            f"The face is only {span[0]:.0f}x{span[1]:.0f} pixels; drag its edge to where the face's is, "
            f"{_LEAST_SPAN:.0f} pixels or more."
        )
    right, left = (points[list(ring)].mean(0) for ring in (RIGHT_EYE, LEFT_EYE))
    if float(np.linalg.norm(left - right)) < _LEAST_EYES * float(span[0]):
        raise FaceError("Both eyes are in the same place; drag each to where it belongs.")
    if _folded(points) > _MOST_FOLDED:
        raise FaceError(
            "The face's points lie crosswise or mirrored; the person's right eye is on the left of a picture. Begin "
            "again with the points as they were found."
        )


def _folded(points: NDArray[np.float64]) -> float:
    """Share of the mesh, by its area on the canonical face, that lies the wrong way round."""
    wanted, found = (_areas(flat) for flat in (_canonical()[:, :2], points))
    return float(np.abs(wanted)[wanted * found < 0].sum() / np.abs(wanted).sum())


def _areas(points: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, c = (points[triangles()[:, corner]] for corner in range(3))
    return np.asarray((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))


def with_depth(points: NDArray[np.float64], seen: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """(478, 3) float32: checked points with the z that they lack, in the same scale.

    seen: (478, 3) landmarks that a landmarker found in the same picture, whose depth is taken over, as large as the
    face is now; without them it is the canonical face's.
    """
    shape = _canonical() if seen is None else seen.astype(np.float64)
    scale = float(np.sqrt(np.prod(np.ptp(points, axis=0)) / max(float(np.prod(np.ptp(shape[:, :2], axis=0))), 1e-9)))
    return np.asarray(np.column_stack([points, shape[:, 2] * scale]), np.float32)
