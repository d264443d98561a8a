"""Sound alone: taken out of a clip, copied where the kind of file takes it."""

from __future__ import annotations

from pathlib import Path

from obs_portrait.obs.clips.edit.making import Made, Progress, producing, silent
from obs_portrait.obs.clips.edit.reading import Reader
from obs_portrait.obs.clips.edit.remake import Changes, remake

__all__ = ["audio_only"]


def audio_only(source: Path, target: Path, *, force: bool = False, progress: Progress = silent) -> Made:
    """The first sound track as .m4a, .mka, .mp3, .ogg, .opus, .flac or .wav. Raises `MediaError`."""
    with Reader(source, needs="audio") as clip:
        codec = clip.audio.codec_context.name
    with producing(target, source, force=force) as part:
        copied = remake(source, part, target.suffix, Changes(drop_picture=True), progress)
    return Made(target, f"{codec} copied without loss" if copied else f"{codec} encoded as {target.suffix[1:]}")
