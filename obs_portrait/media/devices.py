"""Which cameras, screens and sound devices are here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from obs_portrait.errors import MediaError
from obs_portrait.media import portaudio

__all__ = [
    "Device",
    "SoundDevice",
    "display_is_there",
    "find_sound_device",
    "list_cameras",
    "list_screens",
    "list_sound_devices",
]

_OURS: Final = "OBS Portrait"
"""The label under which our documentation loads v4l2loopback: what the persona is shown on is no camera to look at."""


@dataclass(frozen=True, slots=True)
class Device:
    """index: what `camera:INDEX` takes."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """A device of PortAudio. channels: those of the direction that was asked for; rate: its default in Hz."""

    index: int
    name: str
    channels: int
    rate: int
    default: bool


def list_cameras() -> list[Device]:
    """Cameras by the number under which OpenCV opens them; empty where the system does not tell."""
    try:
        if sys.platform == "win32":
            return _cameras_of_directshow()
        if sys.platform == "darwin":
            return _cameras_of_a_mac()
        return _cameras_of_v4l2()
    except (OSError, ValueError, LookupError, subprocess.SubprocessError):
        return []


def _cameras_of_v4l2(folder: Path = Path("/sys/class/video4linux")) -> list[Device]:
    found = []
    for node in folder.glob("video*"):
        try:
            # A camera has several nodes; the first one gives the pictures, the others describe them.
            name = (node / "name").read_text().strip()
            if (node / "index").read_text().strip() == "0" and name != _OURS:
                found.append(Device(int(node.name[5:]), name))
        except (OSError, ValueError):
            continue
    return sorted(found, key=lambda camera: camera.index)


def _cameras_of_directshow() -> list[Device]:
    import av

    # Both FFmpeg and OpenCV walk DirectShow's one list, in its order.
    found = [d for d in av.enumerate_input_devices("dshow") if "video" in (d.media_types or ["video"])]
    return [Device(index, device.description or device.name) for index, device in enumerate(found)]


def _cameras_of_a_mac() -> list[Device]:
    told = subprocess.run(
        ["/usr/sbin/system_profiler", "SPCameraDataType", "-json"], capture_output=True, timeout=10, check=True
    )
    cameras = json.loads(told.stdout)["SPCameraDataType"]
    cameras.sort(key=lambda camera: camera["spcamera_unique-id"])  # OpenCV numbers them in this order
    return [Device(index, camera["_name"]) for index, camera in enumerate(cameras)]


def list_screens() -> list[str]:
    """Screens as "WIDTHxHEIGHT at X,Y"; empty where there is no display."""
    try:
        import mss

        with mss.MSS() as grabber:
            return [f"{m['width']}x{m['height']} at {m['left']},{m['top']}" for m in grabber.monitors[1:]]
    except Exception:  # no display, no X server, no permission: there is no screen for us
        return []


def display_is_there() -> bool:
    """False on Linux without an X server that answers: OpenCV's window library would then end the whole process.

    A variable that names a display is not enough: it may be stale, and Wayland alone does not serve.
    """
    return sys.platform != "linux" or bool(list_screens())


def list_sound_devices(direction: Literal["input", "output"]) -> list[SoundDevice]:
    """Microphones or loudspeakers. Raises `MediaError` if PortAudio is missing."""
    sounddevice = portaudio.load()
    try:
        with portaudio.turn():
            devices, hosts = sounddevice.query_devices(), sounddevice.query_hostapis()
            default = sounddevice.default.device[0 if direction == "input" else 1]
    except Exception as error:  # PortAudio's errors, and what its host API lets through
        raise MediaError(f"The sound devices cannot be listed ({error}); is a sound server running?") from error
    key = f"max_{direction}_channels"
    there = [(i, d) for i, d in enumerate(devices) if d[key] > 0]
    host = _own_host(hosts)
    if own := [(i, d) for i, d in there if d["hostapi"] == host]:
        there, default = own, hosts[host][f"default_{direction}_device"]
    return [SoundDevice(i, str(d["name"]), int(d[key]), int(d["default_samplerate"]), i == default) for i, d in there]


def _own_host(hosts: Sequence[Mapping[str, Any]]) -> int:
    """The number of the host API whose devices are listed; -1 for all.

    Windows has up to four ways to one device. The first, MME, cuts names off and takes 90 ms each way; WASAPI is
    Windows' own.
    """
    names = [host["name"] for host in hosts]
    return names.index(portaudio.WASAPI) if sys.platform == "win32" and portaudio.WASAPI in names else -1


def find_sound_device(name: str | None, direction: Literal["input", "output"]) -> SoundDevice:
    """The default device, or the first whose name contains `name` (or whose number it is).

    Raises `MediaError` that names what there is.
    """
    what = "microphone" if direction == "input" else "loudspeaker"
    devices = list_sound_devices(direction)
    device = _choose(devices, name)
    if device is None and portaudio.rescan():  # it may have been plugged in since
        devices = list_sound_devices(direction)
        device = _choose(devices, name)
    if device is not None:
        return device
    if not devices:
        raise MediaError(f"There is no {what} here; plug one in or start the sound server.")
    there = ", ".join(f"{d.index}: {d.name}" for d in devices)
    raise MediaError(f"There is no {what} named '{name}'; there is: {there}.")


def _choose(devices: list[SoundDevice], name: str | None) -> SoundDevice | None:
    if name is None:
        return next((device for device in devices if device.default), devices[0] if devices else None)
    # A number is a number first: "1" must not find "hw:1,0".
    for device in devices:
        if name == str(device.index):
            return device
    return next((device for device in devices if name.lower() in device.name.lower()), None)
