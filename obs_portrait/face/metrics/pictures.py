"""How alike two pictures are: PSNR, SSIM, L1. Pictures are (H, W, 3) uint8 RGB of one size; every figure is a float,
finite for every pair of pictures."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError

__all__ = ["PSNR_LIMIT", "WINDOW", "l1", "psnr", "ssim"]

Picture = NDArray[np.uint8]

PSNR_LIMIT: Final = 100.0
"""PSNR of equal pictures in dB: the true figure is infinite, and a mean of it would tell nothing."""
WINDOW: Final = 11
"""Side of SSIM's window in pixels."""

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
    if min(x.shape[:2]) < WINDOW:
        raise FaceError(f"SSIM takes pictures of {WINDOW}x{WINDOW} pixels or more, not {x.shape[1]}x{x.shape[0]}.")

    def blur(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(image, (WINDOW, WINDOW), _SIGMA), np.float32)

    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x * mean_x, blur(y * y) - mean_y * mean_y
    covariance = blur(x * y) - mean_x * mean_y
    index = ((2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)) / (
        (mean_x * mean_x + mean_y * mean_y + _C1) * (var_x + var_y + _C2)
    )
    edge = WINDOW // 2
    return float(index[edge:-edge, edge:-edge].mean(dtype=np.float64))
