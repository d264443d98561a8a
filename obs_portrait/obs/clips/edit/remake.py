"""One pass over a clip: its pictures copied or changed, its sound copied, changed or left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.obs.clips.edit.making import Progress, rising, silent
from obs_portrait.obs.clips.edit.reading import RATE, Reader, Sound
from obs_portrait.obs.clips.edit.writing import Writer, can_copy

__all__ = ["Changes", "remake"]

PictureStep = Callable[[Any, Fraction], "NDArray[np.uint8] | Any | None"]
SoundStep = Callable[["NDArray[np.float32] | None"], Iterator["NDArray[np.float32]"]]


@dataclass(slots=True)
class Changes:
    """start, end: seconds in the source; what lies before and after is left out.

    picture(frame, time in the source): the new picture (RGB array or frame of PyAV) of size `size`, None leaves it out;
    None copies the packets. sound(samples or None at the end): (channels, n) float32 at 48 kHz; None copies the packets
    where the container takes them. drop_sound, drop_picture: without it.
    """

    start: Fraction = Fraction(0)
    end: Fraction | None = None
    picture: PictureStep | None = None
    size: tuple[int, int] | None = None
    sound: SoundStep | None = None
    drop_sound: bool = False
    drop_picture: bool = False
    keep_colours: bool = False
    scale: Fraction = Fraction(1)
    bit_rate: int | None = None
    rate: Fraction | None = None


def remake(source: Path, part: Path, suffix: str, changes: Changes, progress: Progress = silent) -> bool:
    """Writes `part`, a file of the kind `suffix`. True if every packet was copied. Raises `MediaError` and, for what
    happens to `part`, FFmpeg's errors."""
    with Reader(source) as clip, Writer(part, suffix) as out:
        return _Pass(clip, out, suffix, changes, rising(progress)).run()


