"""The virtual camera. pyvirtualcam (GPL-2.0) is loaded here and nowhere else, inside the video process."""

from __future__ import annotations

import os
import sys
from fractions import Fraction
from typing import Any, Final

from obs_portrait.errors import MediaError
from obs_portrait.media.sinks import loopback
from obs_portrait.media.sinks.base import VideoSink
from obs_portrait.media.types import PersonaFrame

__all__ = ["VirtualCameraSink"]

_HELP: Final = {
    "linux": "install and load v4l2loopback: sudo apt install v4l2loopback-dkms && "
    "sudo modprobe v4l2loopback exclusive_caps=1 card_label='OBS Portrait'",
    "win32": "install OBS Studio 26 or later, which brings a virtual camera, and start it once",
    "darwin": "install OBS Studio 30 or later, start its virtual camera once and allow the extension",
}


class VirtualCameraSink(VideoSink):
    """A camera that other programs see. The caller sets the pace."""

    def __init__(self, device: str | None = None) -> None:
        self._device = device
        self.name = "virtual camera" if device is None else f"virtual camera {device}"
        self._camera: Any = None

    def _open(self, width: int, height: int, rate: Fraction) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise MediaError(f"The virtual camera cannot be used: {error}. Reinstall pyvirtualcam.") from error
        self._check_size(width, height)
        for device in [self._device] if self._device else loopback.loopbacks():
            loopback.rearm(device, ours=self.had_died)
        try:
            self._camera = pyvirtualcam.Camera(
                width, height, float(rate), fmt=pyvirtualcam.PixelFormat.RGB, device=self._device
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise MediaError(self._refusal(error)) from error
        loopback.tell_rate(self._camera.device, rate)
        self.name = f"virtual camera {self._camera.device}"
        self._size = (height, width)

    @staticmethod
    def _check_size(width: int, height: int) -> None:
        if width % 2 or height % 2:
            raise MediaError(
                f"The virtual camera cannot carry {width}x{height}; choose a picture whose width and height are even."
            )
        largest = loopback.largest()
        if largest is not None and (width > largest[0] or height > largest[1]):
            raise MediaError(
                f"The virtual camera cannot carry {width}x{height}; "
                f"v4l2loopback takes {largest[0]}x{largest[1]} at most."
            )

    def _refusal(self, error: Exception) -> str:
        """Why the camera did not open, and what to do."""
        there = loopback.loopbacks()
        wanted = [self._device] if self._device else there
        if wanted and all(device in there and loopback.held(device) for device in wanted):
            return f"{' and '.join(wanted)} is used by another program; close that program or load v4l2loopback anew."
        # pyvirtualcam says "'backend': reason. Did you …? See also …": the reason is wanted, the advice is ours.
        reason = " ".join(str(error).split()).rsplit("backend: ", 1)[-1].split(". ")[0].rstrip(".")
        locked = [device for device in wanted if device in there and not os.access(device, os.R_OK | os.W_OK)]
        if locked:
            return f"{locked[0]} may not be written to by you; type sudo usermod -a -G video $USER and log in again."
        if self._device and there:
            return f"There is no virtual camera {self._device} ({reason}); there is: {', '.join(there)}."
        hint = _HELP.get(sys.platform, "install OBS Studio")
        return f"There is no virtual camera to write to ({reason}); {hint}."

    def _write(self, frame: PersonaFrame) -> None:
        if self._camera is None:
            raise MediaError(f"{self.name}: written to before it was opened.")
        if frame.image.shape[:2] != self._size:
            raise MediaError(f"{self.name}: the picture changed its size; restart with the new size.")
        try:
            self._camera.send(frame.image)
        except (RuntimeError, OSError) as error:
            raise MediaError(f"{self.name} is gone ({error}).") from error

    def close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            device = camera.device
            camera.close()
            loopback.rearm(device, ours=True)
