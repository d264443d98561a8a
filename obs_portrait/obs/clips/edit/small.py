"""A clip below a size in bytes: what chats and mails take."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.obs.clips.edit.making import Made, Progress, producing, silent
from obs_portrait.obs.clips.edit.reading import Reader, upright
from obs_portrait.obs.clips.edit.remake import Changes, remake

__all__ = ["shrink"]

_LEAST: Final = 120_000
"""Bits a second for pictures; below it nothing can be seen."""
_HEIGHTS: Final = ((2_500_000, 1080), (1_000_000, 720), (400_000, 480), (0, 360))
"""With so many bits a second pictures of so many lines look best."""


def shrink(source: Path, target: Path, megabytes: float, *, force: bool = False, progress: Progress = silent) -> Made:
    """Encodes the pictures with as many bits as there is room for, and makes them smaller where that looks better.
    Sound is copied. Raises `MediaError`, also if the clip is too long for that."""
    if not 0.1 <= megabytes <= 10_000:
        raise MediaError(f"{megabytes:g} MB is outside 0.1 to 10000.")
    room = megabytes * 1_000_000
    with Reader(source, needs="video") as clip:
        sound = sum(packet.size for packet in clip.packets(*clip.container.streams.audio)) if clip.audio else 0
        if not clip.duration:
            raise MediaError(f"{source}: it does not say how long it is; trim it first.")
        length = float(clip.duration)
    with Reader(source, needs="video") as clip:
        _, frame = next(clip.frames(clip.video), (None, None))
        if frame is None:
            raise MediaError(f"{source}: there is no picture in this file; choose another one.")
        height, width = upright(frame).shape[:2]
    rate = (0.96 * room - sound) * 8 / length
    with producing(target, source, force=force) as part:
        for attempt in range(3):
            if rate < _LEAST:
                raise MediaError(f"{source}: {length:.0f} s do not fit into {megabytes:g} MB; trim it first.")
            lines = min(height, next(lines for least, lines in _HEIGHTS if rate >= least))
            size = (max(2, round(width * lines / height) // 2 * 2), max(2, lines // 2 * 2))

            def scale(frame: Any, at: Fraction, size: tuple[int, int] = size) -> NDArray[np.uint8]:
                return np.asarray(cv2.resize(upright(frame), size, interpolation=cv2.INTER_AREA), np.uint8)

            changes = Changes(picture=scale, size=size, bit_rate=int(rate))
            remake(source, part, target.suffix, changes, lambda done, tries=attempt: progress((tries + done) / 3))  # type: ignore[misc]
            written = part.stat().st_size
            if written <= room:
                break
            rate *= 0.95 * room / written
        else:
            raise MediaError(f"{source}: it could not be made smaller than {megabytes:g} MB; trim it first.")
    return Made(target, f"{written / 1e6:.2f} MB, {size[0]}x{size[1]}")