class _Pass:
    def __init__(self, clip: Reader, out: Writer, suffix: str, changes: Changes, progress: Progress) -> None:
        self.clip, self.out, self.changes, self.progress = clip, out, changes, progress
        self.copied = True
        self.video: Any = clip.video if not changes.drop_picture else None
        self.audio: Any = clip.audio if not changes.drop_sound else None
        if self.video is None and self.audio is None:
            raise MediaError(f"{clip.path}: nothing would be left of this file.")
        self.copy_picture = self.video is not None and changes.picture is None
        if self.copy_picture and not can_copy(suffix, self.video):
            self.copy_picture = False
        if self.copy_picture:
            out.copy_of(self.video)
        elif self.video is not None:
            self._encode_picture()
        self.copies: list[Any] = []
        self.sound: Sound | None = None
        if self.audio is not None:
            self._choose_sound(suffix)
        self.seen = False
        self.heard_end = Fraction(0)
        self.total = changes.end or clip.duration

    def _encode_picture(self) -> None:
        self.copied = False
        context = self.video.codec_context
        width, height = self.changes.size or (context.width - context.width % 2, context.height - context.height % 2)
        like = self.video if self.changes.keep_colours or self.changes.picture is None else None
        rate = self.changes.rate or self.clip.rate
        self.out.add_picture(width, height, rate, like=like, bit_rate=self.changes.bit_rate)

    def _choose_sound(self, suffix: str) -> None:
        tracks = list(self.clip.container.streams.audio)
        if self.changes.sound is None and all(can_copy(suffix, track) for track in tracks):
            if not self.video:
                tracks = tracks[:1]
            self.copies = tracks
            for track in tracks:
                self.out.copy_of(track)
            return
        self.copied = False
        self.sound = Sound(self.audio)
        self.out.add_sound(self.sound.layout)

    def run(self) -> bool:
        changes, clip = self.changes, self.clip
        clip.seek(changes.start)
        streams = [self.video] if self.video is not None else []
        streams += self.copies or ([self.audio] if self.audio is not None else [])
        left = {stream.index for stream in streams}
        for packet in clip.packets(*streams):
            at = clip.time(packet)
            if at is not None:
                if self.total:
                    self.progress(float((at - changes.start) / (self.total - changes.start or 1)))
                if changes.end is not None and packet.dts is not None:
                    decoded = packet.dts * packet.time_base - clip.zero
                    if decoded >= changes.end:
                        left.discard(packet.stream.index)
                        if not left:
                            break
            if packet.stream is self.video:
                self._picture_packet(packet, at)
            else:
                self._sound_packet(packet, at)
        if self.video is not None and not self.copy_picture:
            self._pictures(clip.flush(self.video))
        if self.sound is not None:
            self._sounds(clip.flush(self.audio))
            self._sound_end()
        if self.video is not None and not self.seen:
            raise MediaError(f"{clip.path}: there is no picture between these times.")
        self.progress(1.0)
        return self.copied

    # ---- pictures ------------------------------------------------------------------------------------------------

    def _within(self, at: Fraction) -> bool:
        return at >= self.changes.start and (self.changes.end is None or at < self.changes.end)

    def _picture_packet(self, packet: Any, at: Fraction | None) -> None:
        changes = self.changes
        if self.copy_picture:
            if at is not None and self._within(at):
                self.seen = True
                self.out.copy(packet, self.clip.zero + changes.start, changes.scale)
            return
        self._pictures(self.clip.decode(packet))

    def _pictures(self, frames: list[Any]) -> None:
        changes = self.changes
        for frame in frames:
            shown = self.clip.time(frame)
            if shown is None or not self._within(shown):
                continue
            self.seen = True
            result = changes.picture(frame, shown) if changes.picture is not None else _even(frame)
            if result is not None:
                self.out.picture(result, (shown - changes.start) * changes.scale)

    # ---- sound ---------------------------------------------------------------------------------------------------

    def _sound_packet(self, packet: Any, at: Fraction | None) -> None:
        changes = self.changes
        if self.sound is None:
            # What an encoder puts before the first sample (AAC's priming) is needed to begin; it lies before zero.
            if at is not None and (self._within(at) or (at < 0 and not changes.start)):
                self.out.copy(packet, self.clip.zero + changes.start, changes.scale)
            return
        self._sounds(self.clip.decode(packet))

    def _sounds(self, frames: list[Any]) -> None:
        if self.sound is None:
            return
        for frame in frames:
            heard = self.clip.time(frame)
            if heard is not None:
                for samples in self.sound.take(frame):
                    self._hear(samples, heard)

    def _hear(self, samples: NDArray[np.float32], at: Fraction) -> None:
        """Cuts to the window, to the sample, and hands on."""
        start, end = self.changes.start, self.changes.end
        if start > at:
            samples = samples[:, round((start - at) * RATE) :]
            at = start
        if end is not None:
            samples = samples[:, : max(0, round((end - at) * RATE))]
        if samples.shape[1] == 0:
            return
        if self.changes.sound is None:
            self.out.sound(samples, at - start)
            return
        missing = round((at - start - self.heard_end) * RATE)
        if missing > 512:  # a gap must reach the step as well: it keeps time by counting samples
            samples = np.concatenate((np.zeros((samples.shape[0], missing), np.float32), samples), axis=1)
        elif missing < -512:
            samples = samples[:, -missing:]
        self.heard_end += Fraction(samples.shape[1], RATE)
        for part in self.changes.sound(samples):
            self.out.sound(part)

    def _sound_end(self) -> None:
        if self.changes.sound is not None:
            for part in self.changes.sound(None):
                self.out.sound(part)


def _even(frame: Any) -> Any:
    """4:2:0 wants even sides: an odd one loses its last line."""
    width, height = frame.width - frame.width % 2, frame.height - frame.height % 2
    if (width, height) == (frame.width, frame.height):
        return frame
    return np.ascontiguousarray(frame.to_ndarray(format="rgb24")[:height, :width])
