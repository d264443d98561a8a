"""A camera and a microphone that are none, for machines without, and sinks that look for what must not leave.

Named as what they are: `FakeCamera` and `FakeMicrophone` play the bundled performance, every picture and sample marked
(`pipeline.leak`); faults are switched from any process through a board in shared memory. `WatchingVideo` and
`WatchingAudio` take what a session sends and look for those marks in it. All four are picklable callables that a
session's options take in the place of a spec; no text that a user gives can name them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from typing import Final

import numpy as np

from obs_portrait.clock import now_ns
from obs_portrait.errors import MediaError
from obs_portrait.media.sinks.base import AudioSink, VideoSink
from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, MicBlock, Origin, PersonaBlock, PersonaFrame
from obs_portrait.pipeline.leak import MarkedAudioSource, MarkedVideoSource, PictureMark, ToneMark
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.performance import PerformanceAudioSource, PerformanceVideoSource

__all__ = ["FAULTS", "SEEN", "FakeCamera", "FakeMicrophone", "Fault", "WatchingAudio", "WatchingVideo"]

FAULTS: Final = ("camera", "microphone")
"""Cells of the board of faults, each one of `Fault`."""

SEEN: Final = (
    "frames",  # pictures that were taken
    "persona_frames",  # of these, made by an engine
    "frame_ns",  # when the last one of those came
    "card_ns",  # when the last card came
    "marked_frames",  # that show the mark: must stay 0
    "blocks",
    "persona_blocks",  # of these, made by a converter
    "sound_ns",  # when the last one of those came that was not silent
    "marked_samples",  # must stay 0
)
"""Cells of a board of what the sinks saw; pictures and sound have one each, a board has one writer."""


class Fault(IntEnum):
    """What is wrong with a device."""

    NONE = 0
    GONE = 1
    """Reading and opening fail, as when the plug is pulled."""
    FROZEN = 2
    """It is there and delivers nothing."""
    BLANK = 3
    """Black pictures, silence."""
    SLOW = 4
    """A picture every half second; sound that comes late by 50 ms."""
    BROKEN = 5
    """Every read raises something that is no error of ours."""


@dataclass(frozen=True)
class FakeCamera:
    """Makes the camera inside the process that owns it. faults: a `Board(*FAULTS)`."""

    faults: Board
    mark: PictureMark = field(default_factory=lambda: PictureMark(12.0))

    def __call__(self) -> VideoSource:
        return _Camera(self.faults, self.mark)


class _Camera(VideoSource):
    name, live = "fake camera", True

    def __init__(self, faults: Board, mark: PictureMark) -> None:
        self._faults = faults
        self._source = MarkedVideoSource(PerformanceVideoSource(live=True, loop=True), mark)

    def open(self) -> None:
        if self._faults.get("camera") == Fault.GONE:
            raise MediaError("fake camera is not there; plug it in.")
        self._source.open()
        self.width, self.height, self.rate = self._source.width, self._source.height, self._source.rate

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        fault = self._faults.get("camera")
        if fault == Fault.GONE:
            raise MediaError("fake camera is gone; plug it in.")
        if fault == Fault.BROKEN:
            raise ZeroDivisionError("in the driver")
        if fault == Fault.FROZEN:
            _wait_while(self._faults, "camera", Fault.FROZEN, timeout)
            raise MediaError(f"fake camera delivered nothing for {timeout:g} s; look at its plug.")
        if fault == Fault.SLOW:
            time.sleep(0.5)
        frame = self._source.read(timeout)
        if frame is not None and fault == Fault.BLANK:
            return CameraFrame(np.zeros_like(frame.image), frame.captured_ns, frame.index)
        return frame

    def close(self) -> None:
        self._source.close()


@dataclass(frozen=True)
class FakeMicrophone:
    """As `FakeCamera`, for sound."""

    faults: Board
    mark: ToneMark = field(default_factory=ToneMark)

    def __call__(self) -> AudioSource:
        return _Microphone(self.faults, self.mark)


class _Microphone(AudioSource):
    name, live = "fake microphone", True

    def __init__(self, faults: Board, mark: ToneMark) -> None:
        self._faults = faults
        self._source = MarkedAudioSource(PerformanceAudioSource(live=True, loop=True), mark)

    def open(self) -> None:
        if self._faults.get("microphone") == Fault.GONE:
            raise MediaError("fake microphone is not there; plug it in.")
        self._source.open()

    def read(self, samples: int) -> MicBlock | None:
        fault = self._faults.get("microphone")
        if fault == Fault.GONE:
            raise MediaError("fake microphone is gone; plug it in.")
        if fault == Fault.BROKEN:
            raise ZeroDivisionError("in the driver")
        if fault == Fault.FROZEN:
            _wait_while(self._faults, "microphone", Fault.FROZEN, 1.0)
            raise MediaError("fake microphone delivered nothing for 1 s; look at its plug.")
        if fault == Fault.SLOW:
            time.sleep(0.05)
        block = self._source.read(samples)
        if block is not None and fault == Fault.BLANK:
            return MicBlock(np.zeros_like(block.samples), block.captured_ns, block.index)
        return block

    def close(self) -> None:
        self._source.close()


def _wait_while(faults: Board, cell: str, fault: Fault, seconds: float) -> None:
    until = time.monotonic() + seconds
    while faults.get(cell) == fault and time.monotonic() < until:
        time.sleep(0.01)


@dataclass(frozen=True)
class WatchingVideo:
    """Makes the sink inside the video process. seen: a `Board(*SEEN)`, which outlives the process. Every picture is
    searched as a whole and in one of five parts by turns, so that the sink does not take the time of the show."""

    seen: Board

    def __call__(self) -> VideoSink:
        return _WatchingVideo(self.seen)


class _WatchingVideo(VideoSink):
    name = "watching picture sink"

    def __init__(self, seen: Board) -> None:
        self._seen = seen
        self._count = 0

    def _open(self, width: int, height: int, rate: Fraction) -> None:
        pass

    def _write(self, frame: PersonaFrame) -> None:
        seen, now = self._seen, now_ns()
        self._count += 1
        seen.set("frames", seen.get("frames") + 1)
        if frame.origin is Origin.ENGINE:
            seen.set("persona_frames", seen.get("persona_frames") + 1)
            seen.set("frame_ns", now)
        elif frame.origin is Origin.CARD:
            seen.set("card_ns", now)
        if PictureMark.found(frame.image, part=self._count):
            seen.set("marked_frames", seen.get("marked_frames") + 1)

    def close(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True)
class WatchingAudio:
    """As `WatchingVideo`, for sound; looks for the mark in half seconds."""

    seen: Board

    def __call__(self) -> AudioSink:
        return _WatchingAudio(self.seen)


class _WatchingAudio(AudioSink):
    name = "watching sound sink"

    def __init__(self, seen: Board) -> None:
        self._seen = seen
        self._heard: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
        self._count = 0
        self._mark = ToneMark()

    def open(self) -> None:
        """Nothing to open."""

    def _write(self, block: PersonaBlock) -> None:
        seen = self._seen
        seen.set("blocks", seen.get("blocks") + 1)
        if block.origin is Origin.ENGINE:
            seen.set("persona_blocks", seen.get("persona_blocks") + 1)
            if block.samples.any():
                seen.set("sound_ns", now_ns())
        self._heard.append(block.samples)
        self._count += block.samples.size
        if self._count >= SAMPLE_RATE // 2:
            self._look()

    def _look(self) -> None:
        if self._count >= self._mark.window:
            marked = self._mark.leaked(np.concatenate(self._heard))
            self._seen.set("marked_samples", self._seen.get("marked_samples") + marked)
        self._heard, self._count = [], 0

    def close(self) -> None:
        self._look()
