"""Sinks that carry capture times instead of the persona: the real chain, with marks that can be read back in OBS.

They take what every sink takes, sealed frames and blocks, and send only the time in them and the persona's picture
below it; the voice is replaced by chirps.
"""

from __future__ import annotations

import numpy as np

from obs_portrait.media.sinks.base import AudioSink, VideoSink
from obs_portrait.media.sinks.obs_stream.sink import ObsStreamSink
from obs_portrait.media.sinks.obs_stream.voice import VoiceRing, VoiceRingSink
from obs_portrait.media.types import PersonaBlock, PersonaFrame
from obs_portrait.obs.latency import pattern

__all__ = ["MakeStampedStream", "MakeStampedVoice"]


class _StampedStream(ObsStreamSink):
    def _write(self, frame: PersonaFrame) -> None:
        import cv2

        if self._server is not None:
            image = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGRA)
            pattern.draw(np.asarray(image), frame.captured_ns // 1_000_000)
            self._server.show(np.asarray(image))


class _StampedVoice(AudioSink):
    name = "OBS stream"

    def __init__(self, ring: VoiceRing) -> None:
        self._ring = ring

    def open(self) -> None:
        """Nothing to open."""

    def _write(self, block: PersonaBlock) -> None:
        sound = pattern.chirps(block.captured_ns, block.samples.size)
        self._ring.write(np.rint(sound * np.float32(32767)).astype(np.int16))

    def close(self) -> None:
        """Nothing to release."""


class MakeStampedStream:
    """Picklable: makes the picture's sink in the video process."""

    def __init__(self, port: int, ring: VoiceRing) -> None:
        self.port, self.ring = port, ring

    def __call__(self) -> VideoSink:
        return _StampedStream(self.port, self.ring)


class MakeStampedVoice:
    """Picklable: makes the voice's sink in the audio process."""

    def __init__(self, ring: VoiceRing) -> None:
        self.ring = ring

    def __call__(self) -> AudioSink:
        sink = _StampedVoice(self.ring)
        sink.adds_ns = VoiceRingSink.adds_ns
        return sink
