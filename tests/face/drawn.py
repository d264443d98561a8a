"""A face that tests draw themselves: the canonical mesh, shaded, with eyes, brows and lips painted on."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.headpose import rotation
from obs_portrait.face.topology import (
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_BROW,
    RIGHT_EYE,
    canonical_vertices,
    triangles,
)
from obs_portrait.face.types import LANDMARKS, Observation

_FLIP = np.diag([1.0, -1.0, -1.0])  # MediaPipe's camera space (y up, z nearer) and the picture's (y down, z farther)


def points(
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    centre: tuple[float, float] = (128.0, 128.0),
    scale: float = 8.0,
    jaw: float = 0.0,
) -> NDArray[np.float32]:
    """(478, 3) float32 landmarks of the canonical face; scale in pixels a cm, jaw: lower lip and chin down, in cm."""
    shape = canonical_vertices().astype(np.float64)
    below = shape[:, 1] > shape[13, 1] + 0.05
    shape = shape + np.outer(below * jaw, [0, 1, 0])
    irises = [shape[list(ring)].mean(0) + np.array([0, 0, -0.2]) for ring in (RIGHT_EYE, LEFT_EYE)]
    rim = 0.6 * np.array([[0, 0, 0], [1, 0, 0], [0, -1, 0], [-1, 0, 0], [0, 1, 0]])
    shape = np.vstack([shape, *(iris + rim for iris in irises)])
    turned = shape @ (_FLIP @ rotation(yaw, pitch, roll) @ _FLIP).T
    out = scale * turned + np.array([*centre, 0.0])
    assert out.shape == (LANDMARKS, 3)
    return out.astype(np.float32)


def face(landmarks: NDArray[np.float32], width: int = 256, height: int = 256) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 RGB picture of a face with these landmarks."""
    image = np.full((height, width, 3), (96, 120, 150), np.uint8)
    flat = landmarks[:, :2]
    size = float(np.ptp(flat[:, 1]))
    corner = landmarks[triangles()].astype(np.float64)
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    light = np.clip(np.abs(normal @ np.array([0.3, 0.45, 0.84])), 0, 1)
    top = flat[10] + 0.12 * (flat[10] - flat[152])
    cv2.circle(image, _at(0.45 * flat[234] + 0.45 * flat[454] + 0.1 * top), round(0.62 * size), (50, 35, 28), -1)
    cv2.fillPoly(image, [_ring(landmarks, FACE_OVAL)], (205, 160, 135))
    for index in np.argsort(-corner[:, :, 2].mean(1)):
        shade = 0.55 + 0.5 * light[index]
        colour = tuple(float(min(255, channel * shade)) for channel in (222, 178, 152))
        cv2.fillConvexPoly(image, np.rint(corner[index, :, :2]).astype(np.int32), colour)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), size / 90), np.uint8)
    cv2.fillPoly(image, [_ring(landmarks, LIPS_OUTER)], (170, 80, 80), cv2.LINE_AA)
    cv2.fillPoly(image, [_ring(landmarks, LIPS_INNER)], (60, 20, 25), cv2.LINE_AA)
    for brow in (LEFT_BROW, RIGHT_BROW):
        cv2.fillPoly(image, [_ring(landmarks, brow)], (60, 42, 34), cv2.LINE_AA)
    for eye, iris in ((RIGHT_EYE, 468), (LEFT_EYE, 473)):
        ring = _ring(landmarks, eye)
        cv2.fillPoly(image, [ring], (238, 236, 232), cv2.LINE_AA)
        cv2.circle(image, _at(flat[iris]), max(1, round(0.035 * size)), (60, 40, 25), -1, cv2.LINE_AA)
        cv2.polylines(image, [ring], True, (60, 40, 34), 1, cv2.LINE_AA)
    for nostril in (_at(flat[60]), _at(flat[290])):
        cv2.circle(image, nostril, max(1, round(0.018 * size)), (110, 70, 60), -1, cv2.LINE_AA)
    return image


def _at(point: NDArray[np.float32]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _ring(landmarks: NDArray[np.float32], ring: tuple[int, ...]) -> NDArray[np.int32]:
    return np.rint(landmarks[list(ring), :2]).astype(np.int32)


def observation(
    landmarks: NDArray[np.float32],
    *,
    captured_ns: int = 0,
    angles: tuple[float, float, float] = (0.0, 0.0, 0.0),
    blendshapes: dict[int, float] | None = None,
    width: int = 256,
    height: int = 256,
    confidence: float = 1.0,
) -> Observation:
    """What a tracker would report of such a face."""
    pose = np.eye(4, dtype=np.float32)
    pose[:3, :3] = rotation(*angles)
    pose[:3, 3] = (0, 0, -50)
    shapes = np.zeros(52, np.float32)
    for index, value in (blendshapes or {}).items():
        shapes[index] = value
    return Observation(landmarks, shapes, pose, confidence, width, height, captured_ns)
