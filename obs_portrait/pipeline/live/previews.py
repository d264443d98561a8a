"""Small pictures for the page: the persona as it goes out and, only while it is allowed, the camera.

Made in a thread of their own, so that the loop that feeds the sinks does nothing but hand a frame over, after the
sinks have theirs. A frame that nobody asked for is not even handed over.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.clock import now_ns
from obs_portrait.errors import LeakError
from obs_portrait.face.overlay import draw_landmarks, ghost
from obs_portrait.face.types import Observation
from obs_portrait.media.types import CameraFrame, PersonaFrame
from obs_portrait.pipeline.live.picture_mail import CAPACITY, Mails, PictureMail

__all__ = ["SIDE", "Previews", "camera_picture", "persona_picture"]

SIDE: Final = 480
"""Pixels of a preview's longer side, at most."""
_PERIOD_NS: Final = 100_000_000
_IDLE_S: Final = 0.25
_QUALITIES: Final = (80, 60, 35)
_GHOST: Final = 0.3
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _View:
    camera: CameraFrame
    observation: Observation | None
    still: Picture | None


def persona_picture(frame: PersonaFrame) -> bytes:
    """A JPEG file of a sealed persona frame, 480 pixels at most. Raises `LeakError` for anything else."""
    if not isinstance(frame, PersonaFrame):
        raise LeakError(f"A {type(frame).__name__} was to be shown as the persona; it was not. Please report this bug.")
    return _jpeg(_small(frame.image))


def camera_picture(view: CameraFrame, observation: Observation | None, still: Picture | None) -> bytes:
    """A JPEG file of the camera, 480 pixels at most, with the lines of the face and the persona's portrait over it."""
    small = _small(view.image)
    if still is not None:
        small = ghost(small, still, _GHOST)
    if observation is not None:
        scale = small.shape[1] / view.image.shape[1]
        small = draw_landmarks(small, np.asarray(observation.landmarks * scale, np.float32))
    return _jpeg(small)


class Previews:
    """In the video process. `show` belongs to the pacer's thread, `look` to the engine's.

    still: the portrait of the persona on stage, for the camera's overlay.
    """

    def __init__(self, mails: Mails, still: Callable[[], Picture | None] = lambda: None) -> None:
        self._mails, self._still = mails, still
        self._there = threading.Condition()
        self._frame: PersonaFrame | None = None
        self._view: _View | None = None
        self._due = {"persona": 0, "camera": 0}
        self._halt = False
        self._thread: threading.Thread | None = None

    def show(self, frame: PersonaFrame) -> None:
        """A frame that has just been written to the sinks. Returns at once."""
        if self._mails.persona.wanted and self._is_time("persona"):
            with self._there:
                self._frame = frame
            self._wake()

    def look(self, camera: CameraFrame, observation: Observation | None) -> None:
        """A camera frame, and the face in it. Returns at once; it is kept only if somebody may and wants to look."""
        if self._mails.camera.wanted and self._is_time("camera"):
            with self._there:
                self._view = _View(camera, observation, self._still())
            self._wake()

    def tidy(self) -> None:
        """Now and then: takes the last pictures out of the memory once nobody looks, or may look, any more."""
        if self._thread is not None and self._idle_mails():
            self._wake()

    def stop(self, seconds: float = 1.0) -> None:
        """Ends the thread; no picture is left, and one that is being encoded goes nowhere."""
        with self._there:
            self._halt, self._frame, self._view = True, None, None
            self._there.notify()
        if self._thread is not None:
            self._thread.join(seconds)
        with self._there:
            self._mails.wipe()

    def _idle_mails(self) -> list[PictureMail]:
        """Those with a picture that nobody wants any more."""
        return [mail for mail in (self._mails.persona, self._mails.camera) if mail.holds and not mail.wanted]

    def _is_time(self, which: str) -> bool:
        now = now_ns()
        if now < self._due[which]:
            return False
        self._due[which] = now + _PERIOD_NS
        return True

    def _wake(self) -> None:
        with self._there:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="previews", daemon=True)
                self._thread.start()
            self._there.notify()

    def _run(self) -> None:
        while True:
            with self._there:
                if self._frame is None and self._view is None and not self._halt:
                    holds = self._mails.camera.holds or self._mails.persona.holds
                    self._there.wait(_IDLE_S if holds else None)
                if self._halt:
                    return
                frame, self._frame = self._frame, None
                view, self._view = self._view, None
            with contextlib.suppress(Exception):  # a preview is a nicety, the show goes on without
                if frame is not None:
                    self._put(self._mails.persona, persona_picture(frame), frame.captured_ns)
                if view is not None and self._mails.camera.wanted:
                    picture = camera_picture(view.camera, view.observation, view.still)
                    self._put(self._mails.camera, picture, view.camera.captured_ns)
            view = frame = None
            with self._there:
                for mail in self._idle_mails():
                    mail.wipe()

    def _put(self, mail: PictureMail, picture: bytes, captured_ns: int) -> None:
        with self._there:
            if not self._halt:  # else it comes after the memory was wiped
                mail.put(picture, captured_ns)


def _small(image: Picture) -> Picture:
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    if scale >= 1.0:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(image: Picture) -> bytes:
    """As good as fits into the mailbox. Empty if nothing does."""
    turned = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR)
    for quality in _QUALITIES:
        done, encoded = cv2.imencode(".jpg", turned, (cv2.IMWRITE_JPEG_QUALITY, quality))
        if done and encoded.size <= CAPACITY:
            return encoded.tobytes()
    return b""
