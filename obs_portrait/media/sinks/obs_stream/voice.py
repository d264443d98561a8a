"""The voice's way from the audio process to the OBS stream in the video process: a ring in shared memory.

One writer, any number of readers, no lock, nothing that a killed process could leave behind: the writer stores the
samples first and then the count of all samples ever written, and a reader that was too slow jumps. When the writer
is gone there is nothing new, and a reader has silence.
"""

from __future__ import annotations

import math
import multiprocessing
from collections import deque
from ctypes import c_int16, c_int64
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.media.sinks.base import AudioSink
from obs_portrait.media.types import SAMPLE_RATE, PersonaBlock

__all__ = ["VoiceRing", "VoiceRingSink", "VoiceTap"]

_ROOM: Final = 1 << 15
_MS: Final = SAMPLE_RATE // 1000
_LITTLE: Final = 6 * _MS  # what comes 10 ms at a time is late by 5 ms at once when it misses a take
_ENOUGH: Final = 8 * _MS
_MUCH: Final = 14 * _MS
_TOO_MUCH: Final = 80 * _MS
_MOST_HELD: Final = 45 * _MS
_SLOWER: Final = 0.003
_FASTER: Final = 0.002
_WINDOW: Final = 2 * SAMPLE_RATE
_WINDOWS: Final = 5


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
    adds_ns = 33_000_000
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
    """A reader with a small reserve. It is asked in real time, and its answer is always complete.

    What it minds is the slack: what is left in the ring after a take, at its least. When that gets small the voice is
    read slower, when it has been large for 10 s a little faster (by 0.3 and 0.2 %: 5 cents, which nobody hears), so
    that neither a clock that is off nor a writer that comes unevenly ever makes a gap or a growing delay. Otherwise
    samples pass unchanged. Where nothing is there it is silence, with 2 ms of fade before and after; after a gap the
    voice goes on with a larger reserve. What was written before there was this tap it never gives: it may be old, and
    the voice of somebody who has left the stage.
    """

    def __init__(self, ring: VoiceRing | None, reserve: int = 18 * _MS, fade: int = 2 * _MS) -> None:
        self._ring, self._reserve, self._fade = ring, reserve, fade
        self._at = float(ring.written) if ring is not None else 0.0
        self._running = False
        self._hold = float(reserve)
        self._owed = 0.0  # samples by which the slack is too small (read slower) or, negative, too large
        self._least: deque[float] = deque([math.inf], maxlen=_WINDOWS)  # of the slack, in each window; now: the last
        self._left = _WINDOW
        self.gaps = 0
        """How often nothing was there in time."""
        self.jumps = 0
        """How often the tap was so far behind that it left something out."""

    def skip(self) -> None:
        """Leaves out what has waited: the next samples are the newest, as at the beginning."""
        self._running = False

    def take(self, count: int) -> NDArray[np.int16]:
        """The next `count` samples, int16 mono."""
        ring = self._ring
        if ring is None:
            return np.zeros(count, np.int16)
        written = ring.written
        begins = not self._running
        if begins and written < self._at + self._hold:
            return np.zeros(count, np.int16)
        if begins or written - self._at > _TOO_MUCH:
            self.jumps += not begins
            begins = True
            self._at, self._owed, self._running = float(math.ceil(written - self._hold)), 0.0, True
            self._watch_anew()
        needed = count * self._pace
        slack = written - self._at - needed
        if slack < 1:
            return self._gap(ring, written, count)
        out = self._read(ring, count, needed)
        if begins:
            rise = min(self._fade, count)
            out[:rise] = (out[:rise] * np.linspace(0, 1, rise, endpoint=False)).astype(np.int16)
        self._watch(slack, count)
        return out

    @property
    def _pace(self) -> float:
        return 1.0 if not self._owed else 1.0 - _SLOWER if self._owed > 0 else 1.0 + _FASTER

    def _read(self, ring: VoiceRing, count: int, needed: float) -> NDArray[np.int16]:
        if not self._owed:  # then `_at` is a whole number
            out = ring.read(int(self._at), count)
            self._at += count
            return out
        first = int(self._at)
        raw = ring.read(first, int(self._at - first + needed) + 2)
        places = self._at - first + np.arange(count) * (needed / count)
        self._at += needed
        before, self._owed = self._owed, self._owed - (count - needed)
        if before * self._owed <= 0:
            self._owed, self._at = 0.0, float(math.ceil(self._at))
        return np.asarray(np.rint(np.interp(places, np.arange(raw.size), raw)), raw.dtype)

    def _gap(self, ring: VoiceRing, written: int, count: int) -> NDArray[np.int16]:
        """What is left, fading out, and then silence."""
        first = math.ceil(self._at)
        rest = ring.read(first, max(0, min(written - first, count)))
        fall = min(self._fade, rest.size)
        out = np.zeros(count, rest.dtype)
        out[: rest.size] = rest
        out[rest.size - fall : rest.size] = (rest[rest.size - fall :] * np.linspace(1, 0, fall)).astype(np.int16)
        self._at, self._running = float(written), False
        self._hold = min(self._hold + 5 * _MS, _MOST_HELD)
        self.gaps += 1
        return out

    def _watch(self, slack: float, count: int) -> None:
        self._least[-1] = min(self._least[-1], slack)
        self._left -= count
        if slack < _LITTLE:
            self._owed = max(self._owed, _ENOUGH - slack)
        elif self._left <= 0:
            self._left = _WINDOW
            self._hold = max(self._reserve, self._hold - _MS / 4)
            least = min(self._least)
            if not self._owed and least > _MUCH and len(self._least) == _WINDOWS:
                self._owed = _ENOUGH - least
                self._watch_anew()
            else:
                self._least.append(math.inf)

    def _watch_anew(self) -> None:
        self._least.clear()
        self._least.append(math.inf)
        self._left = _WINDOW
