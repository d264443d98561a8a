"""The head that all rendered personas share: MediaPipe's canonical face, closed to a skull, with shoulders.

Pure numpy. Axes as in `obs_portrait.face.topology.canonical_vertices`: cm, x right, y down, z away from the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.topology import FACE_OVAL, LEFT_EYE, LIPS_INNER, RIGHT_EYE, canonical_vertices, triangles

Array = NDArray[np.float64]
SKULL_CENTRE = np.array([0.0, -3.2, 2.6])
SKULL_RADII = np.array([7.75, 9.0, 10.0])
EYE_RADIUS = 1.55


@dataclass
class Shape:
    """How one head differs from the canonical one; every number is a ratio or a length in cm."""

    eye_open: float = 1.3
    eye_wide: float = 1.06
    jaw: float = 1.0  # width of the lower face
    chin: float = 0.0  # length added below the mouth
    nose: float = 1.0  # width of the nose
    nose_out: float = 0.0  # towards the viewer
    lips: float = 1.0  # height of the lips
    brow_out: float = 0.0  # brow ridge towards the viewer
    cheek: float = 0.0
    smile: float = 0.0  # corners of the mouth up
    neck: float = 1.0
    extra: dict[str, float] = field(default_factory=dict)


@dataclass
class Head:
    """vertices (n, 3), faces (lists of indices), landmarks (478, 3), eyes: two centres of eyeballs (2, 3)."""

    vertices: Array
    faces: list[list[int]]
    landmarks: Array
    eyes: Array
    radius: float


def _bump(points: Array, centre: tuple[float, float], radius: float) -> Array:
    distance = np.hypot(points[:, 0] - centre[0], points[:, 1] - centre[1])
    return np.exp(-((distance / radius) ** 2))


def face(shape: Shape) -> Array:
    """(468, 3): the canonical face, changed by `shape`, its mouth closed."""
    v = canonical_vertices().astype(np.float64).copy()
    low = np.clip((v[:, 1] - 1.0) / 8.0, 0, 1)
    v[:, 0] *= 1 + (shape.jaw - 1) * low
    v[:, 1] += shape.chin * np.clip((v[:, 1] - 5.0) / 4.4, 0, 1)
    for side in (-1.0, 1.0):
        near = _bump(v, (side * 3.2, -2.7), 1.9)
        v[:, 1] = -2.65 + (v[:, 1] + 2.65) * (1 + (shape.eye_open - 1) * near)
        v[:, 0] = side * 3.15 + (v[:, 0] - side * 3.15) * (1 + (shape.eye_wide - 1) * near)
        v[:, 2] -= shape.brow_out * _bump(v, (side * 3.0, -4.7), 1.5)
        v[:, 2] -= shape.cheek * _bump(v, (side * 4.3, 0.9), 2.4)
        v[:, 1] -= shape.smile * _bump(v, (side * 2.5, 4.3), 1.3)
    nose = _bump(v, (0, 1.2), 2.0)
    v[:, 0] *= 1 + (shape.nose - 1) * nose
    v[:, 2] -= shape.nose_out * nose
    mouth = _bump(v, (0, 4.3), 2.4)
    v[:, 1] += (shape.lips - 1) * (v[:, 1] - 4.27) * mouth
    # The canonical mouth is a little open: bring the inner lips together, and a little in, so that they meet in a line.
    upper, lower = np.array(LIPS_INNER[11:20]), np.array(LIPS_INNER[9:0:-1])
    middle = (v[upper] + v[lower]) / 2
    gap = (v[lower, 1] - v[upper, 1])[:, None] / 2
    for ring, sign in ((upper, -1.0), (lower, 1.0)):
        v[ring] = middle
        v[ring, 1] += sign * 0.02
        v[ring, 2] += 0.25
    outer = _bump(v, (0, 4.3), 1.5)
    inner = np.zeros(468, bool)
    inner[list(LIPS_INNER)] = True
    v[:, 1] += np.where(inner, 0, -np.sign(v[:, 1] - 4.27) * float(gap.max()) * 0.55 * outer)
    return v


def eyeballs(v: Array) -> Array:
    """(2, 3): centres; right eye (left in the picture) first."""
    centres = []
    for ring in (RIGHT_EYE, LEFT_EYE):
        middle = v[list(ring)].mean(0)
        centres.append(middle + np.array([0, 0.02, EYE_RADIUS - 0.42]))
    return np.array(centres)


def build(shape: Shape) -> Head:
    """The whole head as one surface with openings for the eyes."""
    v = face(shape)
    balls = eyeballs(v)
    for ball in balls:  # lids lie on the ball, never under it
        d2 = ((v[:, :2] - ball[:2]) ** 2).sum(1)
        near = d2 < (EYE_RADIUS * 0.97) ** 2
        front = ball[2] - np.sqrt(np.maximum(EYE_RADIUS**2 - d2, 0))
        v[:, 2] = np.where(near, np.minimum(v[:, 2], front - 0.07), v[:, 2])
    landmarks = np.vstack([v, np.zeros((10, 3))])
    for side, ball in enumerate(balls):
        at = 468 + 5 * side
        centre = ball - np.array([0, 0, EYE_RADIUS])
        landmarks[at] = centre
        for k, offset in enumerate(((0.6, 0), (0, -0.6), (-0.6, 0), (0, 0.6))):
            landmarks[at + 1 + k] = centre + np.array([*offset, 0.1])
    eye_points = [set(RIGHT_EYE), set(LEFT_EYE)]
    faces = [list(map(int, t)) for t in triangles() if not any(set(map(int, t)) <= ring for ring in eye_points)]
    vertices = list(v)
    for ring, ball in zip((RIGHT_EYE, LEFT_EYE), balls, strict=True):  # the lids' thickness
        inner = []
        for i in ring:
            p = v[i].copy()
            p[:2] = ball[:2] + (p[:2] - ball[:2]) * 0.97
            p[2] += 0.3
            inner.append(len(vertices))
            vertices.append(p)
        n = len(ring)
        faces += [[ring[k], ring[(k + 1) % n], inner[(k + 1) % n], inner[k]] for k in range(n)]
    _skull(vertices, faces, v)
    return Head(np.array(vertices), faces, landmarks, balls, EYE_RADIUS)


def skull_columns(v: Array, steps: int = 9) -> Array:
    """(36, steps + 1, 3): from each point of the face's oval (first) round an ellipsoid to the back of the head."""
    columns = []
    for i in FACE_OVAL:
        p = v[i]
        unit = (p[:2] - SKULL_CENTRE[:2]) / SKULL_RADII[:2]
        unit /= np.hypot(*unit)
        start = np.arccos(np.clip((SKULL_CENTRE[2] - p[2]) / SKULL_RADII[2], -0.98, 0.98))
        phi = start + (np.pi - start) * np.linspace(0, 1, steps + 1)[:, None]
        on = np.concatenate(
            [SKULL_CENTRE[:2] + unit * SKULL_RADII[:2] * np.sin(phi), SKULL_CENTRE[2] - SKULL_RADII[2] * np.cos(phi)], 1
        )
        t = np.linspace(0, 1, steps + 1)
        low = float(np.clip(unit[1], 0, 1))  # the jaw keeps its width further back than the brow, and rises to the neck
        on[:, 1] -= 4.0 * low * 4 * t * (1 - t)
        fade = (1 - t[:, None]) ** (3 - 1.3 * low)
        columns.append(on + (p - on[0]) * fade)
    return np.array(columns)


