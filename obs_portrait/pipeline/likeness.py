"""Is this picture a copy of that one? Thumbnails, and how far they are apart. Cheap enough for every frame.

The guard asks before it seals anything (`seen` remembers what to compare with, `echo` does the same for sound). What is
found: a picture as it is, resized, letterboxed, cropped to the canvas, mirrored, upside down, with other brightness,
contrast, gamma or channel order, in one channel alone, as a negative; and, where `aligned` is asked too, slightly
cropped, shifted, scaled or turned. That does not prove the absence of every trace (a leak of a small part of the
picture passes); what does is `leak`, which marks the inputs and looks for the mark at the sinks.

The unit of all distances is the standard deviation of a thumbnail's brightness.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ALIGNED_DISTANCE",
    "COPY_DISTANCE",
    "PAIRS",
    "SAME_SCENE",
    "SAME_SCENE_ALIGNED",
    "SIDE",
    "aligned",
    "apart",
    "coarse",
    "same_scene",
    "sketch",
    "turned",
]

COPY_DISTANCE: Final = 0.12
"""Two pictures nearer than this (`apart`) are one picture. Measured: copies that were resized, cropped to the canvas,
dimmed or made with another gamma 0.00 to 0.10, also with noise of 4 levels on the camera; personas of other people 0.7
and more."""

ALIGNED_DISTANCE: Final = 0.35
"""The same for `aligned`. Measured: copies cropped to 80 %, shifted by 8 %, turned by 5 degrees 0.04 to 0.28; pictures
of other people, after the same search for a position that suits, 0.77 and more."""

SAME_SCENE: Final = 0.4
"""A persona whose portrait is nearer than this to the camera picture is the driver, in the same place: then a good
rendering *is* close to the camera picture, and that is no leak of anything that the portrait does not show."""

SAME_SCENE_ALIGNED: Final = 0.6
"""The same where a rendering is near only after a search for a position (`aligned`): people move in their chairs."""

SIDE: Final = 32
PAIRS: Final = ((0, 0), (1, 0), (0, 1))
"""Which views of two sketches show the same, if one picture was stretched, letterboxed or cropped to the other's."""

_SAMPLED: Final = 160  # pixels of the shorter side that are looked at
_FLAT: Final = 0.25  # standard deviation in levels: a picture flatter than this shows nobody, and its noise is like any
_TENTH: Final = 0.9
_STEPS: Final = 10  # of the search for a position; copies are in place after 8
_OVERLAP: Final = 0.5

Thumbnail = NDArray[np.float32]


