"""Trim: from one time to another, copied where the cut allows it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from obs_portrait.errors import MediaError
from obs_portrait.obs.clips.edit.making import Made, Progress, producing, silent
from obs_portrait.obs.clips.edit.reading import Reader
from obs_portrait.obs.clips.edit.remake import Changes, remake
from obs_portrait.obs.clips.edit.writing import can_copy

__all__ = ["Cut", "plan_cut", "trim"]


@dataclass(frozen=True, slots=True)
class Cut:
    """start, end: seconds, on the boundaries of pictures. copy: packets can be copied; if not, `why` says why not."""

    start: Fraction
    end: Fraction
    copy: bool
    why: str = ""


def plan_cut(path: Path, start: Fraction, end: Fraction | None, snap: bool = False) -> Cut:
    """Where the cut falls, and whether packets can be copied there.

    A copy has to begin with a key picture, and to end where no picture is left whose later, referenced one falls away:
    what is kept must be the same pictures in the order of showing and of decoding. snap: moves the start back to the
    key picture before it, and the end on to the next place that allows a copy. Raises `MediaError`.
    """
    with Reader(path, needs="video") as clip:
        half = clip.frame / 2
        shown = [
            (at, bool(packet.is_keyframe))
            for packet in clip.packets(clip.video)
            if packet.size and (at := clip.time(packet)) is not None
        ]
        if not shown:
            raise MediaError(f"{path}: there is no picture in this file; choose another one.")
        whole = max(at for at, _ in shown) + clip.frame
    end = whole if end is None else min(end, whole)
    _check_window(path, start, end, whole)
    if snap:
        start = max((at for at, key in shown if key and at <= start + half), default=start)
    order = sorted(at for at, _ in shown)
    first = next((at for at in order if at >= start - half), None)
    if first is None or first >= end:
        raise MediaError(f"{path}: there is no picture between {float(start):g} s and {float(end):g} s.")
    begin = next((i for i, (at, key) in enumerate(shown) if at == first and key), None)
    if begin is None or any(at < first for at, _ in shown[begin:]):
        return Cut(first, _boundary(order, end, half, whole), False, "the cut is not on a key picture")
    ends = _clean_ends([at for at, _ in shown[begin:]], whole)
    last = _boundary(order, end, half, whole)
    if last in ends:
        return Cut(first, last, True)
    if snap:
        return Cut(first, min(at for at in ends if at >= last), True)
    return Cut(first, last, False, "the end falls between pictures that need each other")


def _check_window(path: Path, start: Fraction, end: Fraction, whole: Fraction) -> None:
    if start < 0 or start >= whole:
        raise MediaError(f"{path}: it is {float(whole):.2f} s long, so it cannot begin at {float(start):g} s.")
    if end <= start:
        raise MediaError(f"{path}: the end ({float(end):g} s) must come after the beginning ({float(start):g} s).")


def _boundary(order: list[Fraction], end: Fraction, half: Fraction, whole: Fraction) -> Fraction:
    """The first picture that is left out."""
    return next((at for at in order if at >= end - half), whole)


def _clean_ends(shown: list[Fraction], whole: Fraction) -> set[Fraction]:
    """Times before which the same pictures come in the order of showing and of decoding."""
    out = {whole}
    latest = Fraction(-1)
    least = list(shown)
    for index in range(len(least) - 2, -1, -1):
        least[index] = min(least[index], least[index + 1])
    for index, at in enumerate(shown):
        if least[index] > latest:  # everything from here on is shown after everything before
            out.add(least[index])
        latest = max(latest, at)
    return out


def trim(
    source: Path,
    target: Path,
    start: Fraction,
    end: Fraction | None,
    *,
    copy: bool = False,
    force: bool = False,
    progress: Progress = silent,
) -> Made:
    """What is shown from `start` up to `end` (seconds; None is the end). copy: never encodes, rather moves the cut to
    where a copy is possible. Sound is cut at whole packets (about 20 ms) where it is copied. Raises `MediaError`."""
    cut = plan_cut(source, start, end, snap=copy)
    with Reader(source, needs="video") as clip:
        fits = can_copy(target.suffix, clip.video)
    if copy and not fits:
        raise MediaError(f"{target}: a {target.suffix} file does not take this clip's packets; name it .mkv.")
    changes = Changes(cut.start, cut.end, keep_colours=True)
    if not (cut.copy and fits):
        changes.picture = _as_it_is
    with producing(target, source, force=force) as part:
        remake(source, part, target.suffix, changes, progress)
    length = f"{float(cut.end - cut.start):.2f} s from {float(cut.start):.2f} s"
    if changes.picture is None:
        return Made(target, f"{length}, copied without loss")
    return Made(target, f"{length}, picture encoded anew because {cut.why or 'the kind of file differs'}")


def _as_it_is(frame: object, at: Fraction) -> object:
    return frame
