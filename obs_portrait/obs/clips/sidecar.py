"""The sidecar: what is known about a clip, as JSON beside it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

__all__ = ["SUFFIX", "VERSION", "ClipInfo", "Mark", "read_sidecar", "sidecar_path"]

VERSION: Final = 1
SUFFIX: Final = ".json"
_MOST_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at `at_s` seconds from the clip's start. kind: "persona" or "scene"."""

    at_s: float
    kind: str
    name: str


@dataclass(slots=True)
class ClipInfo:
    """kind: "replay" or "recording". saved_at: local time with its offset, ISO 8601; begun_at the same or None.

    duration_s: as the file itself says, None if it cannot be read. persona, engine, converter: on stage at the end, as
    far as it is known. scene, collection: OBS's, at the end. marks: switches while it was recorded; the first ones, at
    0, say how it began. versions: of OBS, obs-websocket and this program. timings: in ms. source_file: the name that
    OBS gave. chapters: OBS has written chapters at the switches of persona. file: the clip's name, in its folder.
    """

    kind: str
    saved_at: str
    begun_at: str | None = None
    duration_s: float | None = None
    persona: str | None = None
    engine: str | None = None
    converter: str | None = None
    scene: str | None = None
    collection: str | None = None
    marks: list[Mark] = field(default_factory=list)
    chapters: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    picture: dict[str, Any] = field(default_factory=dict)
    sound: dict[str, Any] = field(default_factory=dict)
    source_file: str | None = None
    file: str = ""

    def as_json(self) -> str:
        """The sidecar's text. It can be written whatever is in it: bytes of a file's name that are no UTF-8, which
        Python keeps as halves of letters, are escaped as JSON does it and come back when the text is read."""
        told = {"version": VERSION, **asdict(self)}
        text = json.dumps(told, ensure_ascii=False, indent=1)
        whole = text.encode("utf-8", "replace").decode("utf-8") == text
        return (text if whole else json.dumps(told, indent=1)) + "\n"

    @property
    def when(self) -> datetime:
        """`saved_at` as a time."""
        return datetime.fromisoformat(self.saved_at)


def sidecar_path(clip: Path) -> Path:
    """`name.mkv` -> `name.json`."""
    return clip.with_suffix(SUFFIX)


def read_sidecar(path: Path) -> ClipInfo | None:
    """What a sidecar says, or None if it cannot be read. Strangers may have written it: only what has the right type
    is taken, the rest stays as if it were not there."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        data: Any = json.loads(path.read_text("utf-8"))
        info = ClipInfo(kind=str(data["kind"]), saved_at=str(data["saved_at"]))
        if info.when.tzinfo is None:
            return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    for name in ("begun_at", "persona", "engine", "converter", "scene", "collection", "source_file", "file"):
        if isinstance(data.get(name), str):
            setattr(info, name, data[name])
    for name in ("versions", "timings", "picture", "sound"):
        if isinstance(data.get(name), dict):
            setattr(info, name, data[name])
    duration = data.get("duration_s")
    if isinstance(duration, int | float) and math.isfinite(duration):
        info.duration_s = float(duration)
    info.chapters = data.get("chapters") is True
    marks = data.get("marks")
    for mark in marks if isinstance(marks, list) else ():
        if isinstance(mark, dict) and isinstance(mark.get("at_s"), int | float):
            info.marks.append(Mark(float(mark["at_s"]), str(mark.get("kind", "")), str(mark.get("name", ""))))
    return info
