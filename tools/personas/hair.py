"""Hair as a sculptor makes it: tapered locks and curls that lie on the skull. Pure numpy; axes as in `head`."""

from __future__ import annotations

import numpy as np
from head import SKULL_CENTRE, skull_columns
from numpy.typing import NDArray

Array = NDArray[np.float64]
Strand = tuple[Array, Array]


class Scalp:
    """The skull's surface by two numbers: `place` along the face's oval (0 top, 8 the left ear, 28 the right one, 36
    round again) and `back` from 0 at the oval to 1 at the back of the head."""

    def __init__(self, face: Array) -> None:
        self._columns = skull_columns(face, 24)

    def at(self, place: Array, back: Array, lift: float | Array = 0.0) -> Array:
        count, steps = self._columns.shape[0], self._columns.shape[1] - 1
        i, t = np.broadcast_arrays(np.asarray(place, float) % count, np.clip(np.asarray(back, float), 0, 1) * steps)
        i0, t0 = np.floor(i).astype(int) % count, np.minimum(t.astype(int), steps - 1)
        fi, ft = (i - np.floor(i))[..., None], (t - t0)[..., None]
        near = self._columns[i0, t0] * (1 - ft) + self._columns[i0, t0 + 1] * ft
        i1 = (i0 + 1) % count
        far = self._columns[i1, t0] * (1 - ft) + self._columns[i1, t0 + 1] * ft
        point = near * (1 - fi) + far * fi
        out = point - SKULL_CENTRE
        out /= np.linalg.norm(out, axis=-1, keepdims=True)
        return np.asarray(point + out * np.asarray(lift)[..., None])


def curls(scalp: Scalp, count: int, seed: int, size: float = 1.0, thick: float = 0.3, low: float = 8.6) -> list[Strand]:
    """Small spirals all over the hair, as on Greek and Roman heads."""
    rng = np.random.default_rng(seed)
    spots: list[Array] = []
    strands: list[Strand] = []
    tries = 0
    while len(strands) < count and tries < 40 * count:
        tries += 1
        place, back = rng.uniform(-low, low), rng.uniform(0.0, 0.7)
        edge = abs(place) / low
        if edge > 0.75 and back < 0.06 + 0.3 * (edge - 0.75):
            continue
        centre = scalp.at(np.array(place), np.array(back), 0.25)
        if any(np.linalg.norm(centre - other) < 0.95 * size for other in spots):
            continue
        spots.append(centre)
        normal = centre - SKULL_CENTRE
        normal /= np.linalg.norm(normal)
        u = np.cross(normal, [0.3, 1.0, 0.2])
        u /= np.linalg.norm(u)
        w = np.cross(normal, u)
        turn = np.linspace(0, 1, 13)
        angle = rng.uniform(0, 6.28) + (1 if rng.random() < 0.5 else -1) * turn * 9.0
        radius = size * (0.85 - 0.75 * turn) * rng.uniform(0.8, 1.15)
        rise = 0.15 + 0.75 * turn
        points = (
            centre
            + (np.cos(angle) * radius)[:, None] * u
            + (np.sin(angle) * radius)[:, None] * w
            + rise[:, None] * normal
        )
        strands.append((points, thick * (1.1 - 0.45 * turn)))
    return strands


def swept(scalp: Scalp, count: int, seed: int, thick: float = 0.5, volume: float = 1.6) -> list[Strand]:
    """Short hair combed up from the brow and back."""
    rng = np.random.default_rng(seed)
    strands: list[Strand] = []
    for _ in range(count):
        place = rng.uniform(-8.2, 8.2)
        root = rng.random() ** 1.3 * 0.7 + (0.05 if abs(place) > 6 else 0.0)
        along = np.linspace(0, 1, 7)
        top = np.clip(1 - abs(place) / 9.0, 0.15, 1) ** 0.7
        lift = volume * top * (np.sin(np.pi * along * 0.85) ** 0.8 * (0.7 + 0.5 * rng.random()) + 0.1)
        lean = 1.4 + rng.normal(0, 0.25)
        points = scalp.at(place + lean * along, root + 0.24 * along + 0.0 * along, lift)
        radii = thick * (0.7 + 0.5 * rng.random()) * np.interp(along, [0, 0.2, 0.7, 1], [0.7, 1, 0.9, 0.12])
        strands.append((points, radii))
    return strands


def falls(scalp: Scalp, end_y: float, count: int, seed: int, thick: float = 0.5, flare: float = 1.0) -> list[Strand]:
    """Long hair that hangs from the temples and behind the ears."""
    rng = np.random.default_rng(seed)
    strands: list[Strand] = []
    for k in range(count):
        side = 1.0 if k % 2 else -1.0
        clump = np.random.default_rng(seed + 100 + (k // 2) % 14).random(4)
        place, back = side * (5.2 + 2.2 * clump[0]), 0.10 + 0.45 * rng.random()
        along = np.linspace(0, 1, 4)
        points = scalp.at(
            place + side * (9.2 - abs(place)) * along, back + 0.05 * along, 0.5 + 0.9 * np.sin(np.pi * along / 2)
        )
        stop = end_y + 1.6 * (clump[1] - 0.5) + rng.normal(0, 0.3)
        fall = np.linspace(0, 1, 8)[1:]
        y = points[-1, 1] + (stop - points[-1, 1]) * fall
        swing = flare * np.sin(np.pi * fall) - 1.3 * fall**3
        x = points[-1, 0] + side * (swing * (0.6 + 0.8 * clump[2]) + 0.35 * np.sin(fall * 7 + 6 * clump[3]))
        z = points[-1, 2] - 1.2 * fall + 0.4 * np.sin(fall * 6 + 6 * clump[2])
        points = np.vstack([points, np.stack([x, y, z], 1)])
        s = np.linspace(0, 1, len(points))
        radii = thick * (0.7 + 0.5 * rng.random()) * np.interp(s, [0, 0.15, 0.7, 1], [0.6, 1, 1, 0.12])
        strands.append((points, radii))
    return strands


def brow(points: Array, count: int, seed: int, thick: float = 0.09, length: float = 0.9) -> list[Strand]:
    """Short hairs along a line from the nose outwards, (n, 3)."""
    rng = np.random.default_rng(seed)
    s = np.linspace(0, 1, len(points))
    strands: list[Strand] = []
    side = np.sign(points[-1, 0])
    for _ in range(count):
        t = rng.random()
        base = np.array([np.interp(t, s, points[:, k]) for k in range(3)])
        width = np.interp(t, [0, 0.4, 1], [0.30, 0.34, 0.08])
        base[1] += rng.uniform(-width, width)
        base[2] -= 0.04
        direction = np.array(
            [side * np.interp(t, [0, 0.3, 1], [0.35, 0.9, 0.95]), np.interp(t, [0, 0.3, 1], [-0.9, -0.25, 0.45]), 0.12]
        )
        tip = base + direction * length * rng.uniform(0.6, 1.1)
        middle = (base + tip) / 2 + np.array([0, 0, -0.08])
        strands.append((np.array([base, middle, tip]), thick * np.array([0.9, 1.0, 0.2])))
    return strands