def sketch(image: NDArray[np.uint8], aspect: float) -> NDArray[np.float32]:
    """(H, W, 3) uint8 -> (2, 3, 32, 32) float32: thumbnails of the three channels, each with mean 0 and deviation 1.

    The first view is the whole picture, the second the largest centred part with the aspect ratio `aspect` (width /
    height). Zeros: a channel that is flat; a second view that would be the first.
    """
    import cv2  # here: the audio process loads this module, and nothing of the picture

    height, width = image.shape[:2]
    step = max(1, min(height, width) // _SAMPLED)
    if step > 1:
        image = np.asarray(
            cv2.resize(image, (width // step, height // step), interpolation=cv2.INTER_NEAREST), np.uint8
        )
    out = np.zeros((2, 3, SIDE, SIDE), np.float32)
    views = [image] if abs(width / height / aspect - 1) < 0.02 else [image, _centre(image, aspect)]
    for view, part in zip(out, views, strict=False):
        # In floating point: of a dark picture that has five levels whole numbers would leave little.
        small = cv2.resize(part.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        mean, spread = (figure.ravel().astype(np.float32) for figure in cv2.meanStdDev(small))
        scale = np.where(spread < _FLAT, 0, 1 / np.maximum(spread, _FLAT)).astype(np.float32)
        np.copyto(view, ((small - mean) * scale).transpose(2, 0, 1))
    return out


def _centre(image: NDArray[np.uint8], aspect: float) -> NDArray[np.uint8]:
    """The largest centred part of `image` with this aspect ratio (width / height)."""
    height, width = image.shape[:2]
    w, h = max(1, min(width, round(height * aspect))), max(1, min(height, round(width / aspect)))
    x, y = (width - w) // 2, (height - h) // 2
    return image[y : y + h, x : x + w]


def turned(thumbnails: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 32, 32) -> (4, n, 32, 32): as they are, mirrored, upside down, and both."""
    return np.stack([thumbnails, thumbnails[..., ::-1], thumbnails[..., ::-1, :], thumbnails[..., ::-1, ::-1]])


def coarse(thumbnails: NDArray[np.float32]) -> NDArray[np.float32]:
    """(…, 32, 32) -> (…, 256) of length 1: the dot product of two is their correlation. Zeros stay zeros."""
    rows = thumbnails[..., ::2, :] + thumbnails[..., 1::2, :]
    flat = (rows[..., ::2] + rows[..., 1::2]).reshape(*thumbnails.shape[:-2], SIDE * SIDE // 4)
    length = np.sqrt(np.einsum("...i,...i->...", flat, flat))[..., None]
    return np.asarray(flat / np.maximum(length, np.float32(1e-6)), np.float32)


def apart(one: Thumbnail, other: Thumbnail) -> float:
    """How far two thumbnails of mean 0 and deviation 1 are apart: the 90th percentile of their differences. The same of
    the ranks of their pixels counts if it is less: no gamma and no contrast curve changes those."""
    plain = _percentile(one, other)
    return plain if plain < COPY_DISTANCE else min(plain, _percentile(_ranks(one), _ranks(other)))


def aligned(one: Thumbnail, other: Thumbnail) -> float:
    """How far two thumbnails are apart once `other` was moved, scaled, turned and sheared to suit `one` best. Infinite
    if they cannot be brought together, or then have less than half in common.

    The search maximises the correlation: G. Evangelidis and E. Psarakis, "Parametric image alignment using enhanced
    correlation coefficient maximization", IEEE Trans. Pattern Analysis and Machine Intelligence 30, 2008.
    """
    import cv2

    one, other = np.ascontiguousarray(one), np.ascontiguousarray(other)
    warp = np.eye(2, 3, dtype=np.float32)
    enough = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _STEPS, 1e-3)
    try:
        _, warp = cv2.findTransformECC(one, other, warp, cv2.MOTION_AFFINE, enough, None, 5)  # type: ignore[call-overload]
    except cv2.error:
        return np.inf
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    common = cv2.warpAffine(np.ones_like(one), warp, (SIDE, SIDE), flags=flags) > 0.99
    if common.mean() < _OVERLAP:
        return np.inf
    a, b = one[common], cv2.warpAffine(other, warp, (SIDE, SIDE), flags=flags)[common]
    spreads = float(a.std()), float(b.std())
    if min(spreads) < 1e-3:
        return np.inf
    return _percentile((a - a.mean()) / spreads[0], (b - b.mean()) / spreads[1])


def same_scene(portrait: NDArray[np.float32], camera: NDArray[np.float32], moved: bool) -> bool:
    """Whether two sketches show the same person in the same place (`SAME_SCENE`). moved: also if one of them is
    slightly cropped, shifted or turned (`SAME_SCENE_ALIGNED`)."""
    for ours, theirs in PAIRS:
        a, b = portrait[ours, 1], camera[theirs, 1]
        if not a.any() or not b.any():
            continue
        if min(_percentile(way[0], b) for way in turned(a[None])) < SAME_SCENE:
            return True
        if moved and aligned(b, a) < SAME_SCENE_ALIGNED:
            return True
    return False


def _percentile(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    apart = np.abs(one - other).ravel()
    at = int(_TENTH * apart.size)
    return float(np.partition(apart, at)[at])


def _ranks(thumbnail: Thumbnail) -> Thumbnail:
    """Each pixel's place among all, with mean 0 and deviation 1."""
    order = np.argsort(thumbnail, axis=None)
    ranks = np.empty(order.size, np.float32)
    ranks[order] = np.linspace(-np.sqrt(3), np.sqrt(3), order.size, dtype=np.float32)
    return ranks.reshape(thumbnail.shape)
