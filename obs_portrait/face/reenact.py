"""Running an engine over a clip to judge it: the same steps as on air, with every frame and without the guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from obs_portrait.errors import FaceError
from obs_portrait.face.engine import FaceEngine, engine_class
from obs_portrait.face.settings import FaceSettings
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.face.types import Canvas, Observation, Portrait
from obs_portrait.media.sources import open_video
from obs_portrait.media.types import CameraFrame

__all__ = ["Progress", "Reenacted", "find_source", "frames", "make_engine", "reenact"]

Picture = NDArray[np.uint8]
Progress = Callable[[int, int | None], None]
"""Called after each frame with the number that is done and of all (None if unknown)."""


@dataclass(frozen=True, slots=True, eq=False)
class Reenacted:
    """One frame of the driver, what the tracker saw in it ("video" mode, as on air), and the engine's answer.

    drawn is False where there was no face or the engine failed: picture is then the one before, as the guard would hold
    it, and why says in what way it failed (None: there was no face).
    """

    frame: CameraFrame
    observation: Observation | None
    picture: Picture
    drawn: bool
    why: str | None = None


def frames(video: Path) -> Iterator[CameraFrame]:
    """All frames of a video or picture. Raises `MediaError`."""
    with open_video(str(video)) as source:
        while (frame := source.read()) is not None:
            yield frame


def find_source(video: Path, number: int) -> tuple[CameraFrame, Observation, Observation]:
    """Frame `number`, its face as a portrait's ("image") and as a driver's ("video": the reference).

    Raises `FaceError` with one sentence if there is no such frame, or no face in it.
    """
    with FaceTracker("video") as driver, FaceTracker("image") as judge:
        for frame in frames(video):
            observation = driver.track(frame.image, frame.captured_ns)
            if frame.index == number:
                portrait = judge.track(frame.image, 0)
                if portrait is None:
                    raise FaceError(f"{video}: frame {number} shows no face; name another one with --source-frame.")
                return frame, portrait, observation or replace(portrait, captured_ns=frame.captured_ns)
    raise FaceError(f"{video}: there is no frame {number}; the first one is 0.")


def make_engine(
    name: str,
    portrait: Portrait,
    reference: tuple[CameraFrame, Observation],
    changes: dict[str, Any],
    canvas: Canvas,
) -> FaceEngine:
    """A prepared engine with its reference set: relative motion, no crop and no smoothing unless `changes` says so.
    reference: the driver's neutral frame and what was seen in it.

    Raises `FaceError` with one sentence if it cannot run here, shows the driver, or does not know a setting.
    """
    kind = engine_class(name)
    if kind.reveals:
        raise FaceError(f"The engine '{name}' shows the driver as it is; there is nothing to judge.")
    if reason := kind.validate_environment():
        raise FaceError(reason)
    known = {"engine": name, "crop": "none", "smoothing": 0.0, "motion": "relative"}
    try:
        settings: FaceSettings = kind.settings_model(**{**known, **changes})
    except ValueError as error:  # pydantic's: many lines, of which the first cause is enough
        raise FaceError(f"The engine '{name}' does not take these settings: {_cause(error)}") from error
    engine = kind()
    engine.prepare(portrait, settings, canvas)
    if engine.needs_pixels:
        engine.show_reference(reference[0])
    engine.set_reference(reference[1])
    return engine


def _cause(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problems = error.errors()
    return "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in problems)


def _draw(
    engine: FaceEngine, observation: Observation | None, frame: CameraFrame, last: Picture
) -> tuple[Picture, bool, str | None]:
    if observation is None:
        return last, False, None
    try:
        out = engine.render(observation, frame if engine.needs_pixels else None)
    except Exception as error:  # the contract: an engine may raise anything
        return last, False, (str(error).splitlines() or [""])[0] or type(error).__name__
    if out.shape != last.shape:
        raise FaceError(f"The engine '{engine.name}' draws {out.shape} where the canvas is {last.shape}.")
    return out, True, None


def reenact(engine: FaceEngine, driving: Path, first: Picture, progress: Progress | None = None) -> Iterator[Reenacted]:
    """Every frame of `driving` through tracker and engine (engines may smooth over time, so they see all). first:
    stands in until the engine has drawn, and tells the size of the canvas.

    Raises `FaceError` if the clip changes size on the way or the engine draws another size, `MediaError` if it cannot
    be read.
    """
    out, shape = first, None
    with FaceTracker("video") as driver, open_video(str(driving)) as clip:
        while (frame := clip.read()) is not None:
            shape = shape or frame.image.shape
            observation = driver.track(frame.image, frame.captured_ns)
            if frame.image.shape != shape:
                raise FaceError(f"{driving}: the picture changes size at frame {frame.index}; cut it there.")
            out, drawn, why = _draw(engine, observation, frame, out)
            yield Reenacted(frame, observation, out, drawn, why)
            if progress is not None:
                progress(frame.index + 1, clip.frame_count)
