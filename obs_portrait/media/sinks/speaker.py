"""A sound device as the persona's voice: a loudspeaker, headphones, or a virtual cable that OBS listens to."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.media import portaudio
from obs_portrait.media.devices import find_sound_device
from obs_portrait.media.resample import Resampler
from obs_portrait.media.sinks.base import AudioSink
from obs_portrait.media.types import SAMPLE_RATE, PersonaBlock

__all__ = ["SpeakerSink"]

_RING: Final = 1 << 15
_PREFILL: Final = 960  # samples before the device is fed: 20 ms
_HIGH: Final = 2880  # samples above which the device's clock is taken to be the slower one (more for large gulps)
_FADE: Final = 96  # samples of every join that would click
_DEAD: Final = 2.0  # seconds without a call from the device


class SpeakerSink(AudioSink):
    """Writes into a ring that the device empties at its own pace.

    The device's clock and the microphone's are never quite the same: when the ring runs full, 2 ms are left out behind
    a cross-fade (`dropped`); when it runs dry, the last sound fades out and silence follows until it has refilled
    (`underruns`). `_write` never waits.
    """

    def __init__(self, which: str | None = None) -> None:
        self._which = which
        self.name = "loudspeaker" if which is None else f"loudspeaker {which}"
        self.underruns = 0
        self.dropped = 0
        self._stream: Any = None
        self._lock = threading.Lock()

    def open(self) -> None:
        device = find_sound_device(self._which, "output")
        self.name = f"loudspeaker {device.name}"
        self._ring = np.zeros(_RING, np.float32)
        self._written = self._read = 0
        self._filling = True
        self._gulp = 0  # the most samples that the device took at a time
        self._last = np.float32(0)
        self._alive = threading.Event()
        self._gone = False
        self._beat = time.monotonic()
        self._stream = portaudio.start(
            "output", self.name, device, self._prepare, callback=self._callback, finished_callback=self._finished
        )
        if not self._alive.wait(_DEAD):
            self.close()
            raise MediaError(f"{self.name} was opened but takes no sound; choose another or restart the sound server.")

    def _prepare(self, rate: int) -> None:
        self._resampler = Resampler(SAMPLE_RATE, rate)

    def _callback(self, data: NDArray[np.float32], frames: int, when: Any, status: Any) -> None:
        self._beat = time.monotonic()
        self._alive.set()
        with self._lock:
            there = self._written - self._read
            self._gulp = max(self._gulp, frames)
            if self._filling and there < min(max(_PREFILL, 2 * frames), _RING // 2):
                data[:] = 0
                return
            starting, self._filling = self._filling, False
            count = min(there, frames)
            sound = self._ring[(self._read + np.arange(count)) % _RING]
            self._read += count
            if count < frames:  # dry: fade out from where the sound stands
                self.underruns += 1
                self._filling = True
                last = sound[-1] if count else self._last
                tail = np.zeros(frames - count, np.float32)
                fade = min(_FADE, tail.size)
                tail[:fade] = last * np.linspace(1, 0, fade, dtype=np.float32)
                sound = np.concatenate([sound, tail])
            if starting:
                fade = min(_FADE, sound.size)
                sound[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
            self._last = sound[-1] if sound.size else self._last
        data[:] = sound[:, None]

    def _finished(self) -> None:
        self._gone = True

    def _write(self, block: PersonaBlock) -> None:
        # PortAudio does not always tell that a device has gone: some simply ask for nothing any more.
        if self._stream is None or self._gone or time.monotonic() - self._beat > _DEAD:
            raise MediaError(f"{self.name} is gone; plug it in again or choose another.")
        sound = self._resampler(block.samples)
        with self._lock:
            if (
                self._written - self._read > min(max(_HIGH, 4 * self._gulp), _RING // 2 + _HIGH)
                and sound.size > 2 * _FADE
            ):
                ramp = np.linspace(0, 1, _FADE, dtype=np.float32)
                joined = sound[_FADE:].copy()
                joined[:_FADE] = sound[:_FADE] * (1 - ramp) + sound[_FADE : 2 * _FADE] * ramp
                self.dropped += _FADE
                sound = joined
            room = _RING - (self._written - self._read)
            sound = sound[:room]
            self._ring[(self._written + np.arange(sound.size)) % _RING] = sound
            self._written += sound.size

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            portaudio.stop(stream)
