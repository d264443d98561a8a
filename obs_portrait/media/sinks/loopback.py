"""v4l2loopback's devices on Linux: which there are, who holds them, and how to make a dead one writable again.

With `exclusive_caps=1` (which browsers need) a device says of itself either "camera" or "may be written to", never
both. Version 0.12, which Debian 12 and Ubuntu 22.04 have, forgets to go back to the second after a program that used
plain `write`, as pyvirtualcam and FFmpeg do: the virtual camera would work once for each time that the driver is
loaded. The driver goes back when a user that has called VIDIOC_STREAMON for output closes the device, so that is what
`rearm` does.
"""

from __future__ import annotations

import os
import struct
import sys
from fractions import Fraction
from pathlib import Path
from typing import Final

__all__ = ["held", "largest", "loopbacks", "rearm", "tell_rate"]

_CLASS: Final = Path("/sys/class/video4linux")
_PARAMETERS: Final = Path("/sys/module/v4l2loopback/parameters")
# From <linux/videodev2.h>.
_QUERYCAP: Final = 0x80685600  # struct v4l2_capability, 104 bytes; device_caps at byte 88
_SET_PARAMETERS: Final = 0xC0CC5616  # struct v4l2_streamparm, 204 bytes; type at byte 0, timeperframe at byte 12
_STREAMON: Final = 0x40045612
_OUTPUT_STREAM: Final = 2  # V4L2_BUF_TYPE_VIDEO_OUTPUT
_CAN_OUTPUT: Final = 0x2  # V4L2_CAP_VIDEO_OUTPUT


def loopbacks() -> list[str]:
    """The driver's devices, such as "/dev/video9", lowest number first; empty where there are none."""
    # Only this driver has both attributes.
    nodes = [node for node in _CLASS.glob("video*") if (node / "max_openers").exists() and (node / "format").exists()]
    return [f"/dev/{node.name}" for node in sorted(nodes, key=lambda node: int(node.name[5:]))]


def largest() -> tuple[int, int] | None:
    """(width, height) in pixels above which the driver silently shrinks what it is asked for; None if unknown."""
    try:
        width, height = (int((_PARAMETERS / name).read_text()) for name in ("max_width", "max_height"))
    except (OSError, ValueError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def held(device: str) -> bool:
    """Another program has the device open, and it takes no writer."""
    return _format(device) != "" and not _writable(device)


def rearm(device: str, ours: bool = False) -> None:
    """Makes a loopback device that lost its writer writable again; does nothing if it is, or if somebody holds it.

    ours: we were the writer until now, so a program that still holds the device can only be a reader.
    """
    if sys.platform != "linux" or device not in loopbacks() or _writable(device):
        return
    if not ours and _format(device):
        return
    import fcntl

    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.ioctl(handle, _STREAMON, struct.pack("=i", _OUTPUT_STREAM))
    except OSError:  # "no buffers": by then the driver has taken us for a writer, and that is all that is wanted
        pass
    finally:
        os.close(handle)


def tell_rate(device: str, rate: Fraction) -> None:
    """Has the driver tell readers `rate` in pictures/s, in place of the 30 that it assumes: a program that believes
    it plays or records the persona at the wrong speed. Where the driver refuses, nothing else is lost."""
    if sys.platform != "linux" or device not in loopbacks():
        return
    import fcntl

    asked = struct.pack("=5I", _OUTPUT_STREAM, 0, 0, rate.denominator, rate.numerator).ljust(204, b"\0")
    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.ioctl(handle, _SET_PARAMETERS, bytearray(asked))
    except OSError:
        return
    finally:
        os.close(handle)


def _format(device: str) -> str:
    """As "YU12:320x240@30" while somebody has the device open after a picture came; else ""."""
    try:
        return (_CLASS / Path(device).name / "format").read_text().strip()
    except OSError:
        return ""


def _writable(device: str) -> bool:
    """True too if the device cannot be asked: then opening it for good says why."""
    if sys.platform != "linux":
        return True
    import fcntl

    answer = bytearray(104)
    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.ioctl(handle, _QUERYCAP, answer)
    except OSError:
        return True
    finally:
        os.close(handle)
    (capabilities,) = struct.unpack_from("=I", answer, 88)
    return bool(capabilities & _CAN_OUTPUT)
