"""Loudness and true peak as Recommendation ITU-R BS.1770-4 defines them, and clips brought to a loudness.

Loudness (annex 1): K-weighting (a high shelf for the head, a high pass), mean square in blocks of 400 ms that overlap
by three quarters, summed over channels, gated at -70 LUFS and then at 10 LU below the mean of what is left.
True peak (annex 2): the highest value of the signal at four times the rate.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.obs.clips.edit.filtering import Chain
from obs_portrait.obs.clips.edit.making import Made, Progress, producing, silent
from obs_portrait.obs.clips.edit.reading import RATE, Reader, Sound
from obs_portrait.obs.clips.edit.remake import Changes, remake

__all__ = ["Loudness", "Meter", "measure", "normalise"]

_STEP: Final = RATE // 10
_SHELF: Final = (1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585)
_HIGH_PASS: Final = (1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621)
_COEFFICIENTS: Final = np.array([_SHELF, _HIGH_PASS])
"""b0 b1 b2 a1 a2 of both filters at 48 kHz, the tables of annex 1."""
_OVER: Final = 4
_TAPS: Final = 12
_CEILING_DB: Final = -1.0
"""True peak in dBTP that streaming services ask to stay below, because their encoders overshoot."""
_LIMIT_DB: Final = -1.5
"""The limiter looks at samples, not between them: half a dB is left for that."""


class Loudness:
    """lufs: integrated loudness, -inf for silence. peak_db: true peak in dBTP."""

    def __init__(self, lufs: float, peak_db: float) -> None:
        self.lufs, self.peak_db = lufs, peak_db

    def __repr__(self) -> str:
        return f"Loudness({self.lufs:.1f} LUFS, {self.peak_db:.1f} dBTP)"


@numba.njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _weigh(samples: NDArray[np.float64], coefficients: NDArray[np.float64], state: NDArray[np.float64]) -> None:
    """Both filters in place on (channels, n), direct form II transposed; state (channels, 2, 2) goes on."""
    for channel in range(samples.shape[0]):
        for stage in range(2):
            b0, b1, b2, a1, a2 = coefficients[stage]
            z1, z2 = state[channel, stage]
            for i in range(samples.shape[1]):
                x = samples[channel, i]
                y = b0 * x + z1
                z1 = b1 * x - a1 * y + z2
                z2 = b2 * x - a2 * y
                samples[channel, i] = y
            state[channel, stage, 0] = z1
            state[channel, stage, 1] = z2


def _phases() -> NDArray[np.float64]:
    """(4, 12): an interpolator for each of the four places between two samples, a windowed sinc."""
    length = _OVER * _TAPS
    place = (np.arange(length) - (length - 1) / 2) / _OVER
    taps = np.sinc(place) * np.kaiser(length, 6.0)
    phases = taps.reshape(_TAPS, _OVER).T
    out: NDArray[np.float64] = phases / phases.sum(axis=1, keepdims=True)
    return out


class Meter:
    """Takes a signal in blocks of any size, (channels, n) float32 at 48 kHz; all channels count alike, as left and
    right do."""

    def __init__(self) -> None:
        self._state: NDArray[np.float64] | None = None
        self._rest = np.empty(0)
        self._steps: list[NDArray[np.float64]] = []
        self._tail: NDArray[np.float64] | None = None
        self._peak = 0.0
        self._interpolators = _phases()

    def add(self, samples: NDArray[np.float32]) -> None:
        """Listens to a block."""
        if samples.shape[1] == 0:
            return
        signal = samples.astype(np.float64)
        if self._state is None or self._tail is None:
            self._state = np.zeros((signal.shape[0], 2, 2))
            self._tail = np.zeros((signal.shape[0], _TAPS - 1))
        self._look_for_peak(np.concatenate((self._tail, signal), axis=1))
        _weigh(signal, _COEFFICIENTS, self._state)
        power = np.concatenate((self._rest, (signal**2).sum(axis=0)))
        whole = power.size // _STEP
        if whole:
            self._steps.append(power[: whole * _STEP].reshape(whole, _STEP).mean(axis=1))
        self._rest = power[whole * _STEP :]

    def _look_for_peak(self, padded: NDArray[np.float64]) -> None:
        """padded: a block, and before it the end of the last one."""
        self._tail = padded[:, -(_TAPS - 1) :]
        highest = float(np.abs(padded).max())
        self._peak = max(self._peak, highest)
        if highest > self._peak / 2:  # nothing between quiet samples is higher than that
            for channel in padded:
                for taps in self._interpolators:
                    self._peak = max(self._peak, float(np.abs(np.convolve(channel, taps, "valid")).max()))

    def result(self) -> Loudness:
        """Of everything so far."""
        steps = np.concatenate(self._steps) if self._steps else np.empty(0)
        peak = 20 * math.log10(self._peak) if self._peak > 0 else -math.inf
        if steps.size < 4:  # shorter than a block: what there is, ungated
            power = np.concatenate((np.repeat(steps, _STEP), self._rest))
            return Loudness(_lufs(float(power.mean()) if power.size else 0.0), peak)
        blocks = np.convolve(steps, np.full(4, 0.25), "valid")
        loud = blocks[blocks > _power(-70.0)]
        if loud.size:
            loud = loud[loud > _power(_lufs(float(loud.mean())) - 10.0)]
        return Loudness(_lufs(float(loud.mean()) if loud.size else 0.0), peak)


def _lufs(power: float) -> float:
    return -0.691 + 10 * math.log10(power) if power > 0 else -math.inf


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def measure(path: Path, progress: Progress = silent) -> Loudness:
    """Loudness of a file's first sound track. Raises `MediaError`."""
    meter = Meter()
    with Reader(path, needs="audio") as clip:
        sound = Sound(clip.audio)
        for at, frame in clip.frames(clip.audio):
            for samples in sound.take(frame):
                meter.add(samples)
            if clip.duration:
                progress(min(1.0, float(at / clip.duration)))
        for samples in sound.take(None):
            meter.add(samples)
    return meter.result()


