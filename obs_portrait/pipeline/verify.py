"""Measuring a finished file, as a viewer gets it: what leaked into it, and how far picture and sound are apart.

Nothing here trusts what the pipeline says of itself; the file is decoded again and looked at.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.media.sources.file import FileAudioSource, FileVideoSource
from obs_portrait.media.types import SAMPLE_RATE
from obs_portrait.pipeline.leak import PictureMark, ToneMark

__all__ = ["Pictures", "envelope", "lag", "look", "read_sound"]

_UPPER_LIP, _LOWER_LIP, _FOREHEAD, _CHIN = 13, 14, 10, 152
ENVELOPE_HZ: Final = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What is in a file's pictures, frame by frame.

    times: (n,) float64 seconds. driver, persona: (n,) float64 mouth opening over face height, NaN where the tracker
    sees no face; empty if not asked for. leaked: frames whose persona part shows the driver's mark. marked: frames
    whose driver part shows it (all of them, or the detector is worth nothing).
    """

    times: NDArray[np.float64]
    driver: NDArray[np.float64]
    persona: NDArray[np.float64]
    leaked: int
    marked: int


def look(
    path: Path,
    driver_width: int,
    *,
    track: bool = True,
    until_s: float = float("inf"),
    progress: Callable[[int], None] | None = None,
) -> Pictures:
    """Decodes a file whose left `driver_width` pixels show the driver (0: nobody) and looks for the mark in every
    frame; with `track` also follows both mouths up to `until_s`. Raises `MediaError` if it cannot be read."""
    times: list[float] = []
    mouths: tuple[list[float], list[float]] = ([], [])
    leaked = marked = 0
    with FileVideoSource(path) as source, contextlib.ExitStack() as stack:
        trackers = [stack.enter_context(_tracker()) for _ in range(2)] if track else []
        while (frame := source.read()) is not None:
            driver = np.ascontiguousarray(frame.image[:, :driver_width])
            persona = np.ascontiguousarray(frame.image[:, driver_width:])
            leaked += PictureMark.found(persona)
            marked += driver_width > 0 and PictureMark.found(driver, parts=False)
            times.append(frame.captured_ns / 1e9)
            for tracker, image, opening in zip(trackers, (driver, persona), mouths, strict=False):
                seen = frame.captured_ns <= until_s * 1e9 and image.size > 0
                opening.append(_opening(tracker.track(image, frame.captured_ns)) if seen else np.nan)
            if progress is not None:
                progress(len(times))
    return Pictures(np.array(times), np.array(mouths[0]), np.array(mouths[1]), leaked, marked)


def _tracker() -> Any:
    from obs_portrait.face.tracker import FaceTracker

    return FaceTracker("video")


def _opening(observation: Any) -> float:
    if observation is None:
        return float("nan")
    points = observation.landmarks
    gap = float(np.linalg.norm(points[_UPPER_LIP] - points[_LOWER_LIP]))
    return gap / max(float(np.linalg.norm(points[_FOREHEAD] - points[_CHIN])), 1e-6)


def read_sound(path: Path) -> NDArray[np.float32]:
    """All sound of a file, mono at 48 kHz from media time 0; empty if it has none."""
    return np.concatenate([*_blocks(path), np.zeros(0, np.float32)])


def _blocks(path: Path) -> Iterator[NDArray[np.float32]]:
    with contextlib.suppress(MediaError), FileAudioSource(path) as source:
        while (block := source.read(SAMPLE_RATE)) is not None:
            yield block.samples


def leaked_samples(samples: NDArray[np.float32], mark: ToneMark) -> int:
    """Samples of a file's sound in which the microphone's tones can be found."""
    return mark.leaked(samples)


def envelope(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Loudness of a sound, 1000 values a second: square root of the power in 10 ms, centred."""
    step, width = SAMPLE_RATE // ENVELOPE_HZ, SAMPLE_RATE // 100
    power = np.convolve(samples.astype(np.float64) ** 2, np.ones(width) / width, mode="same")
    return np.asarray(np.sqrt(np.maximum(power[::step], 0.0)))


def lag(late: NDArray[np.float64], early: NDArray[np.float64], most: int) -> float:
    """By how many steps `late` lags behind `early`, -most to most, from the peak of the normalised cross-correlation,
    interpolated by a parabola. Steps where either is NaN are left out."""
    count = min(late.size, early.size)
    late, early = late[:count], early[:count]
    scores = np.array([_correlation(late, early, shift) for shift in range(-most, most + 1)])
    top = int(np.argmax(scores))
    if 0 < top < scores.size - 1:
        left, middle, right = scores[top - 1 : top + 2]
        bend = left - 2 * middle + right
        return float(top - most + (0.5 * (left - right) / bend if bend < 0 else 0.0))
    return float(top - most)


def _correlation(late: NDArray[np.float64], early: NDArray[np.float64], shift: int) -> float:
    a = late[max(shift, 0) : late.size + min(shift, 0)]
    b = early[max(-shift, 0) : early.size + min(-shift, 0)]
    good = np.isfinite(a) & np.isfinite(b)
    if good.sum() < 8:
        return -1.0
    a, b = a[good] - a[good].mean(), b[good] - b[good].mean()
    power = float(np.dot(a, a) * np.dot(b, b))
    return float(np.dot(a, b)) / power**0.5 if power > 0 else -1.0
