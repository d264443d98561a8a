"""The mouth layer: teeth, tongue and depth behind the lips.

A portrait with a closed mouth shows none of it, so it is drawn, in the light that the skin is seen to be in.
Upper teeth are fixed to the head, lower teeth and tongue to the jaw.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.mesh.blend import polygon_mask, window_about
from obs_portrait.face.mesh.pose import Placement
from obs_portrait.face.mesh.settings import MeshSettings
from obs_portrait.face.topology import LIPS_INNER

__all__ = ["MouthLayer"]

_RING: Final = list(LIPS_INNER)
_CHIN: Final = [152, 148, 377, 175, 176, 400]
_CORNERS: Final = (61, 291)
_LIP_GAP: Final = 0.16  # cm at a mouth 5 cm wide: so far the lower teeth rise above the lower lip when it drops
_IVORY: Final = np.array([0.93, 0.89, 0.80])
_CAVITY: Final = np.array([0.20, 0.055, 0.05])
_TONGUE: Final = np.array([0.70, 0.30, 0.29])
_GUM: Final = np.array([0.72, 0.36, 0.34])
_SKIN: Final = np.array([0.72, 0.56, 0.47])  # a middling albedo; light = what is seen / albedo
_OPEN_AT_REST: Final = 0.05
"""Mean lip gap over mouth width from which the portrait's mouth counts as open: then its own teeth are shown first."""


class MouthLayer:
    """The inside of one portrait's mouth."""

    def __init__(
        self, base: NDArray[np.uint8], source: Placement, rest: NDArray[np.float64], settings: MeshSettings
    ) -> None:
        """base: (H, W, 3) uint8 RGB; source: the portrait's placement; rest: (478, 3) landmarks on it."""
        light = _light(base, rest)
        self._cavity = 255 * _chosen(settings.mouth_colour, _CAVITY * light)
        ivory = _chosen(settings.teeth_colour, _IVORY * light)
        tinted = settings.mouth_colour is not None
        soft = _chosen(settings.mouth_colour, _TONGUE * light) * (1.6 if tinted else 1.0)
        gum = soft if tinted else _GUM * light
        shape = source.shape
        self._chin_rest = shape[_CHIN].mean(0)
        self._width = float(np.linalg.norm(shape[_CORNERS[0]] - shape[_CORNERS[1]]))
        unit = self._width / 5.0
        self._unit = unit
        self._upper_at = shape[13] + np.array([0.0, 0.16, 0.45]) * unit
        self._lower_at = shape[14] + np.array([0.0, -0.02, 0.55]) * unit
        self._tongue_at = shape[14] + np.array([0.0, 0.45, 0.9]) * unit
        # Widths of the visible crowns from the middle outwards, in cm (central incisor, lateral, canine, premolars).
        # Textures are about as fine as the canvas, or bilinear sampling would make them glitter.
        pixels = int(np.clip(np.ceil(1.2 * source.scale * unit), 6, 60))  # a cm
        self._grain = unit / pixels
        self._upper = _teeth((0.42, 0.34, 0.37, 0.33, 0.31), 0.52, ivory, gum, pixels, upward=True)
        self._lower = _teeth((0.27, 0.29, 0.33, 0.33, 0.32), 0.42, ivory * 0.9, gum, pixels, upward=False)
        self._tongue = _blob(1.55, 0.85, soft, pixels)
        self._lip_rest = shape[14].copy()
        self._open_at_rest = self._gap(rest)

    def _gap(self, face: NDArray[np.float64]) -> float:
        """Mean distance of the inner lips over the distance of the corners."""
        upper, lower = [81, 82, 13, 312, 311], [178, 87, 14, 317, 402]
        gap = np.linalg.norm(face[upper, :2] - face[lower, :2], axis=1).mean()
        return float(gap / (np.linalg.norm(face[_CORNERS[0], :2] - face[_CORNERS[1], :2]) + 1e-6))

    def draw(self, out: NDArray[np.uint8], face: NDArray[np.float64], head: Placement) -> None:
        """Draws the mouth of landmarks `face` (478, 3) of a head at `head` into `out`, in place."""
        gap = self._gap(face)
        extra = gap - (self._open_at_rest * 1.25 if self._open_at_rest > _OPEN_AT_REST else 0.0)
        weight = float(np.clip((extra - 0.008) / 0.03, 0.0, 1.0))
        if weight <= 0:
            return
        ring = face[_RING, :2]
        window = window_about(ring, 3.0, out.shape)
        if window is None or max(window.size) > 4096:
            return
        mask = polygon_mask(ring, window, 0.8)
        height = max(float(np.ptp(ring[:, 1])), 1.0)
        inside = np.broadcast_to(self._cavity.astype(np.float32), (*mask.shape, 3)).copy()
        jaw = head.shape[_CHIN].mean(0) - self._chin_rest
        # A lip that drops farther than the chin would bare the gum: there the teeth go with the lip.
        jaw[1] = max(jaw[1], head.shape[14, 1] - self._lip_rest[1] - _LIP_GAP * self._unit)
        for texture, at in (
            (self._tongue, self._tongue_at + jaw * 0.7),
            (self._lower, self._lower_at + jaw),
            (self._upper, self._upper_at),
        ):
            _stamp(inside, texture, head, at, self._grain, (window.x0, window.y0))
        # What lies near the lips lies in their shadow, and the upper lip's is the deeper one.
        sigma = max(0.8, 0.13 * height)
        shadow = np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma))
        fall = np.asarray(cv2.warpAffine(shadow, np.array([[1, 0, 0], [0, 1, 0.12 * height]]), window.size))
        inside *= (0.30 + 0.70 * np.clip(1.35 * np.minimum(shadow, fall), 0, 1))[..., None]
        amount = (mask * weight)[..., None]
        view = window.of(out)
        view[:] = np.clip(view + (inside - view) * amount + 0.5, 0, 255).astype(np.uint8)


