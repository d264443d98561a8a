"""The voice's way from the audio process to the OBS stream in the video process: a ring in shared memory.

One writer, any number of readers, no lock, nothing that a killed process could leave behind: the writer stores the
samples first and then the count of all samples ever written, and a reader that was too slow jumps. When the writer
is gone there is nothing new, and a reader has silence.
"""

from __future__ import annotations

import multiprocessing
from ctypes import c_int16, c_int64
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.media.sinks.base import AudioSink
from obs_portrait.media.types import SAMPLE_RATE, PersonaBlock

__all__ = ["VoiceRing", "VoiceRingSink", "VoiceTap"]

_ROOM: Final = 1 << 15
_MS: Final = SAMPLE_RATE // 1000


class VoiceRing:
    """Made by the session, passed to both processes through the spawn arguments (as `pipeline.live.board.Board`)."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._samples: Any = context.RawArray(c_int16, _ROOM)
        self._count: Any = context.RawValue(c_int64, 0)

    @property
    def written(self) -> int:
        """Samples that were ever written."""
        return int(self._count.value)

    def write(self, samples: NDArray[np.int16]) -> None:
        """(n,) int16. By the one writer only."""
        ring = np.frombuffer(self._samples, np.int16)
        count = self.written
        samples = samples[-_ROOM // 2 :]
        at = count % _ROOM
        first = min(samples.size, _ROOM - at)
        ring[at : at + first] = samples[:first]
        ring[: samples.size - first] = samples[first:]
        self._count.value = count + samples.size  # last: a reader never sees a count without its samples

    def read(self, start: int, count: int) -> NDArray[np.int16]:
        """Samples `start` to `start + count`, which must have been written and not yet overwritten."""
        ring = np.frombuffer(self._samples, np.int16)
        at = start % _ROOM
        return np.concatenate((ring[at : at + count], ring[: max(0, at + count - _ROOM)]))


class VoiceRingSink(AudioSink):
    """In the audio process. It takes sealed blocks only, as every sink does."""

    name = "OBS stream"
    adds_ns = 30_000_000
    """What the stream adds to the voice compared with the picture: the tap's reserve and the stamps' distance. Measured
    in OBS 29.0.2 on Linux (bench/obs_stream.py, which does not take it off): 37 ms, after some restarts 16."""

    def __init__(self, ring: VoiceRing) -> None:
        self._ring = ring

    def open(self) -> None:
        """Nothing to open."""

    def _write(self, block: PersonaBlock) -> None:
        self._ring.write(np.rint(block.samples * np.float32(32767)).astype(np.int16))

    def close(self) -> None:
        """Nothing to release."""


class VoiceTap:
    """A reader with a small reserve. It is asked in real time, and its answer is always complete: where nothing is
    there it is silence, and where the writer's clock runs faster or slower than ours it is read that much faster or
    slower (at most 0.3 %, which nobody hears). While the reserve is as it should be samples pass unchanged."""

    def __init__(self, ring: VoiceRing | None, reserve: int = 15 * _MS) -> None:
        self._ring, self._reserve = ring, reserve
        self._at = 0.0
        self._fill = float(reserve)
        self._running = False
        self._bent = False
        self.gaps = 0
        """Blocks that were not there in time."""
        self.jumps = 0
        """How often the tap was so far behind that it left something out."""

    def skip(self) -> None:
        """Leaves out what has waited: the next samples are the newest, as at the beginning."""
        self._running = False

    def take(self, count: int) -> NDArray[np.int16]:
        """The next `count` samples, int16 mono."""
        if self._ring is None:
            return np.zeros(count, np.int16)
        written = self._ring.written
        if not self._running:
            if written < self._at + self._reserve or written == 0:
                self._at = min(self._at, written) if written else 0.0
                return np.zeros(count, np.int16)
            self._at, self._fill, self._running = float(written - self._reserve), float(self._reserve), True
        fill = written - self._at
        if fill > 80 * _MS:
            self._at, fill = float(written - self._reserve), float(self._reserve)
            self.jumps += 1
        self._fill += 0.02 * (fill - self._fill)
        pace = self._pace()
        needed = count * pace
        if fill < needed + 1:
            self._running = False
            self._at = float(written)
            self.gaps += 1
            return np.zeros(count, np.int16)
        if pace == 1.0 and self._at == int(self._at):
            out = self._ring.read(int(self._at), count)
            self._at += count
            return out
        first = int(self._at)
        raw = self._ring.read(first, min(int(needed) + 3, written - first)).astype(np.float32)
        places = self._at - first + np.arange(count) * pace
        self._at += needed
        if not self._bent:
            self._at = float(round(self._at))
        out = np.rint(np.interp(places, np.arange(raw.size), raw)).astype(np.int16)
        return np.asarray(out, np.int16)

    def _pace(self) -> float:
        """Bends when the reserve is 6 ms off, and goes on until it is 1 ms off."""
        off = self._fill - self._reserve
        if abs(off) > 6 * _MS:
            self._bent = True
        elif abs(off) < _MS:
            self._bent = False
        return (
            1.0 + max(-0.003, min(0.003, off / (10 * SAMPLE_RATE) + (0.001 if off > 0 else -0.001)))
            if self._bent
            else 1.0
        )
