"""A z-buffered rasteriser of texture coordinates, and the warp that it makes.

Coordinates are rasterised at half resolution and enlarged: on a mesh whose triangles are larger than a pixel the map is
smooth, and a quarter of the pixels is a quarter of the work (measured in bench/face.py against the full map).
"""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["STEP", "Warp", "rasterise"]

STEP = 2
"""Pixels of the canvas to one cell of the raster, in each direction."""
PAD = 1
"""Cells round the raster, so that enlarging does not bend the map at the canvas' border."""
_BACK = 1.0e5
_STILL = 0.02  # pixels: what moves less is not drawn anew


@njit(cache=True, nogil=True, fastmath=False)
def rasterise(
    points: NDArray[np.float32],
    texture: NDArray[np.float32],
    triangles: NDArray[np.int32],
    facing: NDArray[np.int8],
    step: float,
    origin_x: float,
    origin_y: float,
    out: NDArray[np.float32],
    depth: NDArray[np.float32],
) -> None:
    """Fills `out` (h, w, 2) with the texture coordinates of what is nearest (smallest z) at each cell's centre.

    points (n, 3) and texture (n, 2) float32; cell (i, j) looks at pixel (origin_x + step * j,
    origin_y + step * i).
    facing: +1 or -1, the sign of each triangle's area at rest; a triangle that turned its back only fills what nothing
    else covers. Cells that no triangle covers keep their value. depth (h, w) is scratch. Never touches memory outside
    the arrays, whatever the points are.
    """
    height, width = depth.shape
    depth[:] = np.float32(3.0e38)
    for k in range(triangles.shape[0]):
        a, b, c = triangles[k, 0], triangles[k, 1], triangles[k, 2]
        ax, ay = (points[a, 0] - origin_x) / step, (points[a, 1] - origin_y) / step
        bx, by = (points[b, 0] - origin_x) / step, (points[b, 1] - origin_y) / step
        cx, cy = (points[c, 0] - origin_x) / step, (points[c, 1] - origin_y) / step
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not abs(area) > 1e-6:  # degenerate, or not a number
            continue
        low_x, high_x = min(ax, bx, cx), max(ax, bx, cx)
        low_y, high_y = min(ay, by, cy), max(ay, by, cy)
        if not (high_x >= 0.0 and high_y >= 0.0 and low_x <= width - 1 and low_y <= height - 1):
            continue
        x0, x1 = int(max(low_x, 0.0)), int(min(high_x, width - 1.0))
        y0, y1 = int(max(low_y, 0.0)), int(min(high_y, height - 1.0))
        back = _BACK if area * facing[k] < 0 else 0.0
        az, bz, cz = points[a, 2] + back, points[b, 2] + back, points[c, 2] + back
        inverse = 1.0 / area
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) * inverse
                wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * inverse
                wa = 1.0 - wb - wc
                if wa < -1e-5 or wb < -1e-5 or wc < -1e-5:
                    continue
                z = wa * az + wb * bz + wc * cz
                if z < depth[y, x]:
                    depth[y, x] = z
                    out[y, x, 0] = wa * texture[a, 0] + wb * texture[b, 0] + wc * texture[c, 0]
                    out[y, x, 1] = wa * texture[a, 1] + wb * texture[b, 1] + wc * texture[c, 1]


class Warp:
    """The warp of one picture: keeps the buffers, and works only where something moves."""

    def __init__(self, base: NDArray[np.uint8], step: int = STEP) -> None:
        """base: (H, W, 3) uint8, the texture."""
        self._base = base
        self._height, self._width = base.shape[:2]
        self._step = step
        cells_x, cells_y = -(-self._width // step) + 2 * PAD, -(-self._height // step) + 2 * PAD
        self._origin = (step - 1) / 2 - PAD * step  # pixel coordinate of cell 0's centre
        xs = self._origin + step * np.arange(cells_x, dtype=np.float32)
        ys = self._origin + step * np.arange(cells_y, dtype=np.float32)
        self._rest = np.ascontiguousarray(np.stack(np.meshgrid(xs, ys), axis=-1), np.float32)
        self._cells = self._rest.copy()
        self._depth = np.empty((cells_y, cells_x), np.float32)

    def __call__(
        self,
        points: NDArray[np.float32],
        texture: NDArray[np.float32],
        triangles: NDArray[np.int32],
        facing: NDArray[np.int8],
    ) -> NDArray[np.uint8]:
        """The picture with vertex `texture[i]` (n, 2) moved to `points[i]` (n, 3); a new (H, W, 3) uint8 array.

        Where no triangle lies, or none moves, the picture stays as it is.
        """
        out = self._base.copy()
        moving = np.abs(points[:, :2] - texture).max(1) > _STILL
        drawn = moving[triangles].any(1)
        if not drawn.any():
            return out
        touched = np.unique(triangles[drawn])
        both = np.concatenate([points[touched, :2], texture[touched]])
        low = np.clip(both.min(0), 0, (self._width - 1, self._height - 1)).astype(int) // self._step
        high = np.clip(both.max(0), 0, (self._width - 1, self._height - 1)).astype(int) // self._step + 1
        # Cells of the window and PAD more on each side (the buffers have PAD cells outside the canvas).
        view = (slice(low[1], high[1] + 2 * PAD), slice(low[0], high[0] + 2 * PAD))
        origin = (self._origin + self._step * low[0], self._origin + self._step * low[1])
        self._cells[view] = self._rest[view]
        rasterise(
            points, texture, triangles[drawn], facing[drawn], float(self._step), *origin,
            self._cells[view], self._depth[view],
        )  # fmt: skip
        x0, y0 = low * self._step
        width, height = min(self._width, high[0] * self._step) - x0, min(self._height, high[1] * self._step) - y0
        cells = self._cells[view]
        if self._step > 1:
            size = (cells.shape[1] * self._step, cells.shape[0] * self._step)
            cells = np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR), np.float32)
        edge = PAD * self._step
        mapping = cells[edge : edge + height, edge : edge + width]
        # Both coordinates are in `mapping`; OpenCV's type stubs do not know that the second map may be None.
        moved = cv2.remap(self._base, mapping, cast(Any, None), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out[y0 : y0 + height, x0 : x0 + width] = moved
        return out
