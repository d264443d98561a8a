"""What the tray shows: from the daemon's state to an icon, a title and a menu. No window system in here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from daemon.control.rooms import DeviceKind, Devices
from daemon.control.stage import Persona, Status
from daemon.hotkeys.table import Table
from daemon.tray.mood import Mood
from daemon.tray.words import Words

__all__ = ["DEVICE_KINDS", "SEPARATOR", "Entry", "Snapshot", "View", "build", "mood_of"]

_MOST_PERSONAS: Final = 12
"""More than that go into a submenu."""
_LONGEST: Final = 90
"""Letters of a problem in the menu."""
DEVICE_KINDS: Final[dict[str, DeviceKind]] = {"camera": "camera", "microphone": "microphone", "speaker": "speaker"}
"""What stands behind "use" in an action."""
_DEVICE_WORDS: Final = {"camera": "camera", "microphone": "microphone", "speaker": "output"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the menu. action: what is carried out when it is chosen, None for a row that only tells. checked: None
    for a row without a mark. default: what a click on the icon itself does."""

    text: str
    action: str | None = None
    checked: bool | None = None
    radio: bool = False
    children: tuple[Entry, ...] = ()
    default: bool = False


SEPARATOR: Final = Entry("-")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that the view depends on. devices: None until they are known. keys: those that are heard now. countdown: s
    until the calibration begins."""

    status: Status
    personas: Sequence[Persona] = ()
    devices: Devices | None = None
    keys: Table = field(default_factory=Table)
    countdown: int | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What is shown. mood, count: for `drawing.draw`."""

    mood: Mood
    title: str
    entries: tuple[Entry, ...]
    count: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def mood_of(status: Status) -> Mood:
    """The state at a glance. What must not be overlooked goes first."""
    state = status.get("state", "")
    if status.get("panic"):
        return Mood.PANIC
    if status.get("off") or not status.get("running", True):
        return Mood.OFF
    if state == "revealed" or status.get("reveals"):
        return Mood.REVEALED
    if state in ("hold", "card") or (state == "portrait" and not status.get("face_on", True)):
        return Mood.FROZEN
    return Mood.LIVE if state == "live" else Mood.SEARCHING


def build(now: Snapshot, words: Words) -> View:
    """Icon, title and menu for a moment."""
    mood = mood_of(now.status)
    return View(mood, _title(now, mood, words), tuple(_entries(now, mood, words)), now.countdown)


def _title(now: Snapshot, mood: Mood, words: Words) -> str:
    if now.countdown is not None:
        return words("countdown", seconds=now.countdown)
    title = words("title", persona=now.status.get("persona", "?"), state=words(mood.value))
    latency = now.status.get("latency", {}).get("picture_ms")
    if mood is Mood.LIVE and latency is not None:
        title += "\n" + words("figures", fps=round(now.status.get("fps", 0.0)), ms=round(latency, -1).__format__(".0f"))
    return title


def _entries(now: Snapshot, mood: Mood, words: Words) -> list[Entry]:
    status = now.status
    rows = [Entry(words("title", persona=status.get("persona", "?"), state=words(mood.value)))]
    rows += [Entry(words("problem", text=_short(text))) for text in status.get("problems", [])[:2]]
    panic = bool(status.get("panic"))
    rows += [
        SEPARATOR,
        Entry(words("end_panic"), "panic off") if panic else Entry(words("begin_panic"), "panic on"),
        SEPARATOR,
        *_persona_rows(now, words),
        SEPARATOR,
        Entry(words("face"), "face", checked=status.get("face_on", True)),
        Entry(words("voice"), "voice", checked=status.get("voice_on", True)),
        Entry(words("rest"), "off", checked=bool(status.get("off"))),
        SEPARATOR,
        _calibration_row(now, words),
        Entry(words("search"), "search", checked=status.get("reference") is not None),
        Entry(words("clip"), "clip"),
        SEPARATOR,
        *_device_rows(now, words),
        Entry(_obs(status, words)),
        SEPARATOR,
        Entry(words("dock"), "dock", default=True),
        Entry(words("quit"), "quit"),
    ]
    return rows


def _persona_rows(now: Snapshot, words: Words) -> list[Entry]:
    rows = []
    for one in now.personas:
        if one["problem"] is not None:
            continue
        text = words("reveals", persona=one["name"]) if one.get("reveals") else one["name"]
        key = now.keys.key_of(one["name"])
        if key is not None:
            text += f"\t{_shown(key)}"
        rows.append(Entry(text, f"switch {one['name']}", checked=one["on_stage"], radio=True))
    if len(rows) <= _MOST_PERSONAS:
        return rows
    return [*rows[:_MOST_PERSONAS], Entry(words("more_personas"), children=tuple(rows[_MOST_PERSONAS:]))]


def _calibration_row(now: Snapshot, words: Words) -> Entry:
    if now.countdown is not None:
        return Entry(words("calibrating", seconds=now.countdown))
    resting = now.status.get("off") or not now.status.get("face_on", True)
    return Entry(words("calibrate"), None if resting else "calibrate")


def _device_rows(now: Snapshot, words: Words) -> list[Entry]:
    rows = []
    if now.devices is None:
        return []
    found = {"camera": now.devices["cameras"], "microphone": now.devices["microphones"]}
    for kind, devices in (found | {"speaker": now.devices["speakers"]}).items():
        choices = tuple(
            Entry(one["name"], f"use {kind} {one['spec']}", checked=one["chosen"], radio=True) for one in devices
        )
        rows.append(Entry(words(_DEVICE_WORDS[kind]), children=choices or (Entry(words("no_device")),)))
    return [*rows, SEPARATOR]


def _obs(status: Status, words: Words) -> str:
    obs = status.get("obs", {})
    if not obs.get("connected"):
        return words("obs_off")
    key = "obs_on_air" if obs.get("streaming") else "obs_recording" if obs.get("recording") else "obs_on"
    return words(key, version=obs.get("version") or "", scene=obs.get("scene") or words("no_scene"))


def _shown(key: str) -> str:
    return "+".join(part.upper() if len(part) == 1 else part.capitalize() for part in key.split("+"))


def _short(text: str) -> str:
    line = text.splitlines()[0] if text else ""
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
