"""Faster or slower: pictures at other times, the voice at its own pitch."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.obs.clips.edit.filtering import Chain
from obs_portrait.obs.clips.edit.making import Made, Progress, producing, silent
from obs_portrait.obs.clips.edit.reading import Reader, Sound
from obs_portrait.obs.clips.edit.remake import Changes, remake
from obs_portrait.obs.clips.edit.writing import can_copy

__all__ = ["change_speed"]

_MOST_RATE: Final = 61
"""More pictures a second than this are not for copying: few players and no service shows them."""


def change_speed(
    source: Path, target: Path, factor: float, *, force: bool = False, progress: Progress = silent
) -> Made:
    """factor: 2 is twice as fast, 0.25 to 8. Pictures are copied with new times while that gives 60 a second at most,
    else encoded at the clip's own rate. Raises `MediaError`."""
    if not 0.25 <= factor <= 8:
        raise MediaError(f"A speed of {factor:g} is outside 0.25 (slow) to 8 (fast).")
    exact = Fraction(factor).limit_denominator(1000)
    changes = Changes(scale=1 / exact)
    with Reader(source) as clip:
        if clip.audio is not None:
            changes.sound = _Stretch(Chain(Sound(clip.audio).layout, *_tempo(float(exact))), exact)
        copies = clip.video is not None and can_copy(target.suffix, clip.video)
        if clip.video is not None and not (copies and clip.rate * exact <= _MOST_RATE):
            copies = False
            changes.keep_colours = True
            changes.picture = _Thinner(clip.rate, exact)
            changes.rate = min(clip.rate, clip.rate * exact)
    with producing(target, source, force=force) as part:
        remake(source, part, target.suffix, changes, progress)
    return Made(target, f"{factor:g} times as fast, picture {'copied without loss' if copies else 'encoded anew'}")


class _Thinner:
    """Of the pictures that fall into one place at the clip's own rate only the first stays."""

    def __init__(self, rate: Fraction, factor: Fraction) -> None:
        self._rate, self._factor, self._last = rate, factor, -1

    def __call__(self, frame: Any, at: Fraction) -> Any | None:
        place = int(at / self._factor * self._rate + Fraction(1, 4))
        if place <= self._last and self._factor > 1:
            return None
        self._last = place
        return frame


class _Stretch:
    """A chain that changes the tempo, made exactly as long as it should be: FFmpeg's ends up to a tenth early."""

    def __init__(self, chain: Chain, factor: Fraction) -> None:
        self._chain, self._factor = chain, factor
        self._given, self._got, self._channels = 0, 0, 1

    def __call__(self, samples: NDArray[np.float32] | None) -> Iterator[NDArray[np.float32]]:
        if samples is not None:
            self._given, self._channels = self._given + samples.shape[1], samples.shape[0]
        for part in self._chain(samples):
            self._got += part.shape[1]
            yield part
        missing = round(self._given / self._factor) - self._got
        if samples is None and missing > 0:
            yield np.zeros((self._channels, missing), np.float32)


def _tempo(factor: float) -> list[tuple[str, str]]:
    """FFmpeg's atempo goes down to a half: slower takes two of them."""
    if factor < 0.5:
        return [("atempo", "0.5"), ("atempo", f"{factor / 0.5:.6f}")]
    return [("atempo", f"{factor:.6f}")]
