"""What `obs-portrait status` shows: what a streamer wants to know at a glance, the gravest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

__all__ = ["view"]

_COLOURS = {
    "live": "green",
    "revealed": "red",
    "source lost": "red",
    "portrait": "yellow",
    "card": "yellow",
    "panic": "red",
}
_WHAT = {
    "live": "live",
    "hold": "your face is lost: the last picture is held",
    "portrait": "your face is lost: the persona's portrait is shown",
    "card": "a card is shown",
    "panic": "a card is shown",
    "revealed": "YOU ARE SHOWN",
    "waiting": "waiting for the first picture",
    "source lost": "the camera is gone",
    "off": "off: camera and microphone are closed",
}


def view(status: Mapping[str, Any]) -> RenderableType:
    """A `daemon.control.stage.Status` in a few lines; whatever is left out there is left out here."""
    text = Text()
    state = str(status.get("state") or "unknown")
    if status.get("panic"):
        text.append("PANIC  card and silence; `obs-portrait panic --off` ends it\n", style="bold red")
    what, colour = _WHAT.get(state, state), _COLOURS.get(state, "yellow")
    if _shows_you(status):
        what, colour = f"{_WHAT['revealed']}: your real face or voice goes out", _COLOURS["revealed"]
    text.append("● ", style=colour)
    text.append(str(status.get("persona") or "nobody"), style="bold")
    text.append(f"  {what}", style=colour)
    if status.get("uptime_s") is not None:
        text.append(f"  for {_time(float(status['uptime_s']))}", style="dim")
    rows = Table.grid(padding=(0, 2, 0, 2))
    for problem in status.get("problems") or []:
        rows.add_row(Text("problem", style="bold yellow"), Text(str(problem), style="yellow"))
    for name, value in (
        ("picture, voice", _figures(status)),
        ("OBS", _obs(status.get("obs") or {})),
        ("ready", ", ".join(str(name) for name in status.get("prepared") or [])),
        ("lost so far", _losses(status)),
        ("reference", _reference(status.get("reference"))),
        ("last clip", str(status.get("last_clip") or "")),
    ):
        if value:
            rows.add_row(Text(name, style="dim"), Text(value))
    return Group(text, rows)


def _shows_you(status: Mapping[str, Any]) -> bool:
    """Whether the persona on stage lets the real face or voice out: the state alone knows of the face only."""
    held_back = status.get("panic") or status.get("off") or not status.get("running", True)
    return not held_back and bool(status.get("state") == "revealed" or status.get("reveals"))


def _time(seconds: float) -> str:
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"


def _figures(status: Mapping[str, Any]) -> str:
    latency = status.get("latency") or {}
    said = []
    if status.get("fps") is not None:
        said.append(f"{status['fps']:.1f} fps")
    for name, key, form in (
        ("picture", "picture_ms", ".0f"),
        ("voice", "voice_ms", ".0f"),
        ("skew", "skew_ms", "+.0f"),
    ):
        if latency.get(key) is not None:
            said.append(f"{name} {latency[key]:{form}} ms")
    return ", ".join(said)


def _obs(obs: Mapping[str, Any]) -> str:
    if not obs:
        return ""
    if not obs.get("connected"):
        return str(obs.get("problem") or "not connected")
    said = [f"connected, {obs['version']}" if obs.get("version") else "connected"]
    if obs.get("scene"):
        said.append(f"scene '{obs['scene']}'")
    said += [
        name
        for name, key in (("streaming", "streaming"), ("recording", "recording"), ("replay buffer on", "replay"))
        if obs.get(key)
    ]
    return ", ".join(said)


def _losses(status: Mapping[str, Any]) -> str:
    counts = (("camera frames", "dropped"), ("late blocks of sound", "late_blocks"), ("restarts", "restarts"))
    return ", ".join(f"{status[key]} {name}" for name, key in counts if status.get(key))


def _reference(reference: Mapping[str, Any] | None) -> str:
    if not reference:
        return ""
    return f"searching: {reference.get('current', 0):.2f} now, best {reference.get('best', 0):.2f}"
