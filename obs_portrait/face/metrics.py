"""How alike two pictures of a face are: PSNR, SSIM, L1, and the distance of their landmarks (AKD).

Pictures are (H, W, 3) uint8 RGB of one size. Every figure is a float, finite for every pair of pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.topology import LEFT_IRIS, LIPS_INNER, LIPS_OUTER, RIGHT_IRIS

__all__ = ["AKD_SIDE", "IRIS", "LIPS", "PSNR_LIMIT", "akd", "face_box", "l1", "psnr", "ssim"]

Picture = NDArray[np.uint8]
Landmarks = NDArray[np.float32]

AKD_SIDE: Final = 256
"""Landmark distances are given as if the picture's shorter side had so many pixels (the size that Siarohin et al.,
First Order Motion Model for Image Animation, 2019, report theirs at)."""
PSNR_LIMIT: Final = 100.0
"""PSNR of equal pictures in dB: the true figure is infinite, and a mean of it would tell nothing."""
LIPS: Final[tuple[int, ...]] = LIPS_OUTER + LIPS_INNER
IRIS: Final[tuple[int, ...]] = RIGHT_IRIS + LEFT_IRIS

_WINDOW: Final = 11
_SIGMA: Final = 1.5
_C1: Final = (0.01 * 255) ** 2
_C2: Final = (0.03 * 255) ** 2


def _pair(a: Picture, b: Picture) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if a.shape != b.shape or a.ndim != 3 or a.size == 0:
        raise FaceError(f"Pictures of one size can be compared, these are {a.shape} and {b.shape}.")
    return a.astype(np.float32), b.astype(np.float32)


def l1(a: Picture, b: Picture) -> float:
    """Mean absolute difference on the scale 0 to 255."""
    x, y = _pair(a, b)
    return float(np.abs(x - y).mean(dtype=np.float64))


def psnr(a: Picture, b: Picture) -> float:
    """Peak signal-to-noise ratio in dB, at most `PSNR_LIMIT`."""
    x, y = _pair(a, b)
    error = float(np.square(x - y).mean(dtype=np.float64))
    return PSNR_LIMIT if error <= 255.0**2 * 10 ** (-PSNR_LIMIT / 10) else 10.0 * float(np.log10(255.0**2 / error))


def ssim(a: Picture, b: Picture) -> float:
    """Structural similarity (Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity,
    2004): Gaussian window of 11x11 with sigma 1.5, mean over the windows that lie wholly inside and over the colours.

    Raises `FaceError` for pictures smaller than the window.
    """
    x, y = _pair(a, b)
    if min(x.shape[:2]) < _WINDOW:
        raise FaceError(f"SSIM takes pictures of {_WINDOW}x{_WINDOW} pixels or more, not {x.shape[1]}x{x.shape[0]}.")

    def blur(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(image, (_WINDOW, _WINDOW), _SIGMA), np.float32)

    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x * mean_x, blur(y * y) - mean_y * mean_y
    covariance = blur(x * y) - mean_x * mean_y
    index = ((2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)) / (
        (mean_x * mean_x + mean_y * mean_y + _C1) * (var_x + var_y + _C2)
    )
    edge = _WINDOW // 2
    return float(index[edge:-edge, edge:-edge].mean(dtype=np.float64))


def akd(a: Landmarks, b: Landmarks, width: int, height: int, subset: Sequence[int] | None = None) -> float:
    """Average keypoint distance: mean distance of (478, 2 or 3) landmarks in the picture plane, in pixels of a picture
    whose shorter side is `AKD_SIDE`. width, height: of the picture that they are in; subset: indices (`LIPS`, `IRIS`).
    """
    x, y = a[:, :2].astype(np.float64), b[:, :2].astype(np.float64)
    if subset is not None:
        x, y = x[list(subset)], y[list(subset)]
    return float(np.linalg.norm(x - y, axis=1).mean()) * AKD_SIDE / min(width, height)


def face_box(landmarks: Landmarks, width: int, height: int, margin: float = 0.1) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) in whole pixels, right and bottom outside: the landmarks' bounding box, `margin` of
    its size wider on every side, clipped to the picture and never smaller than the window of SSIM.

    Raises `FaceError` if the picture itself is smaller than that.
    """
    if min(width, height) < _WINDOW:
        raise FaceError(f"Faces are judged in pictures of {_WINDOW}x{_WINDOW} pixels or more, not {width}x{height}.")
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    grow = margin * (high - low)
    spans = []
    for start, end, limit in zip(low - grow, high + grow, (width, height), strict=True):
        first = int(np.clip(np.floor(start), 0, limit - _WINDOW))
        spans.append((first, int(np.clip(np.ceil(end), first + _WINDOW, limit))))
    (left, right), (top, bottom) = spans
    return left, top, right, bottom
