"""Putting a portrait onto the canvas: crop about the face, enlarge, and extend what the picture does not show."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.settings import FaceSettings
from obs_portrait.face.types import Canvas, Portrait

__all__ = ["stage"]

_MIN_FACE: Final = 32  # pixels in the portrait
_MAX_ENLARGE: Final = 8.0
_TIGHTEST: Final = 1.6  # canvas over face: nearer than that nobody holds a camera


def stage(portrait: Portrait, settings: FaceSettings, canvas: Canvas) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The picture on the canvas, (height, width, 3) uint8 RGB, and its (478, 3) float32 landmarks in canvas pixels.

    crop "auto": the canvas' height shows `crop_scale` faces; "none": the whole picture, fitted (a picture of the
    canvas' size stays pixel for pixel). Raises `FaceError` if the face is too small to be enlarged.
    """
    height, width = portrait.image.shape[:2]
    points = portrait.landmarks
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    face = float((high - low).max())
    if face < _MIN_FACE:
        raise FaceError(
            f"{portrait.name}: the face is only {face:.0f} pixels large; {_MIN_FACE} is the least; use another picture."
        )
    if settings.crop == "none":
        scale = min(canvas.width / width, canvas.height / height)
        shift = np.array([(canvas.width - width * scale) / 2, (canvas.height - height * scale) / 2])
    else:
        scale = min(min(canvas.height, canvas.width) / (settings.crop_scale * face), _MAX_ENLARGE)
        fill = canvas.height / height  # a picture that can fill the canvas' height does, if the face has room
        if fill * face <= min(canvas.height, canvas.width) / _TIGHTEST:
            scale = max(scale, fill)
        centre = (low + high) / 2
        # A little more room above than below: hair is taller than a chin is deep.
        shift = np.array([canvas.width / 2, canvas.height * 0.5]) - centre * scale
        shift[1] += _lean(shift[1], height * scale, canvas.height)
    # cv2.warpAffine maps pixel centres; the half pixels keep a plain resize exact.
    offset = shift + 0.5 * scale - 0.5
    matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]], np.float64)
    source = portrait.image
    if scale < 0.5:  # shrinking by more than two needs averaging first, or it flickers
        sigma = 0.4 / scale
        source = np.asarray(cv2.GaussianBlur(source, (0, 0), sigma), np.uint8)
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    if scale == 1.0 and not offset.any() and (width, height) == (canvas.width, canvas.height):
        image = portrait.image.copy()
    else:
        image = np.asarray(
            cv2.warpAffine(source, matrix, (canvas.width, canvas.height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        )
        image = _extend(image, source, matrix, settings.background, canvas)
    landmarks = points.astype(np.float64) * scale
    landmarks[:, :2] += offset
    if settings.background == "blur":
        image = _blur_behind(image, landmarks)
    return np.ascontiguousarray(image, np.uint8), landmarks.astype(np.float32)


def _lean(top: float, picture: float, canvas: float) -> float:
    """Moves the picture so that its own edge is not seen above or below if it is tall enough to fill the canvas."""
    if picture >= canvas:
        return float(np.clip(0.0, canvas - picture - top, -top))
    return 0.0


def _extend(
    image: NDArray[np.uint8],
    source: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    background: str,
    canvas: Canvas,
) -> NDArray[np.uint8]:
    """What lies beyond the picture: a colour, or the picture's own edge, ever softer away from it (no streaks)."""
    inside = np.full(source.shape[:2], 255, np.uint8)
    mask = cv2.warpAffine(inside, matrix, (canvas.width, canvas.height), flags=cv2.INTER_LINEAR)
    if mask.min() >= 250:
        return image
    share = (np.asarray(mask, np.float32) / 255)[..., None]
    if background.startswith("#"):
        colour = np.array([int(background[i : i + 2], 16) for i in (1, 3, 5)], np.float32)
        return np.asarray(image * share + colour * (1 - share) + 0.5, np.uint8)
    # The picture's edge goes on, blurred; a mirror would show the head's ghost.
    soft = cv2.GaussianBlur(image, (0, 0), max(canvas.width, canvas.height) / 24)
    distance = cv2.distanceTransform((mask < 128).astype(np.uint8), cv2.DIST_L2, 3)
    fade = np.clip(np.asarray(distance, np.float32) / (0.02 * max(canvas.width, canvas.height)), 0, 1)[..., None]
    return np.asarray(image * (1 - fade) + soft * fade + 0.5, np.uint8)


def _blur_behind(image: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Blurs what is far from the head and the shoulders below it."""
    height, width = image.shape[:2]
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    centre, size = (low + high) / 2, high - low
    mask = np.zeros((height, width), np.float32)
    cv2.ellipse(mask, (int(centre[0]), int(centre[1] - 0.1 * size[1])), (int(size[0]), int(size[1])), 0, 0, 360, 1, -1)
    cv2.ellipse(mask, (int(centre[0]), height), (int(1.8 * size[0]), int(height - centre[1])), 0, 0, 360, 1, -1)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), size.max() / 8), np.float32)[..., None]
    soft = cv2.GaussianBlur(image, (0, 0), max(height, width) / 60)
    return np.asarray(image * mask + soft * (1 - mask) + 0.5, np.uint8)