def normalise(
    source: Path, target: Path, lufs: float = -14.0, *, force: bool = False, progress: Progress = silent
) -> Made:
    """Brings the sound to a loudness: measured first, then one gain for the whole clip, so that loud and quiet keep
    their relation; peaks that would go beyond -1 dBTP are limited. Pictures are copied. Raises `MediaError`."""
    if not -40.0 <= lufs <= -5.0:
        raise MediaError(f"{lufs:g} LUFS is outside -40 to -5; streaming services play at -14.")
    before = measure(source, lambda done: progress(done * 0.3))
    if not math.isfinite(before.lufs) or before.lufs < -70:
        raise MediaError(f"{source}: the sound is silent, so it cannot be made louder.")
    gain = lufs - before.lufs
    limited = before.peak_db + gain > _CEILING_DB
    with Reader(source, needs="audio") as clip:
        layout = Sound(clip.audio).layout
    with producing(target, source, force=force) as part:
        after = before
        for last in (False, True):
            meter = Meter()
            filters = [("volume", f"volume={gain:.3f}dB:precision=float")]
            if limited:
                limit = 10 ** (_LIMIT_DB / 20)
                filters.append(("alimiter", f"limit={limit:.5f}:level=false:attack=5:release=80:latency=true"))
            chain = Chain(layout, *filters)

            def step(samples: NDArray[np.float32] | None, chain: Chain = chain, meter: Meter = meter) -> object:
                for changed in chain(samples):
                    meter.add(changed)
                    yield changed

            remake(source, part, target.suffix, Changes(sound=step), lambda done: progress(0.3 + 0.7 * done))  # type: ignore[arg-type]
            after = meter.result()
            if last or not limited or lufs - after.lufs < 0.3:
                break
            gain += lufs - after.lufs  # what the limiter took
    words = f"{before.lufs:.1f} -> {after.lufs:.1f} LUFS, peak {after.peak_db:.1f} dBTP"
    return Made(target, f"{words}{', peaks limited' if limited else ''}; picture copied without loss")
