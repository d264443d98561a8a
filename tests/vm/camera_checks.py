"""Our camera source reads real devices: the loopback, whose writer leaves, and vivid, which is unplugged."""

from __future__ import annotations

import fcntl
import struct
import subprocess
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from obs_portrait.errors import MediaError
from obs_portrait.media.devices import list_cameras
from obs_portrait.media.sources.camera import CameraSource
from tests.vm.pictures import HEIGHT, WIDTH, errors_of, number_of
from tests.vm.sink_checks import Writer

_VIVID: Final = 5
# From <linux/videodev2.h>.
_QUERYCTRL: Final = 0xC0445624  # struct v4l2_queryctrl, 68 bytes
_SET_CONTROL: Final = 0xC008561C  # struct v4l2_control: id, value
_NEXT: Final = 0x80000000


def _said(act: Callable[[], object]) -> str:
    """The sentence of the `MediaError` that `act` ends with; "" if it ends well."""
    try:
        act()
    except MediaError as error:
        return str(error)
    return ""


def _until_lost(source: CameraSource, limit: float = 30.0) -> str:
    """Reads until the source says that the camera is lost; "" if it never does."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        said = _said(lambda: source.read(timeout=2.0))
        if said:
            return said
    return ""


def _some(source: CameraSource, count: int = 8) -> dict[str, Any]:
    frames = [source.read(timeout=5.0) for _ in range(count)]
    there = [frame for frame in frames if frame is not None]
    return {
        "count": len(there),
        "shapes": sorted({frame.image.shape for frame in there}),
        "indices": [frame.index for frame in there],
        "captured": [frame.captured_ns for frame in there],
        "images": [frame.image for frame in there],
    }


def loopback_writer_leaves_and_returns() -> dict[str, Any]:
    """The camera is a program: it stops, and a new one starts."""
    source = CameraSource("Portrait", WIDTH, HEIGHT, Fraction(15))
    with Writer():
        source.open()
        first = _some(source)
    lost = _until_lost(source)
    source.close()
    still_away = _said(source.open)
    source.close()
    with Writer():
        back = _said(source.open)
        again = _some(source) if not back else {"images": []}
        source.close()
    for seen in (first, again):
        images = seen.pop("images")
        seen |= {"numbers": [number_of(image) for image in images], "errors": [errors_of(image) for image in images]}
    return {"first": first, "lost": lost, "still_away": still_away, "back": back, "again": again, "name": source.name}


def unplugged_and_back() -> dict[str, Any]:
    """vivid's "Disconnect" is a pulled plug: every call fails with ENODEV until the last user has closed it."""
    subprocess.run(["modprobe", "vivid", "n_devs=1", "node_types=0x1", f"vid_cap_nr={_VIVID}"], check=True)
    deadline = time.monotonic() + 20
    while not Path(f"/dev/video{_VIVID}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    cameras = [[camera.index, camera.name] for camera in list_cameras()]
    source = CameraSource(str(_VIVID), 320, 180, Fraction(15))
    source.open()
    first = _some(source)
    _disconnect(_VIVID)
    lost = _until_lost(source)
    source.close()
    back = _said(source.open)
    again = _some(source) if not back else {"images": []}
    source.close()
    for seen in (first, again):
        seen["brightest"] = [int(image.max()) for image in seen.pop("images")]
    return {"cameras": cameras, "first": first, "lost": lost, "back": back, "again": again}


def _disconnect(number: int) -> None:
    with Path(f"/dev/video{number}").open("rb+", buffering=0) as device:
        after = 0
        while True:
            asked = bytearray(struct.pack("=II32s", after | _NEXT, 0, b"").ljust(68, b"\0"))
            fcntl.ioctl(device, _QUERYCTRL, asked)  # OSError (EINVAL) after the last control
            after, _, name = struct.unpack_from("=II32s", asked)
            if name.rstrip(b"\0") == b"Disconnect":
                fcntl.ioctl(device, _SET_CONTROL, struct.pack("=Ii", after, 1))
                return
