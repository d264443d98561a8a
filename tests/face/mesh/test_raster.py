"""The rasteriser against a naive one, and against vertices that mean harm."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from obs_portrait.face.mesh.raster import Warp, rasterise

CANARY = 77.0


def naive(
    points: NDArray[np.float32], texture: NDArray[np.float32], triangles: NDArray[np.int32], height: int, width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Texture coordinates and depth of each pixel, and where no two triangles and no edge make them a matter of
    rounding: barycentric coordinates over whole arrays, a triangle at a time."""
    out, depth = np.full((height, width, 2), -1.0), np.full((height, width), np.inf)
    clear = np.ones((height, width), bool)
    ys, xs = np.mgrid[:height, :width].astype(np.float64)
    for corners in triangles:
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = points[corners].astype(np.float64)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-3:
            clear[:] &= abs(area) == 0
            continue
        wb = ((xs - ax) * (cy - ay) - (ys - ay) * (cx - ax)) / area
        wc = ((bx - ax) * (ys - ay) - (by - ay) * (xs - ax)) / area
        w = np.stack([1 - wb - wc, wb, wc])
        clear &= np.abs(w).min(0) > 1e-3
        z = w[0] * az + w[1] * bz + w[2] * cz
        inside = (w > 0).all(0)
        clear &= ~(inside & (np.abs(z - depth) < 1e-2))
        nearer = inside & (z < depth)
        depth[nearer] = z[nearer]
        out[nearer] = np.einsum("kn,kc->nc", w[:, nearer], texture[corners].astype(np.float64))
    return out, depth, clear


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(3, 20))
def test_nearest_triangle_wins_as_in_the_naive_one(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-10, 40, (count, 3)).astype(np.float32)
    texture = rng.uniform(0, 30, (count, 2)).astype(np.float32)
    triangles = np.array([rng.choice(count, 3, replace=False) for _ in range(12)], np.int32)
    a, b, c = (points[triangles[:, i], :2].astype(np.float64) for i in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    facing = np.where(area < 0, -1, 1).astype(np.int8)
    out, depth = np.full((24, 31, 2), -1, np.float32), np.empty((24, 31), np.float32)
    rasterise(points, texture, triangles, facing, 1.0, 0.0, 0.0, out, depth)
    expected, _, clear = naive(points, texture, triangles, 24, 31)
    np.testing.assert_allclose(out[clear], expected[clear], atol=2e-2)


def test_what_turned_its_back_yields_to_everything_else() -> None:
    square = np.array([[0, 0], [10, 0], [0, 10]], np.float32)
    points = np.vstack([np.c_[square, [-50, -50, -50]], np.c_[square[[0, 2, 1]], [9, 9, 9]]]).astype(np.float32)
    texture = np.vstack([np.full((3, 2), 1), np.full((3, 2), 2)]).astype(np.float32)
    triangles = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    out, depth = np.zeros((8, 8, 2), np.float32), np.empty((8, 8), np.float32)
    rasterise(points, texture, triangles, np.array([-1, -1], np.int8), 1.0, 0.0, 0.0, out, depth)
    assert (out[:4, :4] == 2).all()


hostile = st.one_of(
    st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e20, -1e20, 2.0**31, -(2.0**31), 2.0**63, 0.0, -0.0]),
    st.floats(-1e9, 1e9, width=32),
    st.floats(-20, 60, width=32),
)


@settings(max_examples=200, deadline=None)
@given(values=st.lists(hostile, min_size=18, max_size=18))
def test_nothing_outside_the_buffers_is_touched(values: list[float]) -> None:
    points = np.array(values, np.float32).reshape(6, 3)
    texture = np.arange(12, dtype=np.float32).reshape(6, 2)
    triangles = np.array([[0, 1, 2], [3, 4, 5], [0, 0, 1], [2, 3, 4]], np.int32)
    out, depth = np.full((30, 40, 2), CANARY, np.float32), np.full((30, 40), CANARY, np.float32)
    inner = np.s_[10:20, 10:25]
    facing = np.ones(4, np.int8)
    rasterise(points, texture, triangles, facing, 1.0, 0.0, 0.0, out[inner], depth[inner])
    around = np.ones((30, 40), bool)
    around[inner] = False
    assert (out[around] == CANARY).all()
    assert (depth[around] == CANARY).all()
    drawn = out[inner][out[inner] != CANARY]
    assert np.isfinite(drawn).all()
    assert (drawn >= -0.01).all()
    assert (drawn <= 11.01).all()


def test_half_resolution_draws_what_full_resolution_draws() -> None:
    rng = np.random.default_rng(1)
    ramp = np.linspace(0, 255, 120)
    base = np.stack([np.tile(ramp, (90, 1)), np.tile(ramp[:90, None], (1, 120)), np.full((90, 120), 90.0)], -1)
    xs, ys = np.meshgrid(np.linspace(-1, 120, 7), np.linspace(-1, 90, 6))
    texture = np.c_[xs.ravel(), ys.ravel()].astype(np.float32)
    grid = np.arange(42).reshape(6, 7)
    one = np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1]], -1).reshape(-1, 3)
    two = np.stack([grid[1:, 1:], grid[1:, :-1], grid[:-1, 1:]], -1).reshape(-1, 3)
    triangles = np.vstack([one, two]).astype(np.int32)
    points = np.c_[texture, np.zeros(42)].astype(np.float32)
    inside = np.zeros((6, 7), bool)
    inside[1:-1, 1:-1] = True
    points[inside.ravel(), :2] += rng.uniform(-3, 3, (20, 2)).astype(np.float32)
    facing = np.ones(len(triangles), np.int8)
    image = np.ascontiguousarray(base, np.uint8)
    half, full = (Warp(image, step)(points, texture, triangles, facing).astype(int) for step in (2, 1))
    assert np.abs(half - full).mean() < 0.6
    assert np.abs(half - full).max() < 8
    points[:, :2] = texture
    np.testing.assert_array_equal(Warp(image)(points, texture, triangles, facing), image)
