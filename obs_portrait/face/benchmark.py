"""How fast the face side is on this machine: tracker and mesh engine, one frame after the other."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait import resources
from obs_portrait.errors import FaceError
from obs_portrait.face.engine import FaceEngine, engine_class
from obs_portrait.face.portrait import load_portrait
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.face.types import Canvas, Observation, Portrait
from obs_portrait.media.sources import open_video

__all__ = ["driver_frames", "find_portrait", "run"]

Picture = NDArray[np.uint8]
_WARM: Final = 15
"""Frames before the clock starts: the tracker's first look is slower than following."""
_DISTINCT: Final = 150
"""Different driver pictures at most; they are repeated, so that they fit into memory."""


def find_portrait() -> Portrait:
    """The face that is measured: the first built-in persona with a picture, or the bundled performance's driver.

    Raises `FaceError` if the package holds neither.
    """
    for path in (*_pictures(resources.profiles_dir()), *_pictures(resources.assets_dir())):
        try:
            return load_portrait(path)
        except FaceError:
            continue
    raise FaceError("No portrait is bundled with this installation; install OBS Portrait again.")


def _pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/portrait.png")) + sorted(folder.glob("*/driver.png"))


def driver_frames(portrait: Portrait, count: int = _DISTINCT) -> list[Picture]:
    """Pictures of a driver, 512x512 RGB, `count` of them at most: the bundled motion track played on `portrait`, or the
    portrait drifting to and fro where the track is missing."""
    track = resources.assets_dir() / "performance" / "track.npz"
    side = 512
    engine = engine_class("mesh")()
    settings = engine.settings_model.model_validate({"smoothing": 0.0})
    engine.prepare(portrait, settings, Canvas(side, side))
    try:
        if track.is_file():
            with np.load(track, allow_pickle=False) as archive:
                moves = np.cumsum(archive["landmark_steps"], axis=0, dtype=np.int32) * archive["unit"]
                width, height = (int(value) for value in archive["size"])
            seen = [_observation(points, width, height) for points in moves[:count].astype(np.float32)]
        else:
            still = portrait.landmarks * np.float32(side / max(portrait.image.shape[:2]))
            sway = [np.array([30 * np.sin(i / 9), 12 * np.sin(i / 5), 0], np.float32) for i in range(count)]
            seen = [_observation(still + offset, side, side) for offset in sway]
        engine.set_reference(seen[0])
        return [engine.render(observation) for observation in seen]
    finally:
        engine.close()


def _observation(points: NDArray[np.float32], width: int, height: int) -> Observation:
    return Observation(points, np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 1.0, width, height, 0)


def run(
    size: tuple[int, int] = (512, 512),
    seconds: float = 10.0,
    video: Path | None = None,
    frames: Iterable[Picture] | None = None,
    portrait: Portrait | None = None,
    engine: str = "mesh",
) -> dict[str, Any]:
    """Tracks and draws for `seconds`, sequentially, as one frame of the live pipeline does, and measures each frame.

    size: (width, height) of the canvas. The driver is `frames` ((H, W, 3) uint8 RGB) if given, else `video` (up to
    150 frames of it, decoded beforehand), else the bundled performance. Drawing the driver and decoding are not
    measured.

    Returns fps (frames / time), p50_ms, p95_ms (per frame), stages {"track_ms", "render_ms"} (means), frames
    (measured), lost (frames without a face), canvas, driver ("WxH"), portrait, engine, cpu, cpus.
    Raises `FaceError` if there is nothing to measure with, `MediaError` if the video cannot be read.
    """
    if seconds <= 0:
        raise FaceError(f"Nothing can be measured in {seconds} s.")
    chosen = portrait or find_portrait()
    pictures = _driver(video, frames, chosen)
    if not pictures:
        raise FaceError("The driver has no frames; give a video that can be played.")
    worker = engine_class(engine)()
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # as the video process does
    try:
        worker.prepare(chosen, worker.settings_model.model_validate({"engine": engine}), Canvas(*size))
        with FaceTracker("video") as tracker:
            times, lost = _measure(tracker, worker, pictures, seconds)
    finally:
        worker.close()
        cv2.setNumThreads(threads)
    total = times.sum(1)
    return {
        "fps": float(len(total) / total.sum()),
        "p50_ms": float(1000 * np.percentile(total, 50)),
        "p95_ms": float(1000 * np.percentile(total, 95)),
        "stages": {"track_ms": float(1000 * times[:, 0].mean()), "render_ms": float(1000 * times[:, 1].mean())},
        "frames": len(total),
        "lost": lost,
        "canvas": f"{size[0]}x{size[1]}",
        "driver": f"{pictures[0].shape[1]}x{pictures[0].shape[0]}",
        "portrait": chosen.name,
        "engine": engine,
        "cpu": _cpu(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    }


def _driver(video: Path | None, frames: Iterable[Picture] | None, portrait: Portrait) -> list[Picture]:
    if frames is not None:
        return list(islice(frames, _DISTINCT))
    if video is None:
        return driver_frames(portrait)
    pictures: list[Picture] = []
    with open_video(str(video)) as clip:
        while len(pictures) < _DISTINCT and (frame := clip.read()) is not None:
            pictures.append(frame.image)
    return pictures


def _measure(
    tracker: FaceTracker, worker: FaceEngine, pictures: list[Picture], seconds: float
) -> tuple[NDArray[np.float64], int]:
    """(n, 2) seconds of tracking and of drawing, and how many frames had no face."""
    rows, lost, begin = [], 0, 0.0
    number = 0
    while number < _WARM + 2 or time.perf_counter() - begin < seconds:
        # There and back again: the end of a clip is no jump.
        place = number % max(1, 2 * len(pictures) - 2)
        picture = pictures[min(place, 2 * len(pictures) - 2 - place)] if len(pictures) > 1 else pictures[0]
        if number == _WARM:
            begin = time.perf_counter()
        start = time.perf_counter()
        seen = tracker.track(picture, number * 33_333_333)
        tracked = time.perf_counter()
        if seen is not None:
            worker.render(seen)
        done = time.perf_counter()
        if number >= _WARM:
            rows.append((tracked - start, done - tracked))
            lost += seen is None
        number += 1
    if lost == len(rows):
        raise FaceError("No face was found in any of the driver's frames; there is nothing to measure.")
    return np.array(rows), lost


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
