"""A clip's picture, and a part of a clip as a new one."""

from __future__ import annotations

import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from daemon.rooms.errands import Outcome
from daemon.rooms.jobs.drawing import jpeg
from obs_portrait.errors import MediaError
from obs_portrait.folders import write_whole
from obs_portrait.media.files import probe
from obs_portrait.obs.clips.edit.making import beside
from obs_portrait.obs.clips.edit.reading import Reader, upright
from obs_portrait.obs.clips.edit.trim import trim as cut_out
from obs_portrait.obs.clips.edit.writing import CONTAINERS
from obs_portrait.obs.clips.sidecar import ClipInfo, Mark, read_sidecar, sidecar_path

__all__ = ["part_of", "thumbnail", "trim"]

_SIDE: Final = 320
_LATEST: Final = Fraction(3)


def thumbnail(told: dict[str, Any], content: bytes) -> Outcome:
    """told: path. The picture at a tenth of the clip, 3 s at most: the first one is often black."""
    path = Path(told["path"])
    with Reader(path, needs="video") as clip:
        clip.seek(min((clip.duration or Fraction(0)) / 10, _LATEST))
        _, frame = next(clip.frames(clip.video), (None, None))
    if frame is None:
        raise MediaError(f"{path}: there is no picture in this file.")
    return Outcome({}, jpeg(upright(frame), _SIDE))


def trim(told: dict[str, Any], content: bytes) -> Outcome:
    """told: path, start_s, end_s (None: to the end). Answers with file and how."""
    source = Path(told["path"])
    start = Fraction(told["start_s"]).limit_denominator(1_000_000)
    end = None if told["end_s"] is None else Fraction(told["end_s"]).limit_denominator(1_000_000)
    suffix = source.suffix if source.suffix.lower() in CONTAINERS else ".mkv"
    target = beside(source, "trim", suffix)
    made = cut_out(source, target, start, end)
    info = read_sidecar(sidecar_path(source))
    if info is not None:
        text = part_of(info, made.path, float(start)).as_json()
        # A name that is no UTF-8 has halves of letters, for which JSON has a spelling.
        write_whole(sidecar_path(made.path), text.encode("utf-8", "backslashreplace").decode())
    return Outcome({"file": made.path.name, "how": made.how}, b"")


def part_of(info: ClipInfo, path: Path, start_s: float) -> ClipInfo:
    """A part's sidecar: what was so at its beginning stands at 0."""
    length = probe(path).duration_ns
    seconds = length / 1e9 if length is not None else None
    begun: dict[str, Mark] = {}
    for mark in sorted(info.marks, key=lambda one: one.at_s):
        if mark.at_s <= start_s:
            begun[mark.kind] = Mark(0.0, mark.kind, mark.name)
    later = [Mark(mark.at_s - start_s, mark.kind, mark.name) for mark in info.marks if mark.at_s > start_s]
    marks = [*begun.values(), *(mark for mark in later if seconds is None or mark.at_s < seconds)]
    personas = [mark.name for mark in marks if mark.kind == "persona"]
    return ClipInfo(
        kind=info.kind,
        saved_at=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        duration_s=seconds,
        persona=personas[-1] if personas else info.persona,
        engine=info.engine,
        converter=info.converter,
        scene=info.scene,
        collection=info.collection,
        marks=marks,
        versions=info.versions,
        timings=info.timings,
        picture=info.picture,
        sound=info.sound,
        source_file=info.file or None,
        file=path.name,
    )
