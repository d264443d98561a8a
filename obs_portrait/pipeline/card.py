"""The neutral card: what is shown when there is nothing of the persona to show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.types import Canvas

__all__ = ["draw_card"]


def draw_card(canvas: Canvas) -> NDArray[np.uint8]:
    """A dark card with the outline of a bust, (height, width, 3) uint8 RGB. Made of nothing but numbers."""
    import cv2  # here: the audio process loads this module, and nothing of the picture

    width, height = canvas.width, canvas.height
    shade = np.linspace(46, 24, height, dtype=np.float32)[:, None, None] * np.array([0.86, 0.93, 1.1], np.float32)
    card = np.ascontiguousarray(np.broadcast_to(shade, (height, width, 3)).astype(np.uint8))
    unit, x, y = min(width, height) / 10, width / 2, height / 2
    grey = (96, 104, 120)
    fixed = 16  # OpenCV's sub-pixel coordinates: 4 fractional bits

    def at(dx: float, dy: float) -> tuple[int, int]:
        return round((x + dx * unit) * fixed), round((y + dy * unit) * fixed)

    def radius(rx: float, ry: float) -> tuple[int, int]:
        return round(rx * unit * fixed), round(ry * unit * fixed)

    cv2.ellipse(card, at(0, 3.6), radius(2.9, 2.2), 0, 180, 360, grey, -1, cv2.LINE_AA, 4)
    cv2.ellipse(card, at(0, -0.7), radius(1.45, 1.8), 0, 0, 360, grey, -1, cv2.LINE_AA, 4)
    return card
