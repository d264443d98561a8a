"""The mesh engine's warp against the two obvious ways of doing it, in one run.

Peers: a piecewise affine warp with one `cv2.warpAffine` a triangle (what tutorials do), and the same rasteriser at full
resolution over the whole canvas. All three draw the same motions; times are CPU time of one thread, alternating.

    python bench/face.py [frames] [WIDTHxHEIGHT]
"""

from __future__ import annotations

import json
import sys
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.face import benchmark
from obs_portrait.face.mesh.engine import MeshEngine
from obs_portrait.face.mesh.raster import Warp
from obs_portrait.face.mesh.settings import MeshSettings
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.face.types import Canvas

Picture = NDArray[np.uint8]


def affine_by_triangle(
    base: Picture, points: NDArray[np.float32], texture: NDArray[np.float32], triangles: NDArray[np.int32]
) -> Picture:
    """Painter's algorithm: far triangles first, each with an affine warp and a mask of its own."""
    out = base.copy()
    height, width = base.shape[:2]
    for corners in triangles[np.argsort(-points[triangles, 2].mean(1))]:
        target, origin = points[corners, :2], texture[corners]
        low = np.clip(np.floor(target.min(0)), 0, (width, height)).astype(int)
        high = np.clip(np.ceil(target.max(0)) + 1, 0, (width, height)).astype(int)
        size = high - low
        if size.min() < 1:
            continue
        matrix = cv2.getAffineTransform(origin, target - low.astype(np.float32))
        piece = cv2.warpAffine(base, matrix, (int(size[0]), int(size[1])), borderMode=cv2.BORDER_REPLICATE)
        mask = np.zeros((size[1], size[0]), np.uint8)
        cv2.fillConvexPoly(mask, np.rint(target - low).astype(np.int32), 255)
        cv2.copyTo(piece, mask, out[low[1] : high[1], low[0] : high[0]])
    return out


def main(frames: int, size: tuple[int, int]) -> None:
    cv2.setNumThreads(1)
    portrait = benchmark.find_portrait()
    engine = MeshEngine()
    engine.prepare(portrait, MeshSettings(smoothing=0.0), Canvas(*size))
    still = engine.still()
    assert still is not None
    ours_warp, full = Warp(still), Warp(still, step=1)
    with FaceTracker("video") as tracker:
        pictures = benchmark.driver_frames(portrait, frames)
        seen = [tracker.track(picture, index * 33_000_000) for index, picture in enumerate(pictures)]
    times: dict[str, list[float]] = {"ours": [], "full_resolution": [], "affine_by_triangle": []}
    for number, observation in enumerate(found for found in seen if found is not None):
        mesh = engine.rig.mesh(observation)
        jobs = {
            "ours": lambda mesh=mesh: ours_warp(*mesh),
            "full_resolution": lambda mesh=mesh: full(*mesh),
            "affine_by_triangle": lambda mesh=mesh: affine_by_triangle(still, *mesh[:3]),
        }
        for name, job in jobs.items():
            begin = time.process_time()
            job()
            if number > 2:  # the first ones compile
                times[name].append(1000 * (time.process_time() - begin))
    ours = np.array(times["ours"])
    result: dict[str, object] = {"canvas": f"{size[0]}x{size[1]}", "frames": len(ours)}
    for name, values in times.items():
        low, middle, high = np.percentile(values, [5, 50, 95])
        result[name] = {"p5_ms": low, "p50_ms": middle, "p95_ms": high}
        if name != "ours":
            low, middle, high = np.percentile(np.array(values) / np.maximum(ours, 1e-3), [5, 50, 95])
            result[f"ours_faster_than_{name}"] = {"p5": low, "p50": middle, "p95": high}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    width, height = (int(part) for part in (sys.argv[2] if len(sys.argv) > 2 else "512x512").split("x"))
    main(count, (width, height))
