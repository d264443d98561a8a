"""A camera: the newest picture wins, and one that stops delivering is a lost one."""

from __future__ import annotations

import sys
import threading
import time
from fractions import Fraction
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.media.devices import list_cameras
from obs_portrait.media.sources.base import VideoSource
from obs_portrait.media.types import CameraFrame

__all__ = ["CameraSource"]

_FIRST_PICTURE: Final = 6.0  # seconds that a camera may take to wake up
_BACKENDS: Final = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_MSMF, "darwin": cv2.CAP_AVFOUNDATION}


class CameraSource(VideoSource):
    """A camera by number ("0") or by a part of its name. A thread of its own fetches pictures, so that `read` never
    gets one that has waited in the driver's queue: what the loop could not take in time is dropped and counted."""

    live = True

    def __init__(self, which: str = "0", width: int = 1280, height: int = 720, rate: Fraction = Fraction(30)) -> None:
        self._which = which
        self._wish = (width, height, rate)
        self.name = f"camera {which}"
        self.dropped = 0
        self._changed = threading.Condition()
        self._capture: cv2.VideoCapture | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False

    def open(self) -> None:
        index = self._find()
        width, height, rate = self._wish
        capture = cv2.VideoCapture(index, _BACKENDS.get(sys.platform, cv2.CAP_ANY))
        if not capture.isOpened():
            capture.release()
            raise MediaError(
                f"{self.name} cannot be opened; is it plugged in, allowed, and not used by another program?"
            )
        # Compressed pictures: raw ones in HD do not fit through USB 2 at 30 a second.
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        capture.set(cv2.CAP_PROP_FPS, float(rate))
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._capture = capture
        self._newest: tuple[NDArray[np.uint8], int, int] | None = None
        self._taken = -1
        self._count = 0
        self._ended = False
        self._stopping = False
        self._thread = threading.Thread(target=self._fetch, name="camera", daemon=True)
        self._thread.start()
        first = self._wait(_FIRST_PICTURE)
        if first is None:
            self.close()
            raise MediaError(f"{self.name} gives no picture; is it covered by a switch or used by another program?")
        self.height, self.width = first[0].shape[:2]
        told = capture.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(told).limit_denominator(1001) if 1 <= told <= 240 else rate

    def _find(self) -> int:
        if self._which.isdecimal():
            self.name = f"camera {self._which}"
            return int(self._which)
        cameras = list_cameras()
        for camera in cameras:
            if self._which.lower() in camera.name.lower():
                self.name = f"camera {camera.index} ({camera.name})"
                return camera.index
        there = ", ".join(f"{c.index}: {c.name}" for c in cameras) or "none"
        raise MediaError(f"There is no camera named '{self._which}'; there is: {there}.")

    def _fetch(self) -> None:
        capture = self._capture
        assert capture is not None  # noqa: S101 - narrows the type
        while not self._stopping:
            good, picture = capture.read()
            now = time.monotonic_ns()
            if not good or picture is None:
                break
            image = np.ascontiguousarray(np.asarray(picture, np.uint8)[..., ::-1])
            with self._changed:
                if self._newest is not None and self._newest[2] > self._taken:
                    self.dropped += 1
                self._newest = (image, now, self._count)
                self._count += 1
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _wait(self, timeout: float) -> tuple[NDArray[np.uint8], int, int] | None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or (self._newest is not None and self._newest[2] > self._taken), timeout
            )
            newest = self._newest
        return newest if newest is not None and newest[2] > self._taken else None

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        if self._capture is None:
            raise MediaError(f"{self.name}: read before it was opened.")
        newest = self._wait(timeout)
        if newest is None:
            why = "was unplugged or taken away" if self._ended else f"gave no picture for {timeout:g} s"
            raise MediaError(f"{self.name} {why}; plug it in again or choose another.")
        image, captured, index = newest
        self._taken = index
        return CameraFrame(image, captured, index)

    def close(self) -> None:
        self._stopping = True
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=2.0)  # a hung driver must not hang us; the thread is a daemon
        capture, self._capture = self._capture, None
        if capture is not None and (thread is None or not thread.is_alive()):
            capture.release()
