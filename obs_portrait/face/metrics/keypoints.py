"""How far landmarks lie apart (AKD), which are missing (MKR), and where a face is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.metrics.pictures import WINDOW
from obs_portrait.face.topology import LEFT_IRIS, LIPS_INNER, LIPS_OUTER, RIGHT_IRIS

__all__ = ["AKD_SIDE", "IRIS", "LIPS", "akd", "akd_l1", "face_box", "mkr"]

Landmarks = NDArray[np.float32]

AKD_SIDE: Final = 256
"""Landmark distances are given as if the picture's shorter side had so many pixels (the size that Siarohin et al.,
First Order Motion Model for Image Animation, 2019, report theirs at)."""
LIPS: Final[tuple[int, ...]] = LIPS_OUTER + LIPS_INNER
IRIS: Final[tuple[int, ...]] = RIGHT_IRIS + LEFT_IRIS


def akd(a: Landmarks, b: Landmarks, width: int, height: int, subset: Sequence[int] | None = None) -> float:
    """Average keypoint distance: mean distance of (478, 2 or 3) landmarks in the picture plane, in pixels of a picture
    whose shorter side is `AKD_SIDE`. width, height: of the picture that they are in; subset: indices (`LIPS`, `IRIS`).
    """
    x, y = a[:, :2].astype(np.float64), b[:, :2].astype(np.float64)
    if subset is not None:
        x, y = x[list(subset)], y[list(subset)]
    return float(np.linalg.norm(x - y, axis=1).mean()) * AKD_SIDE / min(width, height)


def akd_l1(a: Landmarks, b: Landmarks, width: int, height: int) -> float:
    """AKD as the authors' script computes it (pose-evaluation, cmp_kp.py): the mean difference of coordinates, not of
    points, which is smaller. Arguments as for `akd`."""
    difference = np.abs(a[:, :2].astype(np.float64) - b[:, :2].astype(np.float64))
    return float(difference.mean()) * AKD_SIDE / min(width, height)


def mkr(truth: Sequence[bool], result: Sequence[bool]) -> float:
    """Missing keypoint rate (Siarohin et al., 2019): the share of frames whose face is found in the ground truth but
    not in the result. truth, result: whether a face was found, frame by frame. Our detector finds all landmarks of a
    face or none, so that faces are counted here where the paper counts keypoints.

    Raises `FaceError` if the ground truth has no face at all.
    """
    found = [there for there, wanted in zip(result, truth, strict=True) if wanted]
    if not found:
        raise FaceError("The ground truth shows no face; there is nothing that could be missing.")
    return 1.0 - sum(found) / len(found)


def face_box(landmarks: Landmarks, width: int, height: int, margin: float = 0.1) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) in whole pixels, right and bottom outside: the landmarks' bounding box, `margin` of
    its size wider on every side, clipped to the picture and never smaller than the window of SSIM.

    Raises `FaceError` if the picture itself is smaller than that.
    """
    if min(width, height) < WINDOW:
        raise FaceError(f"Faces are judged in pictures of {WINDOW}x{WINDOW} pixels or more, not {width}x{height}.")
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    grow = margin * (high - low)
    spans = []
    for start, end, limit in zip(low - grow, high + grow, (width, height), strict=True):
        first = int(np.clip(np.floor(start), 0, limit - WINDOW))
        spans.append((first, int(np.clip(np.ceil(end), first + WINDOW, limit))))
    (left, right), (top, bottom) = spans
    return left, top, right, bottom
