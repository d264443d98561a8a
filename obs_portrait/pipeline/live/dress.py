"""The dress rehearsal of an engine: what it does for the first time, it does before the show."""

from __future__ import annotations

import contextlib

import numpy as np

from obs_portrait.face.types import Observation
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.prepare import PreparedFace

__all__ = ["dress_rehearsal"]

_FRAMES = 3


def dress_rehearsal(face: PreparedFace) -> None:
    """Draws a few pictures of the portrait's own face nodding.

    `prepare` promises a warm engine, but a plug-in that compiles at the first motion, or a compiler's cache that is
    not there yet, would cost seconds on air, and the session would take that for a hung engine. Never raises.
    """
    height, width = face.portrait.image.shape[:2]
    at_rest = face.portrait.landmarks
    with contextlib.suppress(Exception):
        for step in range(_FRAMES):
            landmarks = (at_rest + np.array((0, step * height / 100, 0))).astype(np.float32)
            landmarks[17, 1] += step * height / 50  # the lower lip: something moves by itself
            seen = Observation(
                landmarks, np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 1.0, width, height, step * 33_000_000
            )
            if step == 0:
                face.engine.set_reference(seen)
            frame = CameraFrame(np.zeros_like(face.portrait.image), 0, step) if face.engine.needs_pixels else None
            face.engine.render(seen, frame)
    with contextlib.suppress(Exception):
        face.engine.set_reference(None)
    face.engine.on_air = True  # from here on what counts is to keep up
