"""One picture of a clip, and moving pictures without sound: PNG, JPEG, GIF, WebP."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from obs_portrait.errors import MediaError
from obs_portrait.obs.clips.edit.making import Made, Progress, producing, silent
from obs_portrait.obs.clips.edit.reading import Reader, upright

__all__ = ["animate", "still"]

_LONGEST: Final = 60
_STILLS: Final = (".png", ".jpg", ".jpeg", ".webp")


def still(source: Path, target: Path, at: Fraction, *, force: bool = False) -> Made:
    """The picture that is shown at `at` seconds, as .png (without loss), .jpg or .webp. Raises `MediaError`."""
    if target.suffix.lower() not in _STILLS:
        raise MediaError(f"{target}: a still is one of {', '.join(_STILLS)}.")
    image, shown = _picture_at(source, at)
    with producing(target, source, force=force) as part:
        Image.fromarray(image).save(part, quality=95)
    return Made(target, f"the picture at {float(shown):.2f} s, {image.shape[1]}x{image.shape[0]}")


def _picture_at(source: Path, at: Fraction) -> tuple[NDArray[np.uint8], Fraction]:
    with Reader(source, needs="video") as clip:
        clip.seek(at)
        found = None
        for shown, frame in clip.frames(clip.video):
            if found is not None and shown > at + clip.frame / 100:
                break
            found = (frame, shown)
        end = None if found is None else found[1] + clip.frame
        if found is None or at < 0 or (end is not None and at > end + clip.frame):
            length = f"; it is {float(clip.duration):.2f} s long" if clip.duration else ""
            raise MediaError(f"{source}: there is no picture at {float(at):g} s{length}.")
        return upright(found[0]), found[1]


def animate(
    source: Path,
    target: Path,
    *,
    start: Fraction = Fraction(0),
    end: Fraction | None = None,
    rate: float = 15.0,
    width: int = 480,
    colours: int = 256,
    force: bool = False,
    progress: Progress = silent,
) -> Made:
    """A moving .gif or .webp that repeats for ever, 60 s at most; `rate` pictures a second, `width` pixels wide at
    most. A GIF has one palette of `colours` for the whole clip, so that still parts do not flicker."""
    kind = target.suffix.lower()
    if kind not in (".gif", ".webp"):
        raise MediaError(f"{target}: moving pictures are .gif or .webp.")
    if not (1 <= rate <= 50 and 16 <= width <= 1920 and 2 <= colours <= 256):
        raise MediaError("Moving pictures take 1 to 50 pictures a second, 16 to 1920 pixels and 2 to 256 colours.")
    times = _times(source, start, end, Fraction(rate).limit_denominator(1000))
    durations = _durations(times, kind)
    # Pillow leaves a file open that it has opened itself when the work is interrupted.
    with producing(target, source, force=force) as part, part.open("wb") as file:
        frames = _scaled(source, times, width, progress)
        endless = {"save_all": True, "duration": durations, "loop": 0}
        if kind == ".gif":
            palette = _palette(source, times, width, colours)
            indexed = (image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for image in frames)
            next(indexed).save(file, "GIF", append_images=indexed, disposal=1, optimize=False, **endless)
        else:
            next(frames).save(file, "WEBP", append_images=frames, quality=75, method=4, **endless)
    size = target.stat().st_size / 1e6
    return Made(target, f"{len(times)} pictures, {sum(durations) / 1000:.2f} s, {size:.1f} MB")


def _times(source: Path, start: Fraction, end: Fraction | None, rate: Fraction) -> list[Fraction]:
    with Reader(source, needs="video") as clip:
        shown = [at for packet in clip.packets(clip.video) if packet.size and (at := clip.time(packet)) is not None]
        if not shown:
            raise MediaError(f"{source}: there is no picture in this file; choose another one.")
        whole = max(shown) + clip.frame
    end = whole if end is None else min(end, whole)
    if not 0 <= start < end:
        raise MediaError(f"{source}: there is nothing between {float(start):g} s and {float(end):g} s.")
    if end - start > _LONGEST:
        raise MediaError(
            f"{float(end - start):.0f} s are too long for moving pictures ({_LONGEST} s at most): choose a part with "
            "--in and --out."
        )
    return [start + Fraction(number) / rate for number in range(max(1, round((end - start) * rate)))] + [end]


def _durations(times: list[Fraction], kind: str) -> list[int]:
    """In ms; a GIF counts in hundredths, so rounding is carried on: the whole has the right length."""
    unit = 10 if kind == ".gif" else 1
    marks = [round((at - times[0]) * 1000 / unit) * unit for at in times]
    out = [max(unit, after - before) for before, after in pairwise(marks)]
    times.pop()
    return out


def _scaled(source: Path, times: list[Fraction], width: int, progress: Progress) -> Iterator[Image.Image]:
    """The picture that is shown at each time."""
    with Reader(source, needs="video") as clip:
        clip.seek(times[0])
        waiting = iter([*times, None])
        due = next(waiting)
        before = None
        done = 0
        for shown, frame in clip.frames(clip.video):
            while due is not None and before is not None and shown > due + clip.frame / 100:
                yield _small(before, width)
                done += 1
                progress(done / len(times))
                due = next(waiting)
            if due is None:
                return
            before = frame
        while due is not None and before is not None:
            yield _small(before, width)
            due = next(waiting)


def _small(frame: object, width: int) -> Image.Image:
    image = upright(frame)
    if image.shape[1] > width:
        height = max(1, round(image.shape[0] * width / image.shape[1]))
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return Image.fromarray(image)


def _palette(source: Path, times: list[Fraction], width: int, colours: int) -> Image.Image:
    """Of eight pictures spread over the clip."""
    chosen = times[:: max(1, len(times) // 8)][:8]
    tiles = [np.asarray(image) for image in _scaled(source, chosen, min(width, 240), silent)]
    return Image.fromarray(np.concatenate(tiles)).quantize(colours, method=Image.Quantize.MEDIANCUT)
