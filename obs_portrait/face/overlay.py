"""Drawings over the preview: the tracker's points, the face's lines, the portrait as a ghost to line up with.

Pure functions: pictures are (H, W, 3) uint8 RGB, and a new one is returned.
"""

from __future__ import annotations

from typing import Final

import cv2
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
)

__all__ = ["draw_landmarks", "ghost"]

Picture = NDArray[np.uint8]

_RINGS: Final = (FACE_OVAL, LIPS_OUTER, LIPS_INNER, LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW)
_IRISES: Final = (LEFT_IRIS, RIGHT_IRIS)
_SUBPIXEL: Final = 4  # OpenCV draws at 1/16 pixel
_FAR: Final = 1 << 14  # beyond this OpenCV's drawing coordinates could overflow


def _check(image: Picture, opacity: float) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise FaceError(f"An overlay is drawn on RGB pictures, not on {image.shape} {image.dtype}.")
    if not 0.0 <= opacity <= 1.0:
        raise FaceError(f"The overlay's opacity is from 0 to 1, not {opacity}.")


def draw_landmarks(
    image: Picture,
    landmarks: NDArray[np.float32],
    opacity: float = 1.0,
    colour: tuple[int, int, int] = (90, 255, 160),
    points: bool = False,
) -> Picture:
    """`image` with the lines of a face: oval, brows, lids, lips, irises; with `points` all landmarks too.

    landmarks: (478, 2 or 3) in pixels of `image`; what is not finite or far outside is left out.
    """
    _check(image, opacity)
    drawn = image.copy()
    flat = landmarks[:, :2].astype(np.float64)
    usable = np.asarray((np.abs(np.nan_to_num(flat, nan=np.inf)) < _FAR).all(axis=1), np.bool_)
    fixed = np.rint(np.where(usable[:, None], flat, 0.0) * 2**_SUBPIXEL).astype(np.int32)
    thick = max(1, round(min(image.shape[:2]) / 400))
    for ring in _RINGS:
        if usable[list(ring)].all():
            cv2.polylines(drawn, [fixed[list(ring)]], True, colour, thick, cv2.LINE_AA, _SUBPIXEL)
    for iris in _IRISES:
        if usable[list(iris)].all():
            centre, *rim = flat[list(iris)]
            radius = float(np.linalg.norm(np.array(rim) - centre, axis=1).mean())
            at = (int(fixed[iris[0], 0]), int(fixed[iris[0], 1]))
            cv2.circle(drawn, at, max(1, round(radius * 2**_SUBPIXEL)), colour, thick, cv2.LINE_AA, _SUBPIXEL)
    if points:
        height, width = image.shape[:2]
        nearest = np.rint(np.where(usable[:, None], flat, -1.0)).astype(np.int64)
        inside = ((nearest >= 0) & (nearest < (width, height))).all(1)
        drawn[nearest[inside, 1], nearest[inside, 0]] = colour
    return drawn if opacity == 1.0 else _mix(drawn, image, opacity)


def ghost(image: Picture, portrait: Picture, opacity: float = 0.5) -> Picture:
    """`portrait`, scaled to cover `image` and cut about its middle, over it: opacity 1 shows the portrait alone."""
    _check(image, opacity)
    _check(portrait, opacity)
    height, width = image.shape[:2]
    tall, wide = portrait.shape[:2]
    scale = max(width / wide, height / tall)
    size = (max(width, round(wide * scale)), max(height, round(tall * scale)))
    covering = cv2.resize(portrait, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    x, y = (size[0] - width) // 2, (size[1] - height) // 2
    return _mix(np.asarray(covering[y : y + height, x : x + width], np.uint8), image, opacity)


def _mix(over: Picture, under: Picture, opacity: float) -> Picture:
    return np.asarray(cv2.addWeighted(np.ascontiguousarray(over), opacity, under, 1.0 - opacity, 0.0), np.uint8)