def _skull(vertices: list[Array], faces: list[list[int]], v: Array) -> None:
    columns = skull_columns(v)
    previous = list(FACE_OVAL)
    for k in range(1, columns.shape[1] - 1):
        ring = list(range(len(vertices), len(vertices) + len(previous)))
        vertices.extend(columns[:, k])
        n = len(ring)
        faces += [[previous[j], ring[j], ring[(j + 1) % n], previous[(j + 1) % n]] for j in range(n)]
        previous = ring
    faces.append(previous[::-1])


def loft(
    sections: list[tuple[float, float, float, float]], sides: int = 64, power: float = 2.3
) -> tuple[Array, list[list[int]]]:
    """A stack of superellipses (y, x radius, z radius, z centre), smoothly interpolated: necks, shoulders, clothes."""
    table = np.array(sections)
    ys = np.linspace(table[0, 0], table[-1, 0], 4 * len(sections))
    smooth = [np.interp(ys, table[:, 0], table[:, k]) for k in (1, 2, 3)]
    kernel = np.array([1, 2, 3, 2, 1]) / 9
    smooth = [np.convolve(np.pad(s, 2, mode="edge"), kernel, "valid") for s in smooth]
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    x, z = np.sign(c) * np.abs(c) ** (2 / power), np.sign(s) * np.abs(s) ** (2 / power)
    vertices = np.concatenate(
        [np.stack([x * rx, np.full(sides, y), zc + z * rz], 1) for y, rx, rz, zc in zip(ys, *smooth, strict=True)]
    )
    faces = [
        [r * sides + k, r * sides + (k + 1) % sides, (r + 1) * sides + (k + 1) % sides, (r + 1) * sides + k]
        for r in range(len(ys) - 1)
        for k in range(sides)
    ]
    return vertices, faces


def shoulders(neck: float = 1.0, width: float = 1.0) -> list[tuple[float, float, float, float]]:
    """Sections of neck and shoulders for `loft`."""
    return [
        (3.0, 5.3 * neck, 5.3 * neck, 4.2),
        (7.0, 5.2 * neck, 5.3 * neck, 4.2),
        (10.5, 5.2 * neck, 5.4 * neck, 4.0),
        (12.6, 5.8 * neck, 5.9 * neck, 3.8),
        (14.2, 8.2 * width, 6.4, 3.6),
        (15.8, 12.6 * width, 7.0, 3.4),
        (17.8, 17.2 * width, 7.8, 3.2),
        (21.5, 19.8 * width, 8.8, 3.0),
        (27.0, 20.6 * width, 9.8, 2.8),
        (38.0, 19.0 * width, 9.8, 2.8),
    ]
