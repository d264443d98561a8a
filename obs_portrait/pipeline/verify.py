"""Measuring a finished file, as a viewer gets it: what leaked into it, and how far picture and sound are apart.

Nothing here trusts what the pipeline says of itself; the file is decoded again and looked at.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.media.sources.file import FileAudioSource, FileVideoSource
from obs_portrait.media.types import SAMPLE_RATE
from obs_portrait.pipeline.leak import PictureMark

__all__ = ["Pictures", "envelope", "lag", "look", "opening_time", "read_sound", "sound_onset"]

_UPPER_LIP, _LOWER_LIP, _FOREHEAD, _CHIN = 13, 14, 10, 152
ENVELOPE_HZ: Final = 1000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What is in a file's pictures, frame by frame.

    times: (n,) float64 seconds. driver, persona: (n,) float64 opening of the mouth over the height of the face, NaN
    where the tracker sees no face or did not look. leaked: frames whose persona part shows the driver's mark. marked:
    frames whose driver part shows it (it must be there, or the detector would be worth nothing).
    """

    times: Floats
    driver: Floats
    persona: Floats
    leaked: int
    marked: int


def look(
    path: Path,
    driver_width: int,
    spans_s: Sequence[tuple[float, float]] = ((0.0, float("inf")),),
    progress: Callable[[int], None] | None = None,
) -> Pictures:
    """Decodes a file whose left `driver_width` pixels show the driver, looks for the mark in every frame, and at both
    mouths in the frames of `spans_s` (begin and end in seconds). `progress` is called with the number of frames done.
    Raises `MediaError` if the file cannot be read."""
    times: list[float] = []
    mouths: tuple[list[float], list[float]] = ([], [])
    leaked = marked = 0
    with FileVideoSource(path) as source, contextlib.ExitStack() as stack:
        trackers = [stack.enter_context(_tracker()) for _ in mouths]
        while (frame := source.read()) is not None:
            driver = np.ascontiguousarray(frame.image[:, :driver_width])
            persona = np.ascontiguousarray(frame.image[:, driver_width:])
            leaked += PictureMark.found(persona)
            marked += PictureMark.found(driver, parts=False)
            times.append(frame.captured_ns / 1e9)
            wanted = any(begin <= times[-1] < end for begin, end in spans_s)
            for tracker, image, opening in zip(trackers, (driver, persona), mouths, strict=True):
                opening.append(_opening(tracker.track(image, frame.captured_ns)) if wanted else np.nan)
            if progress is not None:
                progress(len(times))
    return Pictures(np.array(times), np.array(mouths[0]), np.array(mouths[1]), leaked, marked)


def _tracker() -> Any:
    from obs_portrait.face.tracker import FaceTracker

    return FaceTracker("image")  # each frame by itself: following a face would smooth its motion, and delay it


def _opening(observation: Any) -> float:
    if observation is None:
        return float("nan")
    points = observation.landmarks
    gap = float(np.linalg.norm(points[_UPPER_LIP] - points[_LOWER_LIP]))
    return gap / max(float(np.linalg.norm(points[_FOREHEAD] - points[_CHIN])), 1e-6)


def read_sound(path: Path) -> NDArray[np.float32]:
    """All sound of a file, mono at 48 kHz from media time 0; empty if it has none."""
    parts = [np.zeros(0, np.float32)]
    with contextlib.suppress(MediaError), FileAudioSource(path) as source:
        while (block := source.read(SAMPLE_RATE)) is not None:
            parts.append(block.samples)
    return np.concatenate(parts)


def opening_time(times: Floats, opening: Floats, about_s: float, within_s: float = 0.25) -> float:
    """When a mouth that was shut opens, in seconds; NaN if it does not. `opening`: one value a frame.

    A viewer sees each frame from its time on until the next one, so every rise counts at the time of its frame; the
    result is the mean of those times, weighted by the rises up to the widest opening. A mouth that opens from one
    frame to the next gives exactly the later frame's time, one that takes two frames something in between.
    """
    near = np.flatnonzero((np.abs(times - about_s) <= within_s) & np.isfinite(opening))
    if near.size < 4:
        return float("nan")
    values = opening[near]
    top = int(np.argmax(values))
    before = values[:top]
    if before.size < 2 or values[top] - np.median(before) < 0.01:
        return float("nan")
    rises = np.maximum(np.diff(values[: top + 1]), 0.0)
    rises[rises < 0.1 * rises.max()] = 0.0  # trembling of the landmarks
    return float(np.dot(rises, times[near][1 : top + 1]) / rises.sum())


def sound_onset(samples: NDArray[np.float32], about_s: float, within_s: float = 0.25) -> float:
    """When a sharp sound begins, in seconds: where the loudness (over 2 ms) first passes a quarter of its peak near
    `about_s`. NaN if there is no sound."""
    first = max(0, round((about_s - within_s) * SAMPLE_RATE))
    part = samples[first : round((about_s + within_s) * SAMPLE_RATE)].astype(np.float64)
    width = SAMPLE_RATE // 500
    if part.size < 2 * width or not part.any():
        return float("nan")
    level = np.sqrt(np.convolve(part**2, np.ones(width) / width, mode="full")[: part.size])
    crossing = int(np.argmax(level >= 0.25 * level.max()))
    return (first + crossing) / SAMPLE_RATE


def envelope(samples: NDArray[np.float32]) -> Floats:
    """Loudness of a sound, 1000 values a second: square root of the power in 10 ms, centred."""
    step, width = SAMPLE_RATE // ENVELOPE_HZ, SAMPLE_RATE // 100
    power = np.convolve(samples.astype(np.float64) ** 2, np.ones(width) / width, mode="same")
    return np.asarray(np.sqrt(np.maximum(power[::step], 0.0)))


def lag(late: Floats, early: Floats, most: int) -> float:
    """By how many steps `late` lags behind `early`, -most to most, from the peak of the normalised cross-correlation,
    interpolated by a parabola. Steps where either is NaN are left out; NaN if too little is left."""
    count = min(late.size, early.size)
    late, early = late[:count], early[:count]
    scores = np.array([_correlation(late, early, shift) for shift in range(-most, most + 1)])
    top = int(np.argmax(scores))
    if scores[top] < 0.3:
        return float("nan")
    if 0 < top < scores.size - 1:
        left, middle, right = scores[top - 1 : top + 2]
        bend = left - 2 * middle + right
        return float(top - most + (0.5 * (left - right) / bend if bend < 0 else 0.0))
    return float(top - most)


def _correlation(late: Floats, early: Floats, shift: int) -> float:
    a = late[max(shift, 0) : late.size + min(shift, 0)]
    b = early[max(-shift, 0) : early.size + min(-shift, 0)]
    good = np.isfinite(a) & np.isfinite(b)
    if good.sum() < 8:
        return -1.0
    a, b = a[good] - a[good].mean(), b[good] - b[good].mean()
    power = float(np.dot(a, a) * np.dot(b, b))
    return float(np.dot(a, b)) / power**0.5 if power > 0 else -1.0
