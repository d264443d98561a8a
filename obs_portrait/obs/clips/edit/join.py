"""Join: several clips one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.obs.clips.edit.making import Made, Progress, producing, silent
from obs_portrait.obs.clips.edit.reading import RATE, Reader, Sound, upright
from obs_portrait.obs.clips.edit.writing import Writer, can_copy

__all__ = ["join"]


def join(sources: Sequence[Path], target: Path, *, force: bool = False, progress: Progress = silent) -> Made:
    """One after the other: copied if all have the same parameters (as clips of one OBS have), else encoded in the size
    of the first, with black bars where a shape differs, and silence where there is no sound. Raises `MediaError`."""
    if len(sources) < 2:
        raise MediaError("Joining takes two clips or more.")
    likenesses = []
    for source in sources:
        with Reader(source, needs="video") as clip:
            likenesses.append(_likeness(clip, target.suffix))
    copies = likenesses[0] is not None and all(one == likenesses[0] for one in likenesses)
    with producing(target, *sources, force=force) as part, Writer(part, target.suffix) as out:
        each = 1 / len(sources)
        joiner: Any = _Copier(out) if copies else _Encoder(out, sources)
        for number, source in enumerate(sources):
            joiner.add(source, lambda done, number=number: progress((number + done) * each))
    words = "copied without loss" if copies else "encoded anew because their parameters differ"
    return Made(target, f"{len(sources)} clips, {float(joiner.at):.2f} s, {words}")


def _likeness(clip: Reader, suffix: str) -> tuple[Any, ...] | None:
    """What must agree for packets to follow one another in one stream; None if they cannot be copied at all."""
    out: list[Any] = []
    tracks = [clip.video, *clip.container.streams.audio]
    for stream in tracks:
        if not can_copy(suffix, stream):
            return None
        context = stream.codec_context
        out += [context.name, context.extradata, context.profile]
        if stream.type == "video":
            out += [context.width, context.height, context.pix_fmt, stream.sample_aspect_ratio, context.color_range]
            out += [context.colorspace, _rotation(clip)]
        else:
            out += [context.rate, context.layout.name]
    return tuple(out)


def _rotation(clip: Reader) -> int:
    for _, frame in clip.frames(clip.video):
        return int(frame.rotation or 0)
    return 0


class _Copier:
    def __init__(self, out: Writer) -> None:
        self.out = out
        self.at = Fraction(0)
        self._first: list[Any] | None = None

    def add(self, source: Path, progress: Progress) -> None:
        """All packets, later by what came before."""
        with Reader(source, needs="video") as clip:
            streams = [clip.video, *clip.container.streams.audio]
            if self._first is None:
                for stream in streams:
                    self.out.copy_of(stream)
                self._first = streams
            else:
                self.out.follow(streams, self._first)
            ends = [Fraction(0)]
            for packet in clip.packets(*streams):
                at = clip.time(packet)
                if at is None:
                    continue
                length = packet.duration * packet.time_base if packet.duration else Fraction(0)
                if packet.stream.type == "video":
                    ends.append(at + max(length, clip.frame))
                    progress(min(1.0, float(at / clip.duration)) if clip.duration else 0.0)
                elif at < 0 and self.at:
                    continue  # priming is for the beginning of a stream
                self.out.copy(packet, clip.zero - self.at)
            # The picture decides: a few ms of sound beyond it must not leave a hole in it.
            self.at += max(ends)


class _Encoder:
    def __init__(self, out: Writer, sources: Sequence[Path]) -> None:
        self.out = out
        self.at = Fraction(0)
        with Reader(sources[0], needs="video") as first:
            _, frame = next(first.frames(first.video), (None, None))
            if frame is None:
                raise MediaError(f"{sources[0]}: there is no picture in this file; choose another one.")
            height, width = upright(frame).shape[:2]
            self.size = (width - width % 2, height - height % 2)
            out.add_picture(*self.size, first.rate)
        self.has_sound = False
        for source in sources:
            with Reader(source) as clip:
                self.has_sound = self.has_sound or clip.audio is not None
        if self.has_sound:
            out.add_sound("stereo")

    def add(self, source: Path, progress: Progress) -> None:
        """Pictures fitted into the first one's size, sound as stereo at 48 kHz."""
        with Reader(source, needs="video") as clip:
            sound = Sound(clip.audio, "stereo") if clip.audio is not None else None
            end = Fraction(0)
            for packet in clip.packets(*(s for s in (clip.video, clip.audio) if s is not None)):
                for frame in clip.decode(packet):
                    at = clip.time(frame)
                    if at is None:
                        continue
                    if packet.stream.type == "video":
                        self.out.picture(_fit(upright(frame), self.size), self.at + at)
                        end = max(end, at + clip.frame)
                        progress(min(1.0, float(at / clip.duration)) if clip.duration else 0.0)
                    elif sound is not None:
                        for samples in sound.take(frame):
                            self.out.sound(samples, self.at + at)
            self.at += end
            missing = round((self.at - self.out.heard) * RATE)
            if self.has_sound and missing > 0:
                self.out.sound(np.zeros((2, missing), np.float32))


def _fit(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    scale = min(size[0] / width, size[1] / height)
    inner = (min(size[0], max(1, round(width * scale))), min(size[1], max(1, round(height * scale))))
    out = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    out[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=interpolation)
    return out
