"""A robot with a glass visor: eyes and mouth are lamps. No landmarker finds that face; a sidecar has its points."""

from __future__ import annotations

import numpy as np
import stage
from head import Shape, face
from numpy.typing import NDArray
from stage import Nodes

from obs_portrait.face.topology import LEFT_EYE, LEFT_IRIS, LIPS_INNER, LIPS_OUTER, RIGHT_EYE, RIGHT_IRIS

Array = NDArray[np.float64]
EYE_AT = (3.2, -2.6)
EYE_SIZE = (1.35, 1.75)
MOUTH_AT = 4.6
MOUTH_SIZE = (2.3, 0.30)
FRONT = -8.2


def superball(
    centre: Array, radii: Array, power: float, sides: int = 72, rings: int = 48
) -> tuple[Array, list[list[int]]]:
    """A box with round corners (superellipsoid)."""
    u = np.linspace(-np.pi, np.pi, sides, endpoint=False)
    v = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    f = lambda a: np.sign(a) * np.abs(a) ** (2 / power)  # noqa: E731
    grid = np.stack(
        [
            f(np.cos(v))[:, None] * f(np.cos(u)),
            np.repeat(f(np.sin(v))[:, None], sides, 1),
            f(np.cos(v))[:, None] * f(np.sin(u)),
        ],
        -1,
    )
    points = centre + radii * grid.reshape(-1, 3)
    faces = [
        [r * sides + k, r * sides + (k + 1) % sides, (r + 1) * sides + (k + 1) % sides, (r + 1) * sides + k]
        for r in range(rings)
        for k in range(sides)
    ]
    return points, faces


def landmarks() -> Array:
    """(478, 3) canonical axes: the canonical face, its lids and lips moved to the lamps' edges."""
    v = face(Shape(eye_open=1.0, eye_wide=1.0))
    points = np.vstack([v, np.zeros((10, 3))])
    shell = lambda x, y: FRONT + 0.012 * x**2 + 0.008 * (y - 1) ** 2  # noqa: E731
    moved = {}
    for ring, iris, side in ((RIGHT_EYE, RIGHT_IRIS, -1), (LEFT_EYE, LEFT_IRIS, 1)):
        middle = np.array([side * EYE_AT[0], EYE_AT[1]])
        n = len(ring)
        for k, i in enumerate(ring):  # from the outer corner under the eye to the inner corner and back above
            a = 2 * np.pi * k / n
            moved[i] = middle + np.array([side * np.cos(a) * 2.15, np.sin(a) * 1.95])
        for k, (dx, dy) in enumerate(((0, 0), (1, 0), (0, -1), (-1, 0), (0, 1))):
            points[iris[k], :2] = middle + 0.55 * np.array([dx, dy])
    for ring, height in ((LIPS_OUTER, 0.95), (LIPS_INNER, 0.06)):
        n = len(ring)
        wide = MOUTH_SIZE[0] + (0.45 if ring is LIPS_OUTER else 0.0)
        for k, i in enumerate(ring):
            a = np.pi - 2 * np.pi * k / n
            moved[i] = np.array([np.cos(a) * wide, MOUTH_AT + np.sin(a) * height])
    source = np.array([v[i, :2] for i in moved])
    shift = np.array([moved[i] - v[i, :2] for i in moved])
    fixed = set(moved)
    for i in range(468):  # the points between give way smoothly
        if i in fixed:
            points[i, :2] = moved[i]
            continue
        d2 = ((source - v[i, :2]) ** 2).sum(1)
        w = 1 / (d2 + 0.05) ** 2
        points[i, :2] += (w @ shift) / w.sum() * np.exp(-d2.min() / 2.2**2)
    # Flat as a visor: depth is what makes it turn, and a visor has no nose.
    flat = shell(points[:, 0], points[:, 1])
    inside = np.exp(-((np.hypot(points[:, 0] / 7.5, (points[:, 1] - 0.6) / 8.5)) ** 6))
    points[:, 2] = points[:, 2] * (1 - inside) + flat * inside + 0.0
    return points


