"""Cameras, microphones, speakers: what there is, what is in use, and taking another one while the show goes on."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from daemon.control.rooms import Device, DeviceKind, Devices
from daemon.rooms.errands import Errands
from obs_portrait.errors import ControlError, PortraitError

if TYPE_CHECKING:
    from obs_portrait.pipeline.live.session import LiveSession

__all__ = ["OFF", "DeviceRoom", "plugged"]

_LOOK_S: Final = 15.0
_FRESH_S: Final = 2.0
_BELIEVED_S: Final = 10.0
_OURS: Final = "OBS Portrait"
"""The label that the set-up gives our virtual camera: nobody wants to drive the persona with itself."""
OFF: Final = "off"
"""A speaker that is none: the voice goes to its other sinks alone."""
_SPECS: Final[Mapping[DeviceKind, str]] = {
    "camera": r"camera:.+|screen(:.+)?|performance",
    "microphone": r"mic(:.+)?|performance",
    "speaker": r"speaker(:.+)?|off",
}


def plugged() -> str:
    """Another text when something was plugged in or out; costs next to nothing. Empty where the system does not say."""
    found = []
    with contextlib.suppress(OSError):
        found += sorted(node.name for node in Path("/sys/class/video4linux").iterdir())
    with contextlib.suppress(OSError):
        found.append(Path("/proc/asound/cards").read_text("utf-8", "replace"))
    return "\n".join(found)


class DeviceRoom:
    """Of a session. remember(kind, spec): keeps a choice for the next start."""

    def __init__(
        self,
        session: LiveSession,
        errands: Errands,
        remember: Callable[[DeviceKind, str], None] = lambda kind, spec: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session, self._errands, self._remember, self._clock = session, errands, remember, clock
        self._lock = threading.Lock()
        self._seen: tuple[float, str, dict[str, Any]] | None = None

    def rows(self) -> Devices:
        """See `Rooms`."""
        found = self._look()
        options = self._session.options
        sinks = [spec for spec in options.sinks if isinstance(spec, str)]
        heard = [spec for spec in options.audio_sinks if isinstance(spec, str)]
        cameras: list[Device] = [
            {"spec": f"camera:{one['index']}", "name": one["name"], "chosen": False}
            for one in found["cameras"]
            if one["name"] != _OURS
        ]
        microphones = _sound("mic", found["inputs"])
        off: Device = {"spec": OFF, "name": "Off", "chosen": False}
        speakers = [off, *_sound("speaker", found["outputs"])]
        virtual: list[Device] = [
            {"spec": f"virtualcam:{one['path']}", "name": one["name"], "chosen": False} for one in found["loopbacks"]
        ]
        _choose(cameras, options.source)
        _choose(microphones, options.audio)
        for spec in heard:
            if spec.partition(":")[0] == "speaker":
                _choose(speakers, spec)
        off["chosen"] = not any(row["chosen"] for row in speakers)
        for spec in sinks:
            if spec.partition(":")[0] == "virtualcam":
                _choose(virtual, spec)
        return {
            "cameras": cameras,
            "microphones": microphones,
            "speakers": speakers,
            "virtual_cameras": virtual,
        }

    def choose(self, chosen: Mapping[DeviceKind, str]) -> None:
        """See `Rooms`."""
        for kind, spec in chosen.items():
            if re.fullmatch(_SPECS[kind], spec) is None:
                raise ControlError(f"'{spec}' is no {kind}; take one of those that are listed.", 422)
        for kind, spec in chosen.items():
            self._session.use(kind, None if kind == "speaker" and spec == OFF else spec)
            with contextlib.suppress(PortraitError):  # settings with a mistake: that is told elsewhere
                self._remember(kind, spec)

    def _look(self) -> dict[str, Any]:
        """What there is; believed for ten seconds, or until something is plugged in or out."""
        with self._lock:  # one looks, the others wait and have it too
            now, state = self._clock(), plugged()
            if self._seen is not None:
                age = now - self._seen[0]
                if age < _FRESH_S or (age < _BELIEVED_S and state and state == self._seen[1]):
                    return self._seen[2]
            try:
                found = self._errands.do("devices", timeout=_LOOK_S).told
            except PortraitError:
                if self._seen is None:
                    raise
                return self._seen[2]
            self._seen = (self._clock(), state, found)
            return found


def _sound(word: str, found: Any) -> list[Device]:
    """The default first."""
    rows: list[Device] = [{"spec": f"{word}:{one['name']}", "name": one["name"], "chosen": False} for one in found]
    usual = next((one["name"] for one in found if one["default"]), None)
    if usual is not None:
        rows.insert(0, {"spec": word, "name": f"Default ({usual})", "chosen": False})
    return rows


def _choose(rows: list[Device], spec: object) -> None:
    """Marks the one that a spec means; what is chosen and not there stands at the end."""
    if not isinstance(spec, str):
        return
    word, _, rest = spec.partition(":")
    row = next((one for one in rows if one["spec"] == spec), None)
    if row is None and rest and not rest.isdecimal():  # a part of a name is enough on the command line
        row = next((one for one in rows if one["spec"] != word and rest.lower() in one["name"].lower()), None)
    if row is None:
        row = {"spec": spec, "name": spec, "chosen": True}
        rows.append(row)
    row["chosen"] = True
