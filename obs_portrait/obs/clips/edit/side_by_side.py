"""Driver and persona side by side, aligned by their time stamps."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.obs.clips.edit.making import Made, Progress, producing, silent
from obs_portrait.obs.clips.edit.reading import Reader, Sound, upright
from obs_portrait.obs.clips.edit.writing import Writer, can_copy

__all__ = ["side_by_side"]

_TALLEST: Final = 1080


def side_by_side(
    left: Path,
    right: Path,
    target: Path,
    *,
    offset: Fraction = Fraction(0),
    sound: Literal["left", "right"] = "right",
    height: int | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Made:
    """The driver's recording (left) and the persona's clip (right) in one picture, while both last.

    offset: so many seconds into `left` the clip on the right begins; negative, if that one is the earlier. sound: whose
    is heard. height: of the picture; the smaller of both heights, 1080 at most, if left out. Raises `MediaError`.
    """
    with (
        producing(target, left, right, force=force) as part,
        Reader(left, needs="video") as driver,
        Reader(right, needs="video") as persona,
        Reader(right if sound == "right" else left) as voice,
    ):
        pair = _Pair(driver, persona, offset, height)
        with Writer(part, target.suffix) as out:
            out.add_picture(pair.width, pair.height, persona.rate)
            track = _Voice(voice, pair.left_start if sound == "left" else pair.right_start, target.suffix, out)
            at = Fraction(0)
            for at, image in pair.pictures():
                out.picture(image, at)
                track.until(at)
                progress(min(1.0, float(at / pair.expected)) if pair.expected else 0.0)
            if not out.pictures:
                raise MediaError(f"{left} and {right} do not overlap in time; look at --offset.")
            track.until(at + persona.frame)
    return Made(target, f"{pair.width}x{pair.height}, {out.pictures} pictures, sound of the {sound} one")


class _Pair:
    """Pictures of both at the right one's times."""

    def __init__(self, left: Reader, right: Reader, offset: Fraction, height: int | None) -> None:
        self.left, self.right = left, right
        self.left_start, self.right_start = max(offset, Fraction(0)), max(-offset, Fraction(0))
        self._lefts = left.frames(left.video)
        self._rights = right.frames(right.video)
        first_left, first_right = next(self._lefts, None), next(self._rights, None)
        if first_left is None or first_right is None:
            empty = left.path if first_left is None else right.path
            raise MediaError(f"{empty}: there is no picture in this file; choose another one.")
        self._first_left, self._first_right = first_left, first_right
        shapes = [upright(frame).shape for _, frame in (first_left, first_right)]
        tall = height or min(shapes[0][0], shapes[1][0], _TALLEST)
        if tall % 2 or not 64 <= tall <= 2160:
            tall -= tall % 2
        self.height = max(64, min(tall, 2160))
        self.widths = [max(2, round(shape[1] * self.height / shape[0]) // 2 * 2) for shape in shapes]
        self.width = sum(self.widths)
        ends = [r.duration - s for r, s in ((left, self.left_start), (right, self.right_start)) if r.duration]
        self.expected = min(ends, default=None)

    def pictures(self) -> Iterator[tuple[Fraction, NDArray[np.uint8]]]:
        """(seconds, RGB picture); of the left one the newest picture that is not later."""
        shown: Any = None
        coming: Any = self._first_left
        right: Any = self._first_right
        while right is not None:
            at = right[0] - self.right_start
            while coming is not None and coming[0] - self.left_start <= at + self.left.frame / 100:
                shown, coming = coming, next(self._lefts, None)
            if shown is not None and coming is None and at > shown[0] - self.left_start + self.left.frame:
                return
            if shown is not None and at >= 0:
                yield at, np.concatenate((self._fit(shown[1], 0), self._fit(right[1], 1)), axis=1)
            right = next(self._rights, None)

    def _fit(self, frame: Any, side: int) -> NDArray[np.uint8]:
        image = upright(frame)
        size = (self.widths[side], self.height)
        smaller = image.shape[0] > self.height
        return np.asarray(
            cv2.resize(image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC), np.uint8
        )


class _Voice:
    """The sound of one of them, from its start on: copied where the kind of file takes it, else encoded."""

    def __init__(self, clip: Reader, start: Fraction, suffix: str, out: Writer) -> None:
        self._clip, self._out, self._start = clip, out, start
        self._packets: Iterator[Any] | None = None
        self._sound: Sound | None = None
        if clip.audio is None:
            return
        if can_copy(suffix, clip.audio):
            out.copy_of(clip.audio)
        else:
            self._sound = Sound(clip.audio)
            out.add_sound(self._sound.layout)
        self._packets = clip.packets(clip.audio)

    def until(self, at: Fraction) -> None:
        """Hands on what is heard up to a time."""
        while self._packets is not None:
            packet = next(self._packets, None)
            if packet is None:
                self._packets = None
                return
            heard = self._clip.time(packet)
            if self._sound is None:
                if heard is not None and heard >= self._start:
                    self._out.copy(packet, self._clip.zero + self._start)
            else:
                for frame in self._clip.decode(packet):
                    time = self._clip.time(frame)
                    for samples in self._sound.take(frame) if time is not None and time >= self._start else ():
                        self._out.sound(samples, (time or Fraction(0)) - self._start)
            if heard is not None and heard - self._start >= at:
                return
