"""How good a conversion is, in numbers: pitch, formants, level and delay. Offline, plain numpy, independent of the
converter's own pitch tracker. Signals are (n,) mono at 48 kHz, any float type."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from obs_portrait.media.types import SAMPLE_RATE

__all__ = [
    "delay_samples",
    "formant_ratios",
    "formants",
    "level_db",
    "median_pitch",
    "pitch_error_cents",
    "pitch_track",
]

HOP_S: Final = 0.01
_VOICED: Final = 0.5
_OCTAVE_COST: Final = 0.02
_ORDER: Final = 10


def level_db(samples: ArrayLike) -> float:
    """RMS level in dB of full scale; -inf for silence."""
    x = np.asarray(samples, np.float64)
    power = float(np.mean(x * x)) if x.size else 0.0
    return 10.0 * float(np.log10(power)) if power > 0.0 else float("-inf")


def _resampled(samples: ArrayLike, rate: float) -> NDArray[np.float64]:
    """The whole signal at a lower rate, by cutting its spectrum."""
    x = np.asarray(samples, np.float64)
    count = round(x.size * rate / SAMPLE_RATE)
    spectrum = np.fft.rfft(x)[: count // 2 + 1]
    return np.asarray(np.fft.irfft(spectrum, count) * (count / x.size))


def pitch_track(samples: ArrayLike, low: float = 60.0, high: float = 500.0) -> NDArray[np.float64]:
    """f0 in Hz every 10 ms (frame k is about k * 10 ms), 0 where unvoiced.

    Autocorrelation of a Hann window of three longest periods, divided by the window's own (P. Boersma, 1993), the
    best peak in each frame, then octave jumps of single frames taken out by a median over five frames.
    """
    rate = 16_000
    x = _resampled(samples, rate)
    size, hop = int(3 * rate / low), round(rate * HOP_S)
    if x.size < hop:
        return np.zeros(0)
    x = np.pad(x, size // 2)
    frames = sliding_window_view(x, size)[::hop]
    frames = frames - frames.mean(axis=1, keepdims=True)
    window = np.hanning(size)
    length = 1 << int(np.ceil(np.log2(2 * size)))
    lags = np.arange(int(rate / high), int(rate / low) + 2)

    def correlation(signal: NDArray[np.float64]) -> NDArray[np.float64]:
        power = np.abs(np.fft.rfft(signal, length, axis=-1)) ** 2
        return np.asarray(np.fft.irfft(power, length, axis=-1))

    top = lags[-1] + 2
    r, own = correlation(frames * window)[:, :top], correlation(window)[:top]
    loud = np.sqrt(np.mean(frames**2, axis=1))
    r = r / np.maximum(r[:, :1], 1e-12) / (own / own[0])
    inside = r[:, lags]
    peak = (inside >= r[:, lags - 1]) & (inside > r[:, lags + 1])
    worth = np.where(peak, inside - _OCTAVE_COST * np.log2(lags / lags[0]), -1.0)
    best = np.argmax(worth, axis=1)
    rows = np.arange(len(r))
    at = lags[best]
    left, middle, right = r[rows, at - 1], r[rows, at], r[rows, at + 1]
    bend = left - 2 * middle + right
    shift = np.where(bend < -1e-12, 0.5 * (left - right) / np.where(bend < -1e-12, bend, -1.0), 0.0)
    hz = rate / (at + np.clip(shift, -1, 1))
    voiced = (middle > _VOICED) & (loud > 0.03 * loud.max(initial=0.0)) & (loud > 1e-4)
    hz = np.where(voiced, hz, 0.0)
    # a lone octave error has five neighbours that say otherwise
    around = sliding_window_view(np.pad(hz, 2), 5)
    medians = np.array([np.median(row[row > 0]) if np.count_nonzero(row) >= 3 else 0.0 for row in around])
    wrong = (hz > 0) & (medians > 0) & (np.abs(np.log2(np.where(hz > 0, hz, 1) / np.maximum(medians, 1))) > 0.4)
    return np.asarray(np.where(wrong, 0.0, hz))


def median_pitch(samples: ArrayLike, low: float = 60.0, high: float = 500.0) -> float:
    """Median f0 in Hz of the voiced frames, 0 if there are none."""
    hz = pitch_track(samples, low, high)
    return float(np.median(hz[hz > 0])) if np.any(hz > 0) else 0.0


def pitch_error_cents(source: ArrayLike, converted: ArrayLike, ratio: float) -> float:
    """Median |error| in cents of the converted pitch against the source's times `ratio`, over frames voiced in both.

    Both signals aligned. nan if no frame is voiced in both.
    """
    before = pitch_track(source)
    after = pitch_track(converted, max(45.0, 60.0 * min(1.0, ratio)), 500.0 * max(1.0, ratio))
    count = min(before.size, after.size)
    before, after = before[:count], after[:count]
    both = (before > 0) & (after > 0)
    if not both.any():
        return float("nan")
    return float(np.median(np.abs(1200.0 * np.log2(after[both] / (before[both] * ratio)))))


def _burg(frame: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Linear prediction by Burg's method: coefficients 1, a1 … a_order of the whitening filter."""
    a = np.array([1.0])
    forward, backward = frame[1:].copy(), frame[:-1].copy()
    for _ in range(order):
        power = np.dot(forward, forward) + np.dot(backward, backward)
        k = -2.0 * np.dot(forward, backward) / power if power > 0 else 0.0
        padded = np.append(a, 0.0)
        a = padded + k * padded[::-1]
        forward, backward = (forward + k * backward)[1:], (backward + k * forward)[:-1]
    return a


