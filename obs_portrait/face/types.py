"""What a tracker sees and what an engine draws on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LANDMARKS", "Canvas", "Observation", "Portrait"]

LANDMARKS = 478
"""MediaPipe's face mesh: 468 vertices of the canonical face and 2 x 5 of the irises."""


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One face in one picture. Holds numbers, never pixels.

    landmarks: (478, 3) float32; x right and y down in pixels of the picture, z in the same scale, smaller = nearer.
    blendshapes: (52,) float32 within [0, 1], MediaPipe's order (0 is "_neutral"), or zeros where there are none.
    pose: (4, 4) float32, MediaPipe's facial transformation matrix (canonical face, cm -> camera space).
    confidence: 0 to 1; below the tracker's threshold the face counts as lost.
    width, height: size of the picture in pixels.
    captured_ns: that of the camera frame.
    faces: number of faces found in the picture (the tracker chose one).
    """

    landmarks: NDArray[np.float32]
    blendshapes: NDArray[np.float32]
    pose: NDArray[np.float32]
    confidence: float
    width: int
    height: int
    captured_ns: int
    faces: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A persona's picture with the landmarks of the face in it.

    image: (H, W, 3) uint8 RGB. landmarks: (478, 3) float32 in pixels of `image`, from the landmarker or a sidecar file.
    """

    image: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    name: str = "portrait"


@dataclass(frozen=True, slots=True)
class Canvas:
    """Size of the persona's picture in pixels."""

    width: int = 512
    height: int = 512
