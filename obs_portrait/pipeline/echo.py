"""Is this sound a copy of the microphone's? Cheap enough for every block.

The guard asks before it seals anything. What is found: a converter that hands back what it was given, delayed, louder
or softer, with the other sign.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.media.types import SAMPLE_RATE

__all__ = ["ECHO_CORRELATION", "EchoCheck"]

ECHO_CORRELATION: Final = 0.985
"""Pre-emphasised output that correlates better than this with the microphone at one delay is the microphone."""

_AUDIBLE: Final = 1e-4
"""-80 dB, RMS of pre-emphasised output (about -65 dB of speech): below it nobody hears anything, whatever it is."""
_NUMBERS: Final = 1e-5
"""-100 dB, the same of the microphone: a floor for the arithmetic alone, for a soft microphone may be made loud."""
_SIZE: Final = 8192
_WINDOW: Final = 1952
_SPAN: Final = _SIZE - _WINDOW + 1
"""Delays that one correlation of `_SIZE` looks at: 130 ms, so that one is enough for a converter of 30 ms."""
_BEYOND: Final = SAMPLE_RATE // 10
_EVERY: Final = SAMPLE_RATE // 25
_LEAST: Final = 64
_FEW: Final = 12.0


class EchoCheck:
    """Watches one converter's output for what it was fed.

    Each block is compared at the delays that a converter that does nothing would have (0 and its stated latency); every
    40 ms the last 41 ms of output are compared at *all* delays up to the stated latency and 100 ms more. Of a converter
    with more than 30 ms that is done in parts of 130 ms, one every 20 ms. What is found out late must not go on between
    two looks: the converter then counts as an echo until the next round and 80 ms have passed without one.
    """

    def __init__(self, latency: int) -> None:
        """`latency`: the converter's stated delay in samples."""
        self.latency = latency
        self._reach = latency + _BEYOND
        self._parts = -(-(self._reach + 1) // _SPAN)
        self._heard = np.zeros(self._parts * _SPAN + _WINDOW, np.float32)
        self._made = np.zeros(_WINDOW + 1, np.float32)
        self._every = _EVERY if self._parts == 1 else _EVERY // 2
        self._part = 0  # that is looked at next
        self._since = 0
        self._guilty = 0  # samples for which the converter is not trusted

    def is_echo(self, made: NDArray[np.float32], fed: NDArray[np.float32]) -> bool:
        """`made`: (n,) finite output for the input block `fed` (n,). Call for every block, with zeros for one that came
        to nothing."""
        self._heard = _push(self._heard, fed)
        self._made = _push(self._made, made)
        self._guilty = max(0, self._guilty - made.size)
        self._since += made.size
        for _ in range(min(self._since // self._every, self._parts)):
            if self._matches_in_part(self._part):
                self._guilty = self._parts * self._every + 2 * _EVERY
            self._part = (self._part + 1) % self._parts
        self._since %= self._every
        count = min(max(made.size, _LEAST), _WINDOW)
        return self._guilty > 0 or any(self._matches(delay, count) for delay in {0, self.latency})

    def _matches(self, delay: int, count: int) -> bool:
        end = self._heard.size - delay
        a, b = np.diff(self._made[-count:]), np.diff(self._heard[end - count : end])
        own, theirs = float(np.dot(a, a)), float(np.dot(b, b))
        if own < _AUDIBLE**2 * count or theirs < _NUMBERS**2 * count:
            return False
        if float(np.dot(a, b)) ** 2 < ECHO_CORRELATION**2 * own * theirs:
            return False
        squares = b * b  # the first samples after silence: any two of them look alike
        if float(squares.sum()) ** 2 <= _FEW * float(np.dot(squares, squares)):
            return False
        # A converter may place the first period of a loud vowel where it was; what it made of its timbre is in the
        # treble, which weighs more in the second difference (measured: 0.90 to 0.95 there, 0.97 to 0.99 in the first).
        a, b = np.diff(a), np.diff(b)
        return float(np.dot(a, b)) ** 2 >= ECHO_CORRELATION**2 * float(np.dot(a, a)) * float(np.dot(b, b))

    def _matches_in_part(self, part: int) -> bool:
        """Whether the newest output is what was heard at one of the delays from `part` times `_SPAN` on."""
        a = np.diff(self._made)
        own = float(np.dot(a, a))
        if own < _AUDIBLE**2 * a.size:
            return False
        first = part * _SPAN
        end = self._heard.size - first
        b = np.diff(self._heard[end - _SIZE - 1 : end])
        spectrum = np.fft.rfft(b, _SIZE) * np.conj(np.fft.rfft(a, _SIZE))
        cross = np.fft.irfft(spectrum, _SIZE)[:_SPAN]
        power = np.concatenate(([0.0], np.cumsum(b.astype(np.float64) ** 2)))
        theirs = np.maximum(power[_WINDOW:] - power[:_SPAN], _NUMBERS**2 * a.size)
        likeness = cross**2 / theirs
        best = int(likeness.argmax())
        return bool(likeness[best] > ECHO_CORRELATION**2 * own) and self._matches(first + _SPAN - 1 - best, _WINDOW)


def _push(line: NDArray[np.float32], block: NDArray[np.float32]) -> NDArray[np.float32]:
    if block.size >= line.size:
        return block[-line.size :].copy()
    return np.concatenate((line[block.size :], block))
