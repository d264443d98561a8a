"""Square crops about faces: found in a recording (first-order-model's crop-video), or followed smoothly, live."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.face.types import Observation
from obs_portrait.media.sources import open_video
from obs_portrait.media.types import CameraFrame

__all__ = ["Box", "Crop", "CropSettings", "FollowCrop", "Splitter", "find_crops", "iou", "square"]

Box = tuple[float, float, float, float]
"""left, top, right, bottom in pixels."""

_MAX_FACES: Final = 5
_THUMB: Final = 32
_CUT: Final = 30.0
"""Mean change of a thumbnail, in grey levels, from which on two frames belong to different shots."""
_LOST_NS: Final = 250_000_000
"""A face may be out of sight so long without ending its crop."""
_NEXT_IOU: Final = 0.2
"""Overlap with its last box that makes a face the same person's."""


@dataclass(frozen=True, slots=True)
class CropSettings:
    """increase: how much wider than the face's whole way the square is, on every side, in parts of that way.
    least_seconds: shorter crops are dropped. overlap: a crop ends when the face's box overlaps the first one by less
    (intersection over union), so that a face that wanders gives several close crops rather than one wide one."""

    increase: float = 0.4
    least_seconds: float = 3.0
    overlap: float = 0.25

    def __post_init__(self) -> None:
        if not (0 <= self.increase <= 3 and self.least_seconds >= 0 and 0 <= self.overlap < 1):
            raise FaceError("Crops take an increase of 0 to 3, a length of 0 or more and an overlap of 0 to 1.")


