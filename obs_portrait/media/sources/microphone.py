"""A microphone through PortAudio, stamped on the monotonic clock."""

from __future__ import annotations

import threading
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.clock import now_ns
from obs_portrait.errors import MediaError
from obs_portrait.media import portaudio
from obs_portrait.media.devices import find_sound_device
from obs_portrait.media.resample import Resampler
from obs_portrait.media.sources.base import AudioSource
from obs_portrait.media.types import SAMPLE_RATE, MicBlock

__all__ = ["MicrophoneSource"]

_RING: Final = 1 << 16  # samples at 48 kHz, 1.4 s: more than any reader may ever be late
_USUAL_NS: Final = 60_000_000  # a sample's age at arrival on most devices
_SETTLE: Final = 1.5  # seconds that a device has to get there; PulseAudio tells ages of up to 0.4 s for the first one
_DEAD: Final = 2.0  # seconds without a callback: PortAudio sometimes opens a stream that never runs


class MicrophoneSource(AudioSource):
    """The default microphone, or one by number or by a part of its name. The first channel pair is mixed to mono."""

    live = True

    def __init__(self, which: str | None = None, block: int = 240) -> None:
        """block: samples that the device is asked to deliver at a time."""
        self._which, self._block = which, block
        self.name = "microphone" if which is None else f"microphone {which}"
        self.overflows = 0
        self._stream: Any = None
        self._filled = threading.Condition()

    def open(self) -> None:
        device = find_sound_device(self._which, "input")
        self.name = f"microphone {device.name}"
        self._ring = np.zeros(_RING, np.float32)
        self._written = self._read = 0
        self._stamp_ns, self._stamp_at, self._age_ns, self._last_ns = 0, 0, _USUAL_NS, -1
        self._gone = False
        self._stream = portaudio.start(
            "input",
            self.name,
            device,
            self._prepare,
            blocksize=self._block,
            callback=self._callback,
            finished_callback=self._finished,
        )
        # Wait for life before saying that it works.
        with self._filled:
            if not self._filled.wait_for(lambda: self._written > 0 or self._gone, _DEAD):
                self._gone = True
            self._filled.wait_for(lambda: self._age_ns < _USUAL_NS or self._gone, _SETTLE)
            self._first = self._read = self._written  # sound from before now is of no use to anybody
        if self._gone:
            self.close()
            raise MediaError(f"{self.name} was opened but gives no sound; choose another or restart the sound server.")

    def _prepare(self, rate: int) -> None:
        self._rate = rate
        self._resampler = Resampler(rate, SAMPLE_RATE)

    def _callback(self, data: NDArray[np.float32], frames: int, when: Any, status: Any) -> None:
        now = now_ns()
        if status.input_overflow:
            self.overflows += 1
        mono = data.mean(axis=1, dtype=np.float32)
        bad = ~np.isfinite(mono)
        if bad.any():
            self.damaged += int(bad.sum())
            mono[bad] = 0.0
        # PortAudio's clock differs between host systems; only the difference to its own "now" is used.
        # Its first sample cannot be younger than the block is long, whatever the host system says.
        age = when.currentTime - when.inputBufferAdcTime
        age = max(age if age < 1.0 else 0.0, frames / self._rate)
        out = self._resampler(mono)
        with self._filled:
            at = self._written % _RING
            head = min(out.size, _RING - at)
            self._ring[at : at + head] = out[:head]
            self._ring[: out.size - head] = out[head:]
            self._age_ns = int(age * 1e9)
            self._stamp_ns = now - self._age_ns - int(self._resampler.delay * 1e9)
            self._stamp_at = self._written
            self._written += out.size
            self._filled.notify_all()

    def _finished(self) -> None:
        with self._filled:
            self._gone = True
            self._filled.notify_all()

    def read(self, samples: int) -> MicBlock | None:
        if self._stream is None:
            raise MediaError(f"{self.name}: read before it was opened.")
        with self._filled:
            if self._written - self._read > _RING - samples:  # far too late: what was overwritten is lost
                self._read = self._written - samples
                self.overflows += 1
            ready = self._filled.wait_for(lambda: self._written - self._read >= samples or self._gone, _DEAD)
            if not ready or self._written - self._read < samples:
                raise MediaError(f"{self.name} stopped giving sound; plug it in again or choose another.")
            index = (self._read + np.arange(samples)) % _RING
            block = self._ring[index]
            captured = self._stamp_ns + (self._read - self._stamp_at) * 1_000_000_000 // SAMPLE_RATE
            self._last_ns = captured = max(captured, self._last_ns + 1)  # the device's ages jitter; time does not
            position, self._read = self._read, self._read + samples
        return MicBlock(block, captured, position - self._first)

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            portaudio.stop(stream)
