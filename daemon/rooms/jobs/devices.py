"""What is plugged in now."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final, Literal

from daemon.rooms.errands import Outcome
from obs_portrait.errors import MediaError
from obs_portrait.media import devices, portaudio

__all__ = ["listing", "loopbacks"]

_VIDEO: Final = Path("/sys/class/video4linux")


def listing(told: dict[str, Any], content: bytes) -> Outcome:
    """cameras: index and name. inputs, outputs: name, and whether it is the default. loopbacks: path and name of the
    virtual cameras that can be written to. problem: why there are no sound devices."""
    found: dict[str, Any] = {
        "cameras": [{"index": one.index, "name": one.name} for one in devices.list_cameras()],
        "loopbacks": loopbacks(),
        "problem": None,
    }
    try:
        portaudio.rescan()  # this process may be a minute old
        found |= {"inputs": _sound("input"), "outputs": _sound("output")}
    except MediaError as error:
        found |= {"inputs": [], "outputs": [], "problem": str(error)}
    return Outcome(found, b"")


def _sound(direction: Literal["input", "output"]) -> list[dict[str, Any]]:
    """By name, as PortAudio's numbers differ between processes; a device of several sound systems comes once."""
    rows: dict[str, dict[str, Any]] = {}
    for one in devices.list_sound_devices(direction):
        row = rows.setdefault(one.name, {"name": one.name, "default": False})
        row["default"] |= one.default
    return list(rows.values())


def loopbacks(folder: Path = _VIDEO) -> list[dict[str, str]]:
    """v4l2loopback's devices: they have no hardware behind them."""
    if sys.platform != "linux":
        return []
    found = []
    for node in sorted(folder.glob("video*")):
        try:
            if "virtual" in node.resolve().parts:
                found.append({"path": f"/dev/{node.name}", "name": (node / "name").read_text().strip()})
        except OSError:
            continue
    return found
