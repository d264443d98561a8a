"""What carries a time through cameras of glass: a bar code in the picture, a chirp in the sound.

The bar code says the milliseconds of the monotonic clock modulo 2^24 (4.7 hours) in 24 bits and 8 bits of check sum,
one field of 1/32 of the width each, at the top of the picture: it survives scaling, 4:2:0 chroma and an encoder.
The chirp is a linear sweep of 24 ms that begins at every whole second of the same clock; it is found by its matched
filter, to a fraction of a millisecond.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.media.types import SAMPLE_RATE

__all__ = ["CHIRP", "EVERY_MS", "WRAP_MS", "chirps", "draw", "find_chirps", "read"]

WRAP_MS: Final = 1 << 24
EVERY_MS: Final = 1000
"""A chirp begins at every multiple of this."""
_BITS: Final = 24
_FIELDS: Final = 32
_RISE: Final = SAMPLE_RATE // 500


def _chirp() -> NDArray[np.float32]:
    count = SAMPLE_RATE * 24 // 1000
    at = np.arange(count) / SAMPLE_RATE
    phase = 2 * np.pi * (800 * at + (4000 - 800) / (2 * count / SAMPLE_RATE) * at**2)
    window = np.ones(count)
    window[:_RISE] = np.linspace(0, 1, _RISE)
    window[-_RISE:] = np.linspace(1, 0, _RISE)
    return (0.5 * np.sin(phase) * window).astype(np.float32)


CHIRP: Final = _chirp()
"""(1152,) float32 at `SAMPLE_RATE`."""


def _check(value: int) -> int:
    return (value * 167 + (value >> 8) * 59 + (value >> 16) * 29 + 0x5A) & 0xFF


def draw(image: NDArray[np.uint8], ms: int) -> None:
    """Writes the time into (H, W, 3 or 4) uint8, in place."""
    value = ms % WRAP_MS
    bits = value << 8 | _check(value)
    height, width = image.shape[:2]
    edges = np.linspace(0, width, _FIELDS + 1).round().astype(int)
    row = np.zeros(width, np.uint8)
    for field in range(_FIELDS):
        row[edges[field] : edges[field + 1]] = 255 * (bits >> (_FIELDS - 1 - field) & 1)
    image[: max(4, height // 12)] = row[None, :, None]


def read(image: NDArray[np.uint8]) -> int | None:
    """The time in a picture of any size, or None if there is none that can be read with certainty."""
    if image.size == 0:
        return None
    height, width = image.shape[:2]
    strip = image[height // 48 : max(height // 48 + 1, height // 16)].mean(axis=(0, 2))
    centres = ((np.arange(_FIELDS) + 0.5) * width / _FIELDS).astype(int)
    bits = 0
    for level in strip[centres]:
        bits = bits << 1 | int(level > 127)
    value, check = bits >> 8, bits & 0xFF
    return value if check == _check(value) else None


def chirps(first_ns: int, count: int) -> NDArray[np.float32]:
    """(count,) float32: the sound from `first_ns` of the monotonic clock on, in pieces of any size."""
    out = np.zeros(count, np.float32)
    every = EVERY_MS * 1_000_000
    begin = (first_ns // every) * every
    while begin < first_ns + count * 1e9 / SAMPLE_RATE:
        at = round((begin - first_ns) * SAMPLE_RATE / 1e9)
        low, high = max(at, 0), min(at + CHIRP.size, count)
        if low < high:
            out[low:high] = CHIRP[low - at : high - at]
        begin += every
    return out


def find_chirps(sound: NDArray[np.float32]) -> list[float]:
    """Where chirps begin, in s from the beginning of (n,) float32 mono at `SAMPLE_RATE`."""
    if sound.size < CHIRP.size:
        return []
    size = 1 << int(np.ceil(np.log2(sound.size + CHIRP.size)))
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(CHIRP, size))
    match = np.abs(np.fft.irfft(spectrum, size)[: sound.size])
    loudest = float(match.max())
    energy = float((CHIRP.astype(np.float64) ** 2).sum())
    if loudest < 0.02 * energy:
        return []
    found: list[float] = []
    gap = SAMPLE_RATE * EVERY_MS // 2000
    order = np.argsort(match)[::-1][:4000]
    for at in sorted(int(place) for place in order[match[order] > 0.5 * loudest]):
        if found and at - found[-1] * SAMPLE_RATE < gap:
            if match[at] > match[round(found[-1] * SAMPLE_RATE)]:
                found[-1] = at / SAMPLE_RATE
        else:
            found.append(at / SAMPLE_RATE)
    return found
