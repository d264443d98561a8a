"""A streaming resampler of constant delay, for devices that do not run at 48 kHz."""

from __future__ import annotations

from math import gcd
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Resampler"]

_HALF: Final = 24  # taps on each side at the lower of both rates


class Resampler:
    """Rational-rate conversion by a windowed-sinc polyphase filter (Crochiere and Rabiner, 1983).

    Blocks of any sizes give bit for bit what one block gives. delay: seconds by which the output lags.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        common = gcd(rate_in, rate_out)
        self._up, self._down = rate_out // common, rate_in // common
        cutoff = min(1.0, rate_out / rate_in)
        reach = int(np.ceil(_HALF / cutoff))
        self._taps = 2 * reach
        # One filter for each of the `up` positions between two input samples.
        phase = np.arange(self._up)[:, None] / self._up
        x = np.arange(-reach + 1, reach + 1)[None] - phase
        window = np.where(np.abs(x) < reach, np.kaiser(2001, 9.0)[np.round((x / reach + 1) * 1000).astype(int)], 0.0)
        kernel = np.sinc(x * cutoff * 0.94) * window
        self._kernel = (kernel / kernel.sum(1, keepdims=True)).astype(np.float32)
        self._buffer = np.zeros(self._taps - 1, np.float32)
        self._next = 0  # position of the next output in units of 1/up input samples, from the buffer's start
        self.delay = reach / rate_in

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) float32 in, about n * out / in samples out; a new array."""
        if self._up == self._down:
            return np.array(samples, np.float32)
        data = np.concatenate([self._buffer, samples])
        last = (len(data) - self._taps) * self._up  # the last position whose taps are all there
        count = max(0, (last - self._next) // self._down + 1) if last >= self._next else 0
        positions = self._next + self._down * np.arange(count)
        starts, phases = positions // self._up, positions % self._up
        windows = (
            data[starts[:, None] + np.arange(self._taps)[None]] if count else np.zeros((0, self._taps), np.float32)
        )
        out = np.asarray(np.einsum("ij,ij->i", windows, self._kernel[phases]), np.float32)
        self._next += self._down * count
        used = self._next // self._up
        self._buffer = data[min(used, len(data)) :].copy()
        self._next -= used * self._up
        return out
