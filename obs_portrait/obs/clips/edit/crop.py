"""Crop: a square or a tall picture that follows the face."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.face.crop import FollowCrop
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.face.types import Observation
from obs_portrait.obs.clips.edit.making import Made, Progress, producing, silent
from obs_portrait.obs.clips.edit.reading import Reader, upright
from obs_portrait.obs.clips.edit.remake import Changes, remake

__all__ = ["SHAPES", "crop"]

SHAPES: Final = {"square": (1, 1), "9:16": (9, 16), "4:5": (4, 5), "16:9": (16, 9)}
"""Name -> width : height."""
Box = tuple[float, float, float, float]
_SLACK: Final = 0.05
_NOTHING: Final = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class _View:
    """Centre and size of what is shown, in pixels of the upright picture."""

    x: float
    y: float
    width: float
    height: float


def crop(
    source: Path,
    target: Path,
    shape: str = "square",
    *,
    width: int | None = None,
    close: bool = False,
    force: bool = False,
    progress: Progress = silent,
) -> Made:
    """The part of the picture in which the face is, followed softly; sound is copied.

    shape: one of `SHAPES`. width: of the new picture in pixels; as many as the part has, if left out. close: a part
    about two faces wide, instead of the largest of that shape. Raises `MediaError`, also if there is no face.
    """
    if shape not in SHAPES:
        raise MediaError(f"'{shape}' is no shape of a crop; there are {', '.join(SHAPES)}.")
    if width is not None and (width % 2 or not 64 <= width <= 2160):
        raise MediaError(f"{width} is no width of a crop; it is an even number of pixels from 64 to 2160.")
    across, down = SHAPES[shape]
    views, size = _look(source, across / down, close, lambda done: progress(done / 2))
    out_width = width or _even(max(view.width for view in views.values()))
    out = (out_width, _even(out_width * down / across))
    last = next(iter(views.values()))

    def cut(frame: Any, at: Fraction) -> NDArray[np.uint8]:
        nonlocal last
        last = views.get(at, last)
        return _cut(upright(frame), last, out)

    with producing(target, source, force=force) as part:
        changes = Changes(picture=cut, size=out)
        remake(source, part, target.suffix, changes, lambda done: progress(0.5 + done / 2))
    return Made(target, f"{shape}, {out[0]}x{out[1]} of {size[0]}x{size[1]}, following the face")


def _look(source: Path, ratio: float, close: bool, progress: Progress) -> tuple[dict[Fraction, _View], tuple[int, int]]:
    """What is to be shown at each time.

    `FollowCrop` is made for live framing: it comes after the face. Here the future is known, so the clip is followed
    once forwards and once backwards, and the mean of both has no lag.
    """
    seen: list[tuple[Fraction, Observation | None]] = []
    size = (0, 0)
    with Reader(source, needs="video") as clip, FaceTracker("video") as tracker:
        for at, frame in clip.frames(clip.video):
            image = upright(frame)
            size = (image.shape[1], image.shape[0])
            face = tracker.track(image, round(at * 1_000_000_000))
            seen.append((at, _light(face) if face is not None else None))
            if clip.duration:
                progress(min(1.0, float(at / clip.duration)))
    if not any(face is not None for _, face in seen):
        raise MediaError(f"{source}: there is no face to follow in this clip.")
    forwards, backwards = FollowCrop(slack=_SLACK), FollowCrop(slack=_SLACK)
    last = seen[-1][0]
    before = [forwards.update(face) for _, face in seen]
    after = [backwards.update(_mirrored(face, last)) for _, face in reversed(seen)][::-1]
    shown = [at for at, face in seen if face is not None]
    begin, end = float(shown[0]), float(shown[-1])
    views = {}
    for (at, _), one, other in zip(seen, before, after, strict=True):
        # Where one of them has only just found the face it is exact, and the other is still on its way.
        trust = 0.5 + 0.5 * (max(0.0, 1 - (float(at) - begin)) - max(0.0, 1 - (end - float(at))))
        views[at] = _view(_mean(one, other, min(max(trust, 0.0), 1.0)), size, ratio, close)
    first = views[shown[0]]
    return {at: first if at < shown[0] else view for at, view in views.items()}, size


def _mean(one: Box | None, other: Box | None, trust: float) -> Box:
    """Between two boxes, of which one may be missing; `trust` is the share of the first."""
    if one is None or other is None:
        return one or other or (0.0, 0.0, 1.0, 1.0)
    left, top, right, bottom = (trust * a + (1 - trust) * b for a, b in zip(one, other, strict=True))
    return left, top, right, bottom


def _light(face: Observation) -> Observation:
    """Two corners instead of 478 landmarks: a long clip has many of them."""
    corners = np.stack((face.landmarks.min(axis=0), face.landmarks.max(axis=0)))
    return replace(face, landmarks=corners, blendshapes=_NOTHING, pose=_NOTHING)


def _mirrored(face: Observation | None, last: Fraction) -> Observation | None:
    """The same face, on a clock that runs backwards from the end."""
    return None if face is None else replace(face, captured_ns=round(last * 1_000_000_000) - face.captured_ns)


def _view(box: Box, size: tuple[int, int], ratio: float, close: bool) -> _View:
    """The largest part of that shape, or about two faces wide, that lies within the picture and has the face in it."""
    left, top, right, bottom = box
    width = min(size[0], size[1] * ratio)
    if close:
        width = min(width, max(right - left, (bottom - top) * ratio, 64.0))
    height = width / ratio
    x = min(max((left + right) / 2, width / 2), size[0] - width / 2)
    # The middle of the face lies a little above the middle of a tall picture.
    y = min(max((top + bottom) / 2 + 0.06 * max(0.0, height - width), height / 2), size[1] - height / 2)
    return _View(x, y, width, height)


def _cut(image: NDArray[np.uint8], view: _View, out: tuple[int, int]) -> NDArray[np.uint8]:
    """Between pixels where it can be, so that a slow glide does not shake; averaged where it is made much smaller."""
    scale = view.width / out[0]
    if scale > 1.5:
        left, top = round(view.x - view.width / 2), round(view.y - view.height / 2)
        part = image[max(top, 0) : top + math.ceil(view.height), max(left, 0) : left + math.ceil(view.width)]
        return np.asarray(cv2.resize(part, out, interpolation=cv2.INTER_AREA), np.uint8)
    # Pixel centres lie at half-integers, hence the halves.
    shift_x = view.x - view.width / 2 - 0.5 + scale / 2
    shift_y = view.y - view.height / 2 - 0.5 + scale / 2
    matrix = np.array([[scale, 0, shift_x], [0, scale, shift_y]])
    flags = (cv2.INTER_LINEAR if scale > 0.75 else cv2.INTER_CUBIC) | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, matrix, out, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _even(value: float) -> int:
    return max(2, int(value) // 2 * 2)