def draw() -> None:
    shell = Nodes("shell").principled(colour=(0.80, 0.82, 0.84), rough=0.22, coat=0.6, coat_rough=0.05).material
    trim = Nodes("trim").principled(colour=(0.92, 0.27, 0.04), rough=0.3, coat=0.5).material
    steel = Nodes("steel").principled(colour=(0.32, 0.34, 0.37), metal=1.0, rough=0.32).material
    glass = Nodes("glass").principled(colour=(0.006, 0.008, 0.012), rough=0.12, coat=0.6, coat_rough=0.03).material
    light = Nodes("light").principled(colour=(0, 0, 0), glow=(0.10, 0.85, 1.0), glow_strength=7.0).material
    centre = np.array([0.0, -1.6, 2.0])
    stage.mesh("shell", *superball(centre, np.array([9.6, 11.0, 9.6]), 3.0), shell, 1)
    stage.mesh("visor", *superball(np.array([0, 0.4, -2.0]), np.array([7.9, 8.0, 6.0]), 3.4), glass, 1)
    stage.mesh("frame", *superball(np.array([0, 0.4, -1.4]), np.array([8.35, 8.45, 5.6]), 3.4), steel, 1)
    for side in (-1, 1):
        at = np.array([side * EYE_AT[0], EYE_AT[1], FRONT + 0.45])
        stage.mesh("eye", *superball(at, np.array([EYE_SIZE[0], EYE_SIZE[1], 0.5]), 2.6), light, 1)
        stage.mesh(
            "spark",
            *superball(at + np.array([-0.4, -0.7, -0.5]), np.array([0.33, 0.4, 0.12]), 2.2),
            Nodes("spark").principled(colour=(0, 0, 0), glow=(1, 1, 1), glow_strength=9.0).material,
            1,
        )
        stage.mesh("ear", *superball(np.array([side * 10.2, -0.8, 2.2]), np.array([1.5, 3.3, 3.3]), 3.0), trim, 1)
        stage.mesh("cap", *superball(np.array([side * 11.4, -0.8, 2.2]), np.array([0.8, 1.9, 1.9]), 2.5), steel, 1)
    stage.mesh(
        "mouth",
        *superball(np.array([0, MOUTH_AT - 0.36, FRONT + 0.45]), np.array([MOUTH_SIZE[0], 0.26, 0.5]), 3.0),
        light,
        1,
    )
    stage.mesh(
        "mouth",
        *superball(np.array([0, MOUTH_AT + 0.36, FRONT + 0.45]), np.array([MOUTH_SIZE[0] * 0.92, 0.26, 0.5]), 3.0),
        light,
        1,
    )
    stage.tube(
        "antenna", [(np.array([[0, -12, 2], [0, -13.3, 2], [0, -14.6, 2]], float), np.array([0.35, 0.28, 0.22]))], steel
    )
    stage.ball(
        "tip",
        np.array([0, -15.1, 2.0]),
        0.75,
        Nodes("tip").principled(colour=(0, 0, 0), glow=(1.0, 0.35, 0.08), glow_strength=5.0).material,
    )
    for k in range(4):
        stage.ring("neck", np.array([0, 10.2 + 1.1 * k, 3.0]), 4.3 + 0.12 * k, 0.62, steel)
    stage.mesh("torso", *superball(np.array([0, 26.0, 3.5]), np.array([17.0, 12.2, 9.5]), 2.7), shell, 1)
    stage.mesh("yoke", *superball(np.array([0, 14.6, 3.0]), np.array([6.4, 1.5, 6.2]), 2.8), trim, 1)
    for side in (-1, 1):
        stage.mesh("arm", *superball(np.array([side * 18.5, 23.5, 3.5]), np.array([5.2, 6.6, 5.6]), 2.4), trim, 1)
    stage.ball("badge", np.array([0, 19.2, -4.9]), np.array([1.3, 1.3, 0.5]), light)
    stage.backdrop((0.055, 0.10, 0.15), (0.010, 0.018, 0.035))
    stage.lamp((-45, -48, -75), 40, 42000, (1.0, 0.95, 0.9))
    stage.lamp((60, -10, -60), 50, 9000, (0.6, 0.8, 1.0))
    stage.lamp((45, -40, 35), 30, 45000, (0.55, 0.8, 1.0))
    stage.lamp((-50, -25, 38), 26, 30000, (1.0, 0.7, 0.5))
