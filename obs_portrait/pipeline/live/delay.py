"""A delay line for sound whose length moves without a click."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["DelayLine"]


_SPARE = 4096
"""Room in the ring beyond the longest delay: the longest piece that is written before it is read."""


class DelayLine:
    """Delays mono float32 by a number of samples that may change while it runs.

    A change is a crossfade of `fade` samples between the old and the new tap (equal gain: both carry the same voice,
    so the sum never exceeds the louder one). While one fade runs a newer target waits for its end. Feeding a signal in
    blocks of any size gives what feeding it whole gives as long as the target stays.

    It stands before the converter, not behind it: what comes out is still a `MicBlock` with its true capture time, so
    that a switch of persona "at capture time t" means the same moment in sound and picture whatever the delay is, and
    nothing between the guard and a sink ever touches a sealed block.
    """

    def __init__(self, most: int, fade: int = 960) -> None:
        if most < 0 or fade < 1:
            raise ValueError("The longest delay must be 0 or more and the fade 1 or more samples.")
        self.most, self.fade = most, fade
        self._ring = np.zeros(most + _SPARE, np.float32)
        self._head = 0  # where the next sample goes
        self._delay = 0
        self._target = 0
        self._from = 0
        self._faded = fade  # samples of the running fade that are done; == fade: none runs

    @property
    def delay(self) -> int:
        """The delay in samples that holds now, or that the running fade leads to."""
        return self._delay

    def forget(self) -> None:
        """What is under way is silence; the delay stays, and a running fade is over."""
        self._ring[:] = 0
        self._from, self._faded = self._delay, self.fade

    def aim(self, delay: int) -> None:
        """Asks for another delay in samples, clipped to what the line can hold; reached by crossfade."""
        self._target = min(max(int(delay), 0), self.most)

    def process(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) float32 in, (n,) float32 out, a new array."""
        out = np.empty(samples.size, np.float32)
        done = 0
        while done < samples.size:
            if self._faded == self.fade and self._target != self._delay:
                self._from, self._delay, self._faded = self._delay, self._target, 0
            # A piece no longer than the ring's spare room, so that taps never read what was just overwritten.
            count = min(samples.size - done, _SPARE)
            if self._faded < self.fade:
                count = min(count, self.fade - self._faded)
            self._piece(samples[done : done + count], out[done : done + count])
            done += count
        return out

    def _piece(self, samples: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        at = np.arange(self._head, self._head + samples.size)
        self._ring[at % self._ring.size] = samples
        np.take(self._ring, (at - self._delay) % self._ring.size, out=out)
        if self._faded < self.fade:
            old = self._ring[(at - self._from) % self._ring.size]
            weight = ((self._faded + np.arange(1, samples.size + 1)) / self.fade).astype(np.float32)
            out += (old - out) * (np.float32(1.0) - weight)
            self._faded += samples.size
            if self._faded == self.fade:
                self._from = self._delay
        self._head = (self._head + samples.size) % self._ring.size
