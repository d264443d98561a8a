"""A portrait that needs no picture file: the canonical face in front of a pattern in which every pixel shift shows."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from obs_portrait.face.mesh.engine import MeshEngine
from obs_portrait.face.mesh.settings import MeshSettings
from obs_portrait.face.topology import LEFT_EYE, RIGHT_EYE, canonical_vertices, procrustes_weights
from obs_portrait.face.types import Canvas, Observation, Portrait

SIDE = 192


def landmarks(
    vector: tuple[float, float, float] = (0.0, 0.0, 0.0),
    centre: tuple[float, float] = (SIDE / 2, SIDE / 2),
    scale: float = 5.0,
    jaw: float = 0.0,
    lids: float = 1.0,
) -> NDArray[np.float32]:
    """(478, 3) float32. vector: rotation in rad about x, y, z; scale in pixels a cm; jaw: lower lip and chin go down so
    many cm; lids: openness of the eyes."""
    shape = canonical_vertices().astype(np.float64)
    still = procrustes_weights() > 0  # pose is told by these; moving them would be a nod as well
    shape[(shape[:, 1] > shape[13, 1] + 0.02) & ~still, 1] += jaw
    for ring in (RIGHT_EYE, LEFT_EYE):
        index = list(ring)
        middle = shape[index, 1].mean()
        shape[index, 1] = middle + (shape[index, 1] - middle) * lids
    rim = 0.55 * np.array([[0, 0, 0], [1, 0, 0], [0, -1, 0], [-1, 0, 0], [0, 1, 0]], np.float64)
    irises = [shape[list(ring)].mean(0) + rim for ring in (RIGHT_EYE, LEFT_EYE)]
    turned = np.vstack([shape, *irises]) @ cv2.Rodrigues(np.array(vector))[0].T
    return (scale * turned + np.array([*centre, 0.0])).astype(np.float32)


def seen(points: NDArray[np.float32], side: int = SIDE) -> Observation:
    return Observation(points, np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 1.0, side, side, 0)


@pytest.fixture(scope="session")
def portrait() -> Portrait:
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (SIDE // 8, SIDE // 8, 3), np.uint8)
    image = np.asarray(cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)
    return Portrait(image, landmarks(), "pattern")


Maker = Callable[..., MeshEngine]


@pytest.fixture(scope="session")
def make(portrait: Portrait) -> Maker:
    def engine(canvas: Canvas | None = None, **settings: object) -> MeshEngine:
        made = MeshEngine()
        chosen = MeshSettings.model_validate({"crop": "none", "smoothing": 0.0, **settings})
        made.prepare(portrait, chosen, canvas or Canvas(SIDE, SIDE))
        return made

    return engine
