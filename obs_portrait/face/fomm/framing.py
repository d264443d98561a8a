"""Squares of 256 pixels out of pictures, and back into them."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.crop import Box
from obs_portrait.face.types import Canvas

__all__ = ["SIDE", "Paste", "cut", "face_square", "whole_square"]

Picture = NDArray[np.uint8]
SIDE: Final = 256
_SOFT: Final = 0.08
"""Width of the mask's soft edge, in sides of the square."""


def face_square(landmarks: NDArray[np.float32], scale: float) -> Box:
    """The square of `scale` face sizes about a face, a little more above than below, as `face.crop.FollowCrop` has it;
    it may reach beyond the picture."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    side = float(max((high - low).max(), 1.0)) * scale
    x, y = (float(value) for value in (low + high) / 2)
    y -= 0.05 * side
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def whole_square(width: int, height: int) -> Box:
    """The largest square in the middle of a picture."""
    side = float(min(width, height))
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def cut(image: Picture, box: Box) -> Picture:
    """(256, 256, 3) uint8: the square `box` of a picture; beyond its edge the edge goes on."""
    scale = SIDE / (box[2] - box[0])
    if scale < 0.5:  # shrinking by more than two needs averaging first, or it flickers
        image, box = _shrunk(image, box, scale)
        scale = SIDE / (box[2] - box[0])
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    return np.asarray(
        cv2.warpAffine(image, _matrix(box, scale), (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _shrunk(image: Picture, box: Box, scale: float) -> tuple[Picture, Box]:
    """The picture (of which only what is near `box` is looked at) made smaller by a whole number, and the box in it."""
    by = int(1 / scale)
    height, width = image.shape[:2]
    left, top = (int(np.clip(value - by, 0, limit - 1)) for value, limit in zip(box[:2], (width, height), strict=True))
    right, bottom = (
        int(np.clip(value + by, low + 1, limit))
        for value, low, limit in zip(box[2:], (left, top), (width, height), strict=True)
    )
    part = image[top:bottom, left:right]
    size = max(1, (right - left) // by), max(1, (bottom - top) // by)
    small = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)
    x, y = size[0] / (right - left), size[1] / (bottom - top)
    # One scale for both directions: they differ by less than a pixel.
    return small, (
        (box[0] - left) * x,
        (box[1] - top) * y,
        (box[2] - left) * x,
        (box[1] - top) * y + (box[2] - box[0]) * x,
    )


def _matrix(box: Box, scale: float) -> NDArray[np.float64]:
    # cv2.warpAffine maps pixel centres; the half pixels keep a plain resize exact.
    shift = -np.array(box[:2]) * scale + 0.5 * scale - 0.5
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


class Paste:
    """Puts squares back to where they were cut from a still picture, with a soft edge."""

    def __init__(self, base: Picture, box: Box) -> None:
        """base: (H, W, 3) uint8, the persona on the canvas; box: the square of it that is drawn anew."""
        height, width = base.shape[:2]
        self._base = base
        x0, x1 = (int(np.clip(value, 0, width)) for value in (np.floor(box[0]), np.ceil(box[2])))
        y0, y1 = (int(np.clip(value, 0, height)) for value in (np.floor(box[1]), np.ceil(box[3])))
        self._window = slice(y0, y1), slice(x0, x1)
        self._size = x1 - x0, y1 - y0
        back = (box[2] - box[0]) / SIDE
        shift = np.array([box[0] - x0, box[1] - y0]) + 0.5 * back - 0.5
        self._matrix = np.array([[back, 0, shift[0]], [0, back, shift[1]]])
        self._flags = cv2.INTER_CUBIC if back > 1 else cv2.INTER_LINEAR
        mask = np.minimum.outer(*(self._ramp(low, high, box[2] - box[0], limit) for low, high, limit in (
            ((y0, box[1]), (y1, box[3]), height), ((x0, box[0]), (x1, box[2]), width)
        )))  # fmt: skip
        smooth = mask * mask * (3 - 2 * mask)
        self._mask = np.ascontiguousarray(smooth.astype(np.float32)[..., None])
        self._behind = base[self._window].astype(np.float32) * (1 - self._mask)

    @staticmethod
    def _ramp(low: tuple[int, float], high: tuple[int, float], side: float, limit: int) -> NDArray[np.float64]:
        """0 at the square's edge, 1 from the soft edge's width inwards; 1 all along where the picture ends first."""
        at = np.arange(low[0], high[0]) + 0.5
        soft = _SOFT * side
        begin = np.ones_like(at) if low[1] <= 0.5 else np.clip((at - low[1]) / soft, 0, 1)
        end = np.ones_like(at) if high[1] >= limit - 0.5 else np.clip((high[1] - at) / soft, 0, 1)
        return np.asarray(np.minimum(begin, end))

    @property
    def canvas(self) -> Canvas:
        """Size of what `__call__` returns."""
        return Canvas(self._base.shape[1], self._base.shape[0])

    def __call__(self, square: Picture) -> Picture:
        """A new (H, W, 3) uint8 picture: `base` with `square` (256, 256, 3) in its place."""
        out = self._base.copy()
        if min(self._size) > 0:
            large = cv2.warpAffine(square, self._matrix, self._size, flags=self._flags, borderMode=cv2.BORDER_REPLICATE)
            drawn = np.asarray(large, np.float32) * self._mask
            drawn += self._behind
            out[self._window] = cv2.convertScaleAbs(drawn)
        return out
