"""Numbered pictures of a persona, sealed by the guard, and their numbers read back from what a reader got."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.types import Canvas
from obs_portrait.media.types import CameraFrame, Origin, PersonaFrame
from obs_portrait.pipeline.guard import Look, VideoGuard

WIDTH: Final = 320
HEIGHT: Final = 240
RATE: Final = Fraction(15)
_BITS: Final = 16
_CELL: Final = WIDTH // _BITS


def picture(number: int) -> NDArray[np.uint8]:
    """(HEIGHT, WIDTH, 3) uint8 RGB: soft colours, which survive 4:2:0, under a row of cells that hold `number`."""
    image = _ground().copy()
    for bit in range(_BITS):
        image[:_CELL, bit * _CELL : (bit + 1) * _CELL] = 220 if number >> bit & 1 else 30
    return image


@lru_cache
def _ground() -> NDArray[np.uint8]:
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    image = np.stack([40 + 160 * across / WIDTH, 40 + 160 * down / HEIGHT, 200 - 120 * across / WIDTH], axis=-1)
    return np.ascontiguousarray(image.astype(np.uint8))


def number_of(image: NDArray[np.uint8]) -> int:
    """The number in an RGB picture that came back."""
    middles = [image[_CELL // 2, bit * _CELL + _CELL // 2].mean() for bit in range(_BITS)]
    return sum(1 << bit for bit, value in enumerate(middles) if value > 125)


def errors_of(image: NDArray[np.uint8]) -> tuple[float, int]:
    """(mean, largest) difference to what was sent, in levels of 255, without the two pixels beside a cell's edge."""
    difference = np.abs(image.astype(np.int16) - picture(number_of(image)).astype(np.int16)).max(axis=-1)
    keep = np.ones_like(difference, bool)
    keep[_CELL - 2 : _CELL + 2] = False
    for edge in range(_CELL, WIDTH, _CELL):
        keep[:_CELL, edge - 2 : edge + 2] = False
    return float(difference[keep].mean()), int(difference[keep].max())


class Sealed:
    """Makes sealed frames as the pipeline does: an engine's picture for a camera's picture, through the guard."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        self._guard = VideoGuard(Look("vm"), Canvas(width, height))
        self._camera = np.random.default_rng(4).integers(0, 256, (height, width, 3), np.uint8)

    def frame(self, number: int) -> PersonaFrame:
        sealed = self._guard.admit(picture(number), CameraFrame(self._camera, number * 1_000_000, number))
        if sealed.origin is not Origin.ENGINE:
            raise AssertionError(f"the guard held picture {number} back: {self._guard.reason}")
        return sealed