def _chosen(colour: str | None, otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 to 1 RGB of "#rrggbb", or the other colour."""
    if colour is None:
        return np.asarray(np.clip(otherwise, 0.0, 1.0))
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def _light(base: NDArray[np.uint8], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) light on the skin near the mouth, as a share of white light: what is seen over a middling albedo, half of
    the tint taken off (it may be the skin's or the paint's own colour)."""
    samples = []
    for index in (205, 425, 164, 18, 50, 280):
        x, y = rest[index, :2]
        x0, y0 = int(np.clip(x, 2, base.shape[1] - 3)), int(np.clip(y, 2, base.shape[0] - 3))
        samples.append(base[y0 - 2 : y0 + 3, x0 - 2 : x0 + 3].reshape(-1, 3).mean(0) / 255)
    seen = np.median(samples, axis=0) / _SKIN
    grey = float(seen.mean())
    return np.asarray(np.clip(0.5 * seen + 0.5 * grey, 0.3, 1.1))


def _teeth(
    widths: tuple[float, ...],
    height: float,
    colour: NDArray[np.float64],
    gum: NDArray[np.float64],
    pixels: int,
    upward: bool,
) -> NDArray[np.float32]:
    """(h, w, 4) premultiplied RGBA, 0 to 255: a row of crowns. The texture's middle column is the midline; the biting
    edge lies on its middle row; crowns grow upward (upper teeth) or downward."""
    super_sample = 3
    p = pixels * super_sample
    half = sum(widths) + 0.1
    rows, columns = int(2 * 1.1 * p), int(2 * half * p)
    image = np.zeros((rows, columns, 4), np.float32)
    middle = rows / 2
    sign = -1.0 if upward else 1.0
    ys, xs = np.mgrid[:rows, :columns].astype(np.float32)
    across = (xs - columns / 2) / p
    along = (ys - middle) / p * sign  # cm from the biting edge into the gum
    # Gum behind everything, from a little under the crowns' necks on.
    gum_alpha = np.clip((along - height * 0.9) / 0.06, 0, 1) * np.clip((half - np.abs(across)) / 0.1, 0, 1)
    image[..., :3] = (255 * gum * 0.8).astype(np.float32) * gum_alpha[..., None]
    image[..., 3] = gum_alpha
    # Between crowns one sees the flanks of teeth, not the dark.
    flank = np.clip((along - 0.06) / 0.05, 0, 1) * np.clip((height * 0.86 - along) / 0.05, 0, 1)
    flank = flank * np.clip((half - 0.25 - np.abs(across)) / 0.3, 0, 1)
    image *= (1 - flank)[..., None]
    image[..., :3] += (255 * 0.7 * colour)[None, None] * flank[..., None]
    image[..., 3] += flank
    for side in (-1, 1):
        left = 0.0
        for number, width in enumerate(widths):
            centre = side * (left + width / 2)
            left += width
            tall = height * (1.0, 0.9, 0.97, 0.86, 0.8)[number]
            # A superellipse is what a crown looks like from the front.
            u = np.abs(across - centre) / (width / 2 * 0.97)
            v = np.abs(along - tall / 2 - 0.02 * number) / (tall / 2)
            inside = 1 - (u**4 + v**3.2)
            alpha = np.clip(inside / 0.25 + 0.3, 0, 1)
            # The arch turns away to the sides and into the dark.
            shade = (1.0, 0.95, 0.84, 0.64, 0.45)[number] * (0.86 + 0.14 * np.clip(inside, 0, 1))
            rgb = 255 * colour[None, None] * shade[..., None] * (1 - 0.12 * np.clip(along / tall, 0, 1))[..., None]
            image[..., :3] = rgb * alpha[..., None] + image[..., :3] * (1 - alpha[..., None])
            image[..., 3] = alpha + image[..., 3] * (1 - alpha)
    size = (columns // super_sample, rows // super_sample)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _blob(half_width: float, half_height: float, colour: NDArray[np.float64], pixels: int) -> NDArray[np.float32]:
    """(h, w, 4) premultiplied RGBA: the tongue, rounded, with a furrow along its middle."""
    rows, columns = int(2 * half_height * pixels * 1.15), int(2 * half_width * pixels * 1.15)
    ys, xs = np.mgrid[:rows, :columns].astype(np.float32)
    x = (xs - columns / 2) / (half_width * pixels)
    y = (ys - rows / 2) / (half_height * pixels)
    r = np.hypot(x, y)
    alpha = np.clip((1 - r) / 0.12, 0, 1)
    shade = (0.55 + 0.45 * np.sqrt(np.clip(1 - r * r, 0, 1))) * (1 - 0.18 * np.exp(-((x / 0.10) ** 2)))
    rgb = 255 * colour[None, None] * shade[..., None]
    return np.dstack([rgb * alpha[..., None], alpha]).astype(np.float32)


def _stamp(
    picture: NDArray[np.float32],
    texture: NDArray[np.float32],
    head: Placement,
    at: NDArray[np.float64],
    grain: float,
    origin: tuple[int, int],
) -> None:
    """Lays a texture, which faces along the head, over `picture` with its middle at the point `at` of head space.
    grain: cm a texture pixel."""
    middle = head.place(at[None])[0, :2] - origin
    axes = head.scale * grain * head.R[:2, :2]
    height, width = texture.shape[:2]
    forward = np.c_[axes, middle - axes @ np.array([(width - 1) / 2, (height - 1) / 2])]
    size = (picture.shape[1], picture.shape[0])
    layer = np.asarray(cv2.warpAffine(texture, forward, size, flags=cv2.INTER_LINEAR))
    picture *= 1 - layer[..., 3:]
    picture += layer[..., :3]
