"""Presets: what is done to a clip for a place, under one name."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from obs_portrait.errors import MediaError
from obs_portrait.media.files import check_output, probe
from obs_portrait.obs.clips.edit.crop import crop
from obs_portrait.obs.clips.edit.loudness import measure, normalise
from obs_portrait.obs.clips.edit.making import Made, Progress, rising, silent
from obs_portrait.obs.clips.edit.remake import Changes, remake
from obs_portrait.obs.clips.edit.small import shrink
from obs_portrait.obs.clips.edit.sound import audio_only
from obs_portrait.obs.clips.edit.speed import change_speed
from obs_portrait.obs.clips.edit.still import animate

__all__ = ["PRESETS", "Preset", "apply"]

Step = Callable[[Path, Path, Progress], Made]
"""step(source, target, progress)."""


@dataclass(frozen=True, slots=True)
class Preset:
    """about: one line for the user. suffix: of the new file. steps: one after the other."""

    about: str
    suffix: str
    steps: tuple[Step, ...]


def _shorts(source: Path, target: Path, progress: Progress) -> Made:
    return crop(source, target, "9:16", width=1080, progress=progress)


def _square(source: Path, target: Path, progress: Progress) -> Made:
    return crop(source, target, "square", width=1080, progress=progress)


def _loud(source: Path, target: Path, progress: Progress) -> Made:
    """As loud as services play; a clip without sound, or with silence, stays as it is."""
    if probe(source).audio_codec is not None and math.isfinite(measure(source).lufs):
        return normalise(source, target, progress=progress)
    return _wrap(source, target, progress)


def _wrap(source: Path, target: Path, progress: Progress) -> Made:
    copied = remake(source, target, target.suffix, Changes(), progress)
    return Made(target, "copied without loss" if copied else "encoded anew")


def _sound(source: Path, target: Path, progress: Progress) -> Made:
    return audio_only(source, target, progress=progress)


def _gif(source: Path, target: Path, progress: Progress) -> Made:
    return animate(source, target, rate=12.5, width=480, progress=progress)


def _sticker(source: Path, target: Path, progress: Progress) -> Made:
    return animate(source, target, rate=15, width=320, progress=progress)


def _slow(source: Path, target: Path, progress: Progress) -> Made:
    return change_speed(source, target, 0.5, progress=progress)


def _chat(source: Path, target: Path, progress: Progress) -> Made:
    return shrink(source, target, 10, progress=progress)


PRESETS: Final[dict[str, Preset]] = {
    "shorts": Preset("9:16 about the face, 1080x1920, -14 LUFS (Shorts, Reels, TikTok)", ".mp4", (_shorts, _loud)),
    "square": Preset("square about the face, 1080x1080, -14 LUFS (feeds)", ".mp4", (_square, _loud)),
    "share": Preset("MP4 with the picture as it is, -14 LUFS (YouTube, players)", ".mp4", (_loud,)),
    "mp4": Preset("MP4, picture and sound copied without loss (for editors)", ".mp4", (_wrap,)),
    "chat": Preset("below 10 MB (Discord and other chats)", ".mp4", (_chat,)),
    "gif": Preset("GIF, 480 pixels wide, 12.5 pictures a second", ".gif", (_gif,)),
    "sticker": Preset("WebP, 320 pixels wide, 15 pictures a second", ".webp", (_sticker,)),
    "slow": Preset("half as fast, voice at its own pitch", ".mp4", (_slow,)),
    "podcast": Preset("sound alone, -14 LUFS", ".m4a", (_loud, _sound)),
}
"""Name -> preset."""


def apply(name: str, source: Path, target: Path, *, force: bool = False, progress: Progress = silent) -> Made:
    """Makes `target` out of `source`. Raises `MediaError`, also for a name that is not in `PRESETS`."""
    if name not in PRESETS:
        raise MediaError(f"There is no preset '{name}'; there are {', '.join(PRESETS)}.")
    preset = PRESETS[name]
    if target.suffix.lower() != preset.suffix:
        raise MediaError(f"{target}: the preset '{name}' makes {preset.suffix} files; name it so.")
    check_output(target, force)
    if target.exists() and source.exists() and target.samefile(source):
        raise MediaError(f"{target}: this is the clip itself; choose another name.")
    made = Made(target, "")
    progress = rising(progress)
    words = []
    with tempfile.TemporaryDirectory(prefix=".obs-portrait-", dir=target.parent) as folder:
        now = source
        for number, step in enumerate(preset.steps):
            last = number == len(preset.steps) - 1
            # Between the steps Matroska: it takes whatever was copied.
            following = Path(folder) / f"{number}{preset.suffix if last else '.mkv'}"
            made = step(now, following, _share(progress, number, len(preset.steps)))
            words.append(made.how)
            now = following
        if not force:
            check_output(target, force)
        now.replace(target)
    return Made(target, "; ".join(words))


def _share(progress: Progress, number: int, count: int) -> Progress:
    return lambda done: progress((number + done) / count)
