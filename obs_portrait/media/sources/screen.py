"""A region of the screen as a camera."""

from __future__ import annotations

import contextlib
import re
import time
from fractions import Fraction
from typing import Any, Final

import numpy as np

from obs_portrait.clock import now_ns
from obs_portrait.errors import MediaError
from obs_portrait.media.sources.base import VideoSource
from obs_portrait.media.types import CameraFrame

__all__ = ["ScreenSource"]

_REGION: Final = re.compile(r"^(?P<x>-?\d+),(?P<y>-?\d+),(?P<w>\d+)x(?P<h>\d+)$")


class ScreenSource(VideoSource):
    """The first screen, or the region "X,Y,WxH" in pixels of the whole desktop."""

    live = prompt = True

    def __init__(self, region: str = "", rate: Fraction = Fraction(30)) -> None:
        match = _REGION.match(region) if region else None
        if region and match is None:
            raise MediaError(f"'{region}' is no screen region; write it as screen:X,Y,WIDTHxHEIGHT.")
        self._region = None if match is None else {k: int(v) for k, v in match.groupdict().items()}
        self.name = f"screen {region}" if region else "screen"
        self.rate = rate
        self._mss: Any = None
        self._due = 0
        self._index = 0

    def open(self) -> None:
        try:
            import mss
            from mss.exception import ScreenShotError
        except ImportError as error:
            raise MediaError(f"The screen cannot be captured: {error}. Reinstall mss.") from error
        try:
            self._mss = mss.MSS()
            screens = self._mss.monitors
        except (ScreenShotError, OSError) as error:
            raise MediaError(f"The screen cannot be captured here ({error}); is there a display?") from error
        whole, first = screens[0], screens[1] if len(screens) > 1 else screens[0]
        if self._region is None:
            self._area = dict(first)
        else:
            r = self._region
            self._area = {"left": r["x"], "top": r["y"], "width": r["w"], "height": r["h"]}
            right, bottom = whole["left"] + whole["width"], whole["top"] + whole["height"]
            if not (
                r["w"] >= 16
                and r["h"] >= 16
                and whole["left"] <= r["x"]
                and r["x"] + r["w"] <= right
                and whole["top"] <= r["y"]
                and r["y"] + r["h"] <= bottom
            ):
                self.close()
                raise MediaError(
                    f"{self.name} lies outside the desktop of {whole['width']}x{whole['height']} pixels; choose a "
                    "region inside it, 16x16 or larger."
                )
        self.width, self.height = self._area["width"], self._area["height"]
        self._due = now_ns()

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        if self._mss is None:
            raise MediaError(f"{self.name}: read before it was opened.")
        period = int(1_000_000_000 / self.rate)
        wait = self._due - now_ns()
        if wait > 0:
            time.sleep(wait / 1e9)
        now = now_ns()
        self._due = max(self._due + period, now)
        try:
            shot = self._mss.grab(self._area)
        except Exception as error:  # mss raises its own and the platform's
            raise MediaError(f"{self.name} cannot be captured any more ({error}).") from error
        pixels = np.frombuffer(shot.bgra, np.uint8).reshape(shot.height, shot.width, 4)
        image = np.ascontiguousarray(pixels[..., 2::-1])
        self._index += 1
        return CameraFrame(image, now, self._index - 1)

    def close(self) -> None:
        grabber, self._mss = self._mss, None
        if grabber is not None:
            with contextlib.suppress(Exception):  # a display that has gone: closing must not raise
                grabber.close()
