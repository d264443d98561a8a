"""Which frame of a driving file counts as neutral: the motion of a persona is counted from there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from obs_portrait.errors import FaceError, MediaError
from obs_portrait.face.types import Observation, Portrait
from obs_portrait.media.sources.base import VideoSource
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.face_pipeline import Tracker

__all__ = ["Found", "Reference", "find_reference"]

Reference = Literal["calibrate", "best"] | int
"""calibrate: the calmest frontal face of the first second with a face; best: the frame of the whole file that is
nearest to the portrait (first-order-model's --find_best_frame); a number: that frame (--best_frame)."""

_CALIBRATE_NS: Final = 1_000_000_000
_PATIENCE_NS: Final = 30_000_000_000
"""A file that shows no face for so long is rendered without a reference; the first face will be it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A reference frame: its number in the file, the face in it, and its picture."""

    index: int
    observation: Observation
    frame: CameraFrame


def find_reference(
    video: Callable[[], VideoSource], make_tracker: Callable[[], Tracker], wanted: Reference, portrait: Portrait
) -> Found | None:
    """Reads the file ahead and returns the frame that `wanted` asks for; None if no face was found.

    Raises `FaceError` if a frame was named that has no face, or does not exist.
    """
    if isinstance(wanted, int):
        for found in _observe(video, make_tracker, wanted + 1):
            if found.index == wanted:
                return found
        raise FaceError(f"Frame {wanted} of the driving video shows no face, or does not exist; name another one.")
    if wanted == "best":
        return _best(_observe(video, make_tracker), portrait)
    return _calmest(_observe(video, make_tracker, patience_ns=_PATIENCE_NS))


def _best(observations: Iterator[Found], portrait: Portrait) -> Found | None:
    from obs_portrait.face.calibration import ReferenceSearch

    search = ReferenceSearch(portrait)
    best: Found | None = None
    for found in observations:
        if search.consider(found.observation):
            best = found
    return best


def _calmest(observations: Iterator[Found]) -> Found | None:
    from obs_portrait.face.calibration import quality

    best: tuple[float, Found] | None = None
    begin: int | None = None
    for found in observations:
        now = found.observation.captured_ns
        begin = now if begin is None else begin
        score = quality(found.observation)
        if best is None or score > best[0]:
            best = (score, found)
        if now - begin >= _CALIBRATE_NS:
            break
    return best[1] if best else None


def _observe(
    video: Callable[[], VideoSource],
    make_tracker: Callable[[], Tracker],
    frames: int | None = None,
    patience_ns: int | None = None,
) -> Iterator[Found]:
    """Faces of the first `frames` frames (None: all); gives up when none is seen for `patience_ns`."""
    tracker = make_tracker()
    seen_ns = 0
    with video() as source, contextlib.ExitStack() as stack:
        stack.callback(getattr(tracker, "close", lambda: None))
        count = 0
        while frames is None or count < frames:
            try:
                frame = source.read()
            except MediaError:  # rendering will meet it again, and say so
                return
            if frame is None or (patience_ns is not None and frame.captured_ns - seen_ns > patience_ns):
                return
            count += 1
            try:
                observation = tracker.track(frame.image, frame.captured_ns)
            except Exception:  # noqa: S112 - a tracker that fails sees no face; rendering will count it
                continue
            if observation is not None:
                seen_ns = frame.captured_ns
                yield Found(frame.index, observation, frame)
