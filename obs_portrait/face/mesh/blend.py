"""Small helpers of the layers that are drawn over the warped portrait."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Window", "polygon_mask", "window_about"]

_FAR = 8192.0  # pixels
_SHIFT = 4  # sub-pixel bits of OpenCV's drawing functions


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of the canvas: columns x0 to x1, rows y0 to y1, ends excluded."""

    x0: int
    y0: int
    x1: int
    y1: int

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A view into `image`."""
        return image[self.y0 : self.y1, self.x0 : self.x1]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        return self.x1 - self.x0, self.y1 - self.y0


def window_about(points: NDArray[np.float64], margin: float, shape: tuple[int, ...]) -> Window | None:
    """The window that holds `points` (n, 2) and `margin` pixels round them, inside a picture of `shape`; None if
    nothing of it is left or the points are not finite."""
    if not np.isfinite(points).all():
        return None
    low = np.clip(np.floor(points.min(0) - margin), -1e6, 1e6).astype(int)
    high = np.clip(np.ceil(points.max(0) + margin) + 1, -1e6, 1e6).astype(int)
    x0, y0 = max(0, low[0]), max(0, low[1])
    x1, y1 = min(shape[1], high[0]), min(shape[0], high[1])
    return Window(int(x0), int(y0), int(x1), int(y1)) if x1 - x0 > 2 and y1 - y0 > 2 else None


def polygon_mask(points: NDArray[np.float64], window: Window, soft: float = 0.7) -> NDArray[np.float32]:
    """(h, w) float32, 1 inside the polygon `points` (n, 2, canvas pixels), with an edge `soft` pixels wide."""
    mask = np.zeros((window.size[1], window.size[0]), np.uint8)
    # Fixed point has little room: what lies far outside the window only needs to stay outside.
    near = np.clip(points - (window.x0, window.y0), -_FAR, _FAR)
    local = np.round(near * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [local.reshape(-1, 1, 2)], 255, cv2.LINE_AA, _SHIFT)
    if soft > 0:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.uint8)
    return np.asarray(mask, np.float32) / np.float32(255)
