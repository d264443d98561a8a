"""A camera: the newest picture wins, and one that stops delivering is a lost one."""

from __future__ import annotations

import itertools
import sys
import threading
from fractions import Fraction
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.clock import now_ns
from obs_portrait.errors import MediaError
from obs_portrait.media.devices import list_cameras
from obs_portrait.media.sources.base import VideoSource
from obs_portrait.media.types import CameraFrame

__all__ = ["CameraSource"]

_FIRST_PICTURE: Final = 6.0  # seconds that a camera may take to wake up
_GIVES_UP_EARLY: Final = sys.platform == "win32"
"""DirectShow waits a second for a picture at most, and many a camera takes longer to wake up or to change its light."""
_BAD_READS: Final = 3  # in a row, after which such a camera is gone
_BACKENDS: Final = {
    "linux": cv2.CAP_V4L2,
    "win32": cv2.CAP_DSHOW,  # numbers cameras as `list_cameras` does; Media Foundation also takes ten seconds to open
    "darwin": cv2.CAP_AVFOUNDATION,
}


class CameraSource(VideoSource):
    """A camera by number ("0") or by a part of its name. A thread of its own fetches pictures, so that `read` never
    gets one that has waited in the driver's queue: what the loop could not take in time is dropped and counted."""

    live = prompt = True

    def __init__(self, which: str = "0", width: int = 1280, height: int = 720, rate: Fraction = Fraction(30)) -> None:
        self._which = which
        self._wish = (width, height, rate)
        self.name = f"camera {which}"
        self._fetcher: _Fetcher | None = None
        self._stopped: _Fetcher | None = None
        self._taken = -1

    @property
    def dropped(self) -> int:
        """Pictures that were replaced by a newer one before anybody read them."""
        return 0 if self._fetcher is None else self._fetcher.dropped

    def open(self) -> None:
        index = self._find()
        width, height, rate = self._wish
        _hush()
        capture = self._connect(index)
        if not capture.isOpened():
            capture.release()
            raise MediaError(
                f"{self.name} cannot be opened; is it plugged in, allowed, and not used by another program?"
            )
        # Compressed pictures: raw ones in HD do not fit through USB 2 at 30 a second.
        wishes = [
            (cv2.CAP_PROP_FOURCC, float(cv2.VideoWriter.fourcc(*"MJPG"))),
            (cv2.CAP_PROP_FRAME_WIDTH, float(width)),
            (cv2.CAP_PROP_FRAME_HEIGHT, float(height)),
            (cv2.CAP_PROP_FPS, float(rate)),
        ]
        if sys.platform == "win32":  # OpenCV's DirectShow forgets the format with every size and rate that follows it
            wishes = [wishes[3], wishes[1], wishes[2], wishes[0]]
        for wish, value in wishes:
            capture.set(wish, value)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        told = capture.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(told).limit_denominator(1001) if 1 <= told <= 240 else rate
        self._taken = -1
        self._fetcher = _Fetcher(capture)
        self._fetcher.start()
        first = self._fetcher.newest(-1, _FIRST_PICTURE)
        if first is None:
            self.close()
            raise MediaError(f"{self.name} gives no picture; is it covered by a switch or used by another program?")
        self.height, self.width = first[0].shape[:2]

    def _connect(self, index: int) -> cv2.VideoCapture:
        return cv2.VideoCapture(index, _BACKENDS.get(sys.platform, cv2.CAP_ANY))

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

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        if self._fetcher is None:
            raise MediaError(f"{self.name}: read before it was opened.")
        newest = self._fetcher.newest(self._taken, timeout)
        if newest is None:
            why = "was unplugged or taken away" if self._fetcher.ended else f"gave no picture for {timeout:g} s"
            raise MediaError(f"{self.name} {why}; plug it in again or choose another.")
        image, captured, self._taken = newest
        return CameraFrame(image, captured, self._taken)

    def close(self) -> None:
        fetcher, self._fetcher = self._fetcher, None
        if fetcher is not None:
            self._stopped = fetcher
            fetcher.stop()

    @property
    def let_go(self) -> bool:
        return self._stopped is None or not self._stopped.is_alive()


class _Fetcher(threading.Thread):
    """Owns an open capture: fetches until told to stop, keeps the newest picture, releases the device at its end.

    It shares nothing with the source, so that one whose driver hangs can be left behind and a new one started.
    """

    def __init__(self, capture: cv2.VideoCapture) -> None:
        super().__init__(name="camera", daemon=True)
        self._capture = capture
        self._changed = threading.Condition()
        self._newest: tuple[NDArray[np.uint8], int, int] | None = None
        self._wanted = -1  # number of the last picture that was handed out
        self._halt = threading.Event()
        self.dropped = 0
        self.ended = False

    def run(self) -> None:
        try:
            bad, begin = 0, now_ns()
            for count in itertools.count():
                good, picture = self._capture.read()
                now = now_ns()
                if self._halt.is_set():
                    break
                if not good or picture is None:
                    bad += 1
                    waits = bad < _BAD_READS if self._newest is not None else now - begin < _FIRST_PICTURE * 1e9
                    if not (_GIVES_UP_EARLY and waits):
                        break
                    self._halt.wait(0.02)
                    continue
                bad = 0
                image = np.ascontiguousarray(np.asarray(picture, np.uint8)[..., ::-1])
                with self._changed:
                    if self._newest is not None and self._newest[2] > self._wanted:
                        self.dropped += 1
                    self._newest = (image, now, count)
                    self._changed.notify_all()
        except cv2.error:  # a driver's surprise ends the camera, not the program
            pass
        finally:
            with self._changed:
                self.ended = True
                self._changed.notify_all()
            self._capture.release()

    def newest(self, after: int, timeout: float) -> tuple[NDArray[np.uint8], int, int] | None:
        """(RGB picture, capture time in ns, number) newer than number `after`, waiting for it; None if none comes."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended or self._is_newer(after), timeout)
            if not self._is_newer(after):
                return None
            newest = self._newest
            assert newest is not None  # noqa: S101 - narrows the type
            self._wanted = newest[2]
            return newest

    def _is_newer(self, after: int) -> bool:
        return self._newest is not None and self._newest[2] > after

    def stop(self) -> None:
        self._halt.set()
        if self is not threading.current_thread():
            self.join(timeout=2.0)  # a hung driver must not hang us


def _hush() -> None:
    """OpenCV's warnings about a camera that is not there: our one sentence says it."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
