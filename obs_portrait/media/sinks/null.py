"""Sinks that take everything and keep nothing: for measuring, and for a loop without a listener."""

from __future__ import annotations

from fractions import Fraction

from obs_portrait.media.sinks.base import AudioSink, VideoSink
from obs_portrait.media.types import PersonaBlock, PersonaFrame

__all__ = ["NullAudioSink", "NullVideoSink"]


class NullVideoSink(VideoSink):
    """Counts frames."""

    name = "null"

    def __init__(self) -> None:
        self.frames = 0

    def _open(self, width: int, height: int, rate: Fraction) -> None:
        """Nothing to open."""

    def _write(self, frame: PersonaFrame) -> None:
        self.frames += 1

    def close(self) -> None:
        """Nothing to close."""


class NullAudioSink(AudioSink):
    """Counts samples."""

    name = "null"

    def __init__(self) -> None:
        self.samples = 0

    def open(self) -> None:
        """Nothing to open."""

    def _write(self, block: PersonaBlock) -> None:
        self.samples += block.samples.size

    def close(self) -> None:
        """Nothing to close."""