@dataclass(frozen=True, slots=True)
class Crop:
    """A square part of a video: left, top, side in pixels, all even; start_ns and end_ns in media time (end outside);
    frames: number of frames in which the face was seen."""

    left: int
    top: int
    side: int
    start_ns: int
    end_ns: int
    frames: int

    def command(self, video: Path, out: Path, size: int) -> str:
        """The line for a shell that makes this crop with FFmpeg."""
        start, length = self.start_ns / 1e9, (self.end_ns - self.start_ns) / 1e9
        chain = f"crop={self.side}:{self.side}:{self.left}:{self.top},scale={size}:{size}"
        return (
            f"ffmpeg -ss {start:.3f} -t {length:.3f} -i {shlex.quote(str(video))} -vf {chain} {shlex.quote(str(out))}"
        )

    def cut(self, image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """(size, size, 3) uint8 RGB: this part of a frame."""
        part = image[self.top : self.top + self.side, self.left : self.left + self.side]
        how = cv2.INTER_AREA if self.side > size else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(part, (size, size), interpolation=how), np.uint8)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def _union(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _face(observation: Observation) -> Box:
    low, high = observation.landmarks[:, :2].min(0), observation.landmarks[:, :2].max(0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def square(box: Box, increase: float, width: int, height: int) -> tuple[int, int, int]:
    """(left, top, side), all even: the square about `box` with a margin of `increase` on every side, moved, and if need
    be made smaller, so that it lies within a picture of width x height."""
    wanted = max(box[2] - box[0], box[3] - box[1]) * (1 + 2 * increase)
    side = max(2, min(round(wanted), width, height) // 2 * 2)
    # Hair stands higher than a chin hangs: the square sits a little above the face's middle.
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2 - 0.05 * side
    left, top = (
        int(np.clip(round(at - side / 2), 0, limit - side)) // 2 * 2 for at, limit in ((x, width), (y, height))
    )
    return left, top, side


@dataclass(slots=True)
class _Track:
    first: Box
    last: Box
    whole: Box
    start_ns: int
    seen_ns: int
    frames: int = 1


@dataclass(slots=True)
class Splitter:
    """Collects faces frame by frame into crops. Works on numbers and thumbnails, so that a recording of any length
    takes no memory to speak of."""

    width: int
    height: int
    settings: CropSettings = field(default_factory=CropSettings)
    crops: list[Crop] = field(default_factory=list)
    _open: list[_Track] = field(default_factory=list)
    _thumb: NDArray[np.float32] | None = None
    _step_ns: int = 0
    _time_ns: int = -1

    def add(self, frame: CameraFrame, faces: list[Observation]) -> None:
        """One frame and the faces in it."""
        now = frame.captured_ns
        if self._time_ns >= 0:
            self._step_ns = max(1, now - self._time_ns)
        self._time_ns = now
        small = cv2.resize(frame.image, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA)
        thumb = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
        if self._thumb is not None and float(np.abs(thumb - self._thumb).mean()) > _CUT:
            self._close(lambda track: True)
        self._thumb = thumb
        free = [_face(face) for face in faces]
        for track in sorted(self._open, key=lambda track: -track.frames):
            box = max(free, key=lambda other: iou(track.last, other), default=None)
            if box is None or iou(track.last, box) < _NEXT_IOU or iou(track.first, box) < self.settings.overlap:
                continue
            free.remove(box)
            track.last, track.whole, track.seen_ns = box, _union(track.whole, box), now
            track.frames += 1
        self._close(lambda track: now - track.seen_ns > _LOST_NS or self._left(track, free))
        self._open += [_Track(box, box, box, now, now) for box in free]

    def _left(self, track: _Track, free: list[Box]) -> bool:
        """The track's face is among the free ones: it went too far from where it was at first, and begins anew."""
        return track.seen_ns < self._time_ns and any(iou(track.last, box) >= _NEXT_IOU for box in free)

    def _close(self, ended: Callable[[_Track], bool]) -> None:
        going = []
        for track in self._open:
            if not ended(track):
                going.append(track)
                continue
            end = track.seen_ns + self._step_ns
            if end - track.start_ns >= self.settings.least_seconds * 1e9:
                left, top, side = square(track.whole, self.settings.increase, self.width, self.height)
                self.crops.append(Crop(left, top, side, track.start_ns, end, track.frames))
        self._open = going

    def finish(self) -> list[Crop]:
        """All crops, in the order in which they begin. To be called after the last frame."""
        self._close(lambda track: True)
        return sorted(self.crops, key=lambda crop: (crop.start_ns, crop.left))


def find_crops(
    video: Path, settings: CropSettings | None = None, progress: Callable[[int, int | None], None] | None = None
) -> list[Crop]:
    """Square crops of a recording: one for each person and shot, anew when the face has gone far from where it was.

    progress(done, total) is called after each frame, total None if unknown. Raises `MediaError` if the file cannot be
    read.
    """
    with FaceTracker("video", _MAX_FACES) as tracker, open_video(str(video)) as source:
        splitter = Splitter(source.width, source.height, settings or CropSettings())
        while (frame := source.read()) is not None:
            splitter.add(frame, tracker.track_all(frame.image, frame.captured_ns))
            if progress is not None:
                progress(frame.index + 1, source.frame_count)
        return splitter.finish()


class FollowCrop:
    """A square that follows a face softly: it rests while the face stays near its middle, glides after it when not, and
    never jumps but at the first face. For live framing."""

    def __init__(self, scale: float = 2.3, seconds: float = 0.4, slack: float = 0.12) -> None:
        """scale: side in face sizes; seconds: time constant of the glide; slack: how far, in sides, the face may be
        from the middle (and how much, as a ratio, it may grow) before the square moves."""
        self._scale, self._seconds, self._slack = scale, seconds, slack
        self._state: NDArray[np.float64] | None = None  # centre x, y, logarithm of the side
        self._time_ns = 0

    def update(self, observation: Observation | None) -> Box | None:
        """The square after this frame as left, top, right, bottom (it may reach beyond the picture); without a face it
        stays where it is. None before the first face."""
        if observation is not None:
            left, top, right, bottom = _face(observation)
            side = max(right - left, bottom - top, 1.0) * self._scale
            wanted = np.array([(left + right) / 2, (top + bottom) / 2 - 0.05 * side, np.log(side)])
            if self._state is None:
                self._state = wanted
            else:
                elapsed = max(0.0, (observation.captured_ns - self._time_ns) / 1e9)
                reach = self._slack * np.array([np.exp(self._state[2])] * 2 + [1.0])
                away = wanted - self._state
                beyond = np.sign(away) * np.maximum(np.abs(away) - reach, 0.0)
                self._state = self._state + beyond * (1.0 - np.exp(-elapsed / self._seconds))
            self._time_ns = observation.captured_ns
        if self._state is None:
            return None
        x, y, half = float(self._state[0]), float(self._state[1]), float(np.exp(self._state[2])) / 2
        return x - half, y - half, x + half, y + half