def formants(samples: ArrayLike, ceiling: float = 5250.0) -> NDArray[np.float64]:
    """(frames, 3) float64: F1 to F3 in Hz every 10 ms, nan where a frame has fewer or is quiet.

    Burg's linear prediction of order 10 below `ceiling` Hz (for voices shifted by alpha use alpha times the ceiling),
    Gaussian windows of 50 ms, pre-emphasis from 50 Hz on; roots below 50 Hz or near the ceiling are no formants.
    """
    rate = 2.0 * ceiling
    x = _resampled(samples, rate)
    x = np.append(x[:1], x[1:] - np.exp(-2 * np.pi * 50.0 / rate) * x[:-1])
    size, hop = int(0.05 * rate), rate * HOP_S
    window = np.exp(-12.0 * (np.arange(size) / size - 0.5) ** 2 * 4)
    x = np.pad(x, size // 2)
    count = int((x.size - size) / hop) + 1
    frames = np.array([x[int(k * hop) : int(k * hop) + size] for k in range(count)])
    loud = np.sqrt(np.mean(frames**2, axis=1))
    out = np.full((count, 3), np.nan)
    for k in np.flatnonzero(loud > 0.1 * np.percentile(loud, 95)):
        roots = np.roots(_burg(frames[k] * window, _ORDER))
        hz = np.sort(np.angle(roots[roots.imag > 0]) * rate / (2 * np.pi))
        hz = hz[(hz > 50.0) & (hz < ceiling - 50.0)]
        if hz.size >= 3:
            out[k] = hz[:3]
    return out


def formant_ratios(source: ArrayLike, converted: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """(3,) median ratio of the converted F1 to F3 to the source's, over voiced frames; ideally all are `alpha`."""
    voiced = pitch_track(source) > 0
    before, after = formants(source), formants(converted, 5250.0 * alpha)
    count = min(len(before), len(after), voiced.size)
    ratio = (after[:count] / before[:count])[voiced[:count]]
    return np.asarray(np.nanmedian(ratio, axis=0))


def delay_samples(source: ArrayLike, converted: ArrayLike, longest: int = SAMPLE_RATE // 5) -> int:
    """Delay of `converted` in samples, where the envelopes (1 ms) of both signals agree best: pitch and formants may
    have changed, so their waves need not."""
    x, y = (np.asarray(s, np.float64) for s in (source, converted))
    kernel = np.hanning(49) / 24.0

    def envelope(signal: NDArray[np.float64]) -> NDArray[np.float64]:
        smooth = np.sqrt(np.convolve(signal**2, kernel, "same").clip(0.0))
        return np.asarray(smooth - smooth.mean())

    a, b = envelope(x), envelope(y)
    length = 1 << int(np.ceil(np.log2(a.size + b.size)))
    cross = np.fft.irfft(np.fft.rfft(b, length) * np.conj(np.fft.rfft(a, length)), length)
    return int(np.argmax(cross[: longest + 1]))
