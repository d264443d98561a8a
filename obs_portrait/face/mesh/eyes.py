"""The eye layer: eyeball and iris under the lids. A warp alone would drag the iris along with the lid, and could not
show what the lid hides in the portrait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.mesh.blend import Window, polygon_mask, window_about
from obs_portrait.face.topology import (
    LEFT_EYE,
    LEFT_EYE_CORNERS,
    LEFT_IRIS,
    RIGHT_EYE,
    RIGHT_EYE_CORNERS,
    RIGHT_IRIS,
)

__all__ = ["EyeLayer"]

_PARTS: Final = ((RIGHT_EYE, RIGHT_IRIS, RIGHT_EYE_CORNERS), (LEFT_EYE, LEFT_IRIS, LEFT_EYE_CORNERS))
_SMALLEST: Final = 8.0  # an eye narrower than this in pixels has no layer
_WHITE: Final = 12  # pixels of eyeball from which the rest of it can be guessed
_STILL: Final = 0.035  # change of gaze or openness, in eye widths, from which the layer is shown in full


@dataclass(frozen=True, slots=True, eq=False)
class _Eye:
    ring: list[int]
    iris: int
    corners: tuple[int, int]
    window: Window
    ball: NDArray[np.uint8]  # the window's picture with the iris taken out and the lids filled over
    disc: NDArray[np.float32]  # the whole iris, RGB and alpha
    rest: NDArray[np.float64]  # (478, 2)


class EyeLayer:
    """Both eyes of one portrait on one canvas."""

    def __init__(self, base: NDArray[np.uint8], rest: NDArray[np.float64]) -> None:
        """base: (H, W, 3) uint8 RGB; rest: (478, 3) landmarks on it."""
        made = (_build(base, rest, *part) for part in _PARTS)
        self._eyes = [eye for eye in made if eye is not None]

    def draw(self, out: NDArray[np.uint8], face: NDArray[np.float64]) -> None:
        """Draws the eyes of landmarks `face` (478, 3) into `out`, in place."""
        for eye in self._eyes:
            _draw(eye, out, face[:, :2])


def _build(
    base: NDArray[np.uint8],
    rest: NDArray[np.float64],
    ring: tuple[int, ...],
    iris: tuple[int, ...],
    corners: tuple[int, int],
) -> _Eye | None:
    points = rest[:, :2]
    width = float(np.linalg.norm(points[corners[0]] - points[corners[1]]))
    if width < _SMALLEST:
        return None
    window = window_about(points[list(ring)], 0.6 * width, base.shape)
    if window is None:
        return None
    view = window.of(base)
    lids = polygon_mask(points[list(ring)], window, 0.0)
    centre = points[iris[0]] - (window.x0, window.y0)
    radius = float(np.linalg.norm(points[list(iris[1:])] - points[iris[0]], axis=1).mean())
    ys, xs = np.mgrid[: view.shape[0], : view.shape[1]].astype(np.float32)
    distance = np.hypot(xs - centre[0], ys - centre[1])
    inner = np.asarray(cv2.erode((lids > 0.5).astype(np.uint8), np.ones((3, 3), np.uint8)))
    # A drawn iris is often larger than the landmarks say: its rim must not be taken for eyeball.
    for clearance in (1.4, 1.25, 1.12):
        white = (inner > 0) & (distance > clearance * radius)
        if white.sum() >= _WHITE:
            break
    else:
        return None  # no eyeball to be seen (a bead, a slit): the warp alone serves better
    hidden = (~white).astype(np.uint8)
    ball = np.asarray(cv2.inpaint(np.ascontiguousarray(view[..., ::-1]), hidden, 3, cv2.INPAINT_TELEA)[..., ::-1])
    ball = np.where(white[..., None], view, cv2.GaussianBlur(ball, (0, 0), max(0.8, 0.03 * width)))
    return _Eye(
        list(ring),
        iris[0],
        corners,
        window,
        np.ascontiguousarray(ball, np.uint8),
        _iris(view, lids, distance, centre, radius),
        points.copy(),
    )


def _iris(
    view: NDArray[np.uint8],
    lids: NDArray[np.float32],
    distance: NDArray[np.float32],
    centre: NDArray[np.float64],
    radius: float,
) -> NDArray[np.float32]:
    """(h, w, 4) the iris as if no lid covered it: hidden parts are mirrored about its centre, or else filled with the
    mean colour at the same distance from the centre."""
    known = (np.asarray(cv2.erode((lids > 0.5).astype(np.uint8), np.ones((3, 3), np.uint8))) > 0) & (
        distance < 1.15 * radius
    )
    picture = view.astype(np.float32)
    height, width = distance.shape
    ys, xs = np.mgrid[:height, :width]
    result, done = picture.copy(), known.copy()
    for flip_x, flip_y in ((False, True), (True, False), (True, True)):
        mx = np.rint(2 * centre[0] - xs).astype(int) if flip_x else xs
        my = np.rint(2 * centre[1] - ys).astype(int) if flip_y else ys
        fits = (mx >= 0) & (mx < width) & (my >= 0) & (my < height)
        mx, my = mx.clip(0, width - 1), my.clip(0, height - 1)
        take = ~done & fits & known[my, mx]
        result[take] = picture[my[take], mx[take]]
        done |= take
    rings = np.minimum((distance / max(radius, 1e-6) * 6).astype(int), 8)
    overall = picture[known].mean(0) if known.any() else np.array([60, 45, 40], np.float32)
    for ring in range(9):
        here = rings == ring
        seen = here & known
        result[here & ~done] = picture[seen].mean(0) if seen.any() else overall
    soft = max(0.8, 0.12 * radius)
    alpha = np.clip((1.06 * radius - distance) / soft + 0.5, 0, 1)
    return np.dstack([result, alpha]).astype(np.float32)


def _draw(eye: _Eye, out: NDArray[np.uint8], face: NDArray[np.float64]) -> None:
    ring = face[eye.ring]
    window = window_about(ring, 2.0, out.shape)
    if window is None:
        return
    a, b = face[eye.corners[0]], face[eye.corners[1]]
    ra, rb = eye.rest[eye.corners[0]], eye.rest[eye.corners[1]]
    width, rest_width = float(np.linalg.norm(b - a)), float(np.linalg.norm(rb - ra))
    if width < 0.3 * rest_width or width > 4 * rest_width:
        return
    # Similarity from the canvas back to the portrait at rest, as a complex factor.
    turn = complex(*(rb - ra)) / complex(*(b - a))
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    centre, rest_centre = face[eye.iris], eye.rest[eye.iris]
    gaze = linear @ (centre - (a + b) / 2) - (rest_centre - (ra + rb) / 2)
    shape_change = np.abs((ring - (a + b) / 2) @ linear.T - (eye.rest[eye.ring] - (ra + rb) / 2)).max()
    change = (float(np.linalg.norm(gaze)) + float(shape_change)) / rest_width
    weight = min(1.0, change / _STILL)
    if weight < 0.02:
        return  # at rest the portrait's own eye is the best picture of it
    origin = np.array([window.x0, window.y0], np.float64)
    corner = np.array([eye.window.x0, eye.window.y0], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

    def warp(
        texture: NDArray[np.uint8] | NDArray[np.float32],
        here: NDArray[np.float64],
        there: NDArray[np.float64],
        border: int,
    ) -> NDArray[np.float32]:
        offset = there - corner + linear @ (origin - here)
        matrix = np.c_[linear, offset]
        return np.asarray(cv2.warpAffine(texture, matrix, window.size, flags=flags, borderMode=border), np.float32)

    ball = warp(eye.ball, (a + b) / 2, (ra + rb) / 2, cv2.BORDER_REPLICATE)
    disc = warp(eye.disc, centre, rest_centre, cv2.BORDER_CONSTANT)
    alpha = disc[..., 3:]
    ball += (disc[..., :3] - ball) * alpha
    mask = (polygon_mask(ring, window) * weight)[..., None]
    view = window.of(out)
    view[:] = (view + (ball - view) * mask + 0.5).astype(np.uint8)
