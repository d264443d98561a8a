"""Which cameras, screens and sound devices are here."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from obs_portrait.errors import MediaError

__all__ = ["Device", "SoundDevice", "find_sound_device", "list_cameras", "list_screens", "list_sound_devices"]


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
    """Cameras by their number. Names are known on Linux only; elsewhere they go by number: OpenCV tells no names."""
    if sys.platform == "linux":
        found = []
        for node in Path("/sys/class/video4linux").glob("video*"):
            try:
                # A camera has several nodes; the first one gives the pictures, the others describe them.
                if (node / "index").read_text().strip() == "0":
                    found.append(Device(int(node.name[5:]), (node / "name").read_text().strip()))
            except (OSError, ValueError):
                continue
        return sorted(found, key=lambda camera: camera.index)
    return []


def list_screens() -> list[str]:
    """Screens as "WIDTHxHEIGHT at X,Y"; empty where there is no display."""
    try:
        import mss

        with mss.mss() as grabber:
            return [f"{m['width']}x{m['height']} at {m['left']},{m['top']}" for m in grabber.monitors[1:]]
    except Exception:  # no display, no X server, no permission: there is no screen for us
        return []


def list_sound_devices(direction: Literal["input", "output"]) -> list[SoundDevice]:
    """Microphones or loudspeakers. Raises `MediaError` if PortAudio is missing."""
    sounddevice = _sounddevice()
    try:
        devices = sounddevice.query_devices()
        default = sounddevice.default.device[0 if direction == "input" else 1]
    except Exception as error:  # PortAudio's errors, and what its host API lets through
        raise MediaError(f"The sound devices cannot be listed ({error}); is a sound server running?") from error
    key = f"max_{direction}_channels"
    return [
        SoundDevice(i, str(d["name"]), int(d[key]), int(d["default_samplerate"]), i == default)
        for i, d in enumerate(devices)
        if d[key] > 0
    ]


def find_sound_device(name: str | None, direction: Literal["input", "output"]) -> SoundDevice:
    """The default device, or the first whose name contains `name` (or whose number it is).

    Raises `MediaError` that names what there is.
    """
    devices = list_sound_devices(direction)
    what = "microphone" if direction == "input" else "loudspeaker"
    if not devices:
        raise MediaError(f"There is no {what} here; plug one in or start the sound server.")
    if name is None:
        return next((device for device in devices if device.default), devices[0])
    for device in devices:
        if name == str(device.index) or name.lower() in device.name.lower():
            return device
    there = ", ".join(f"{d.index}: {d.name}" for d in devices)
    raise MediaError(f"There is no {what} named '{name}'; there is: {there}.")


def _sounddevice() -> Any:
    try:
        import sounddevice
    except OSError as error:  # the package is there, the C library is not
        raise MediaError(
            f"PortAudio is missing ({error}); on Debian or Ubuntu type: apt install libportaudio2"
        ) from error
    return sounddevice
