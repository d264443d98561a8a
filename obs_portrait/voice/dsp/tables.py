"""Settings turned into the numbers that the loop needs: built once in `prepare`, read only afterwards."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from obs_portrait.voice.dsp.layout import HALL_LINES, HALL_RING, RATE
from obs_portrait.voice.dsp.settings import Band, DspSettings

__all__ = ["Tables", "build", "equaliser_sections"]


CONSONANTS = 0.4
UNLIKE = 1.04


class Tables(NamedTuple):
    """What the loop reads. Frequencies as log2 of Hz, gains linear, times in samples."""

    taps: NDArray[np.float64]  # (33,) low-pass before decimation by 4
    high_pass: NDArray[np.float64]  # (5,) b0, b1, b2, a1, a2
    formant: float
    formant_noise: float  # the same for unvoiced sound
    move_pitch: bool
    target_log2: float  # nan: the speaker's own median
    range: float
    source_log2: float  # nan: estimated while running
    growl: float
    breath: float
    robot: float
    shimmer: float
    hall_wet: float
    hall_dry: float
    hall_gains: NDArray[np.float64]  # (HALL_LINES,) feedback gain of each line
    hall_lengths: NDArray[np.int64]  # (HALL_LINES,)
    sections: NDArray[np.float64]  # (n, 5)
    gain: float
    gate: float  # power threshold, 0: no gate
    ceiling: float


def _low_pass() -> NDArray[np.float64]:
    """33-tap windowed sinc, -6 dB at 3.4 kHz: the pitch tracker needs no more, and 12 kHz can carry no more."""
    n = np.arange(-16, 17)
    taps = np.sinc(n * 2 * 3400.0 / RATE) * np.hamming(33)
    return np.asarray(taps / taps.sum())


def _section(kind: str, hz: float, gain_db: float, q: float) -> list[float]:
    """A second-order section by the Audio EQ Cookbook, as b0, b1, b2, a1, a2 with a0 = 1. Minimum phase."""
    a = 10.0 ** (gain_db / 40.0)
    w = 2.0 * math.pi * min(hz, 0.49 * RATE) / RATE
    c, alpha = math.cos(w), math.sin(w) / (2.0 * q)
    if kind == "high_pass":
        b = ((1 + c) / 2, -(1 + c), (1 + c) / 2)
        d = (1 + alpha, -2 * c, 1 - alpha)
    elif kind == "peak":
        b = (1 + alpha * a, -2 * c, 1 - alpha * a)
        d = (1 + alpha / a, -2 * c, 1 - alpha / a)
    else:
        c = c if kind == "low_shelf" else -c
        sign = 1.0 if kind == "low_shelf" else -1.0
        root = 2.0 * math.sqrt(a) * alpha
        b = (
            a * ((a + 1) - (a - 1) * c + root),
            sign * 2 * a * ((a - 1) - (a + 1) * c),
            a * ((a + 1) - (a - 1) * c - root),
        )
        d = ((a + 1) + (a - 1) * c + root, sign * -2 * ((a - 1) + (a + 1) * c), (a + 1) + (a - 1) * c - root)
    return [b[0] / d[0], b[1] / d[0], b[2] / d[0], d[1] / d[0], d[2] / d[0]]


def equaliser_sections(bands: tuple[Band, ...]) -> NDArray[np.float64]:
    """(n, 5) float64 second-order sections b0, b1, b2, a1, a2; bands without gain are left out."""
    rows = [_section(band.kind, band.hz, band.gain_db, band.q) for band in bands if band.gain_db != 0.0]
    return np.array(rows, np.float64).reshape(-1, 5)


def _hall_lengths() -> NDArray[np.int64]:
    """Delay lines of 31 to 79 ms whose lengths share no factor, so that their echoes never fall together."""
    lengths = np.array([1493, 1789, 2083, 2399, 2741, 3079, 3413, 3797], np.int64)
    if lengths.size != HALL_LINES or lengths.max() >= HALL_RING:
        raise AssertionError("the hall's delay lines do not fit their ring")
    return lengths


def build(settings: DspSettings) -> Tables:
    """The tables for `settings`."""
    lengths = _hall_lengths()
    formant = float(settings.formant)
    changed = settings.pitch_hz is not None or settings.pitch_range != 1.0 or settings.robot + settings.breath > 0.0
    # Consonants move less than vowels: moved as far, they are misheard (ten sentences of two voices at 0.85: 8% of the
    # words lost, against 3%). But they move, even if the formants stay: copied ones are the speaker's own, and the
    # guard would take them for the microphone.
    formant_noise = formant**CONSONANTS
    if changed and abs(math.log(formant_noise)) < math.log(UNLIKE):
        formant_noise = UNLIKE if formant >= 1.0 else 1.0 / UNLIKE
    return Tables(
        taps=_low_pass(),
        # Rumble and direct current: they would upset the pitch tracker and shake the limiter.
        high_pass=np.array(_section("high_pass", 35.0, 0.0, math.sqrt(0.5))),
        formant=formant,
        formant_noise=formant_noise,
        move_pitch=settings.pitch_hz is not None or settings.pitch_range != 1.0 or settings.robot > 0.0,
        target_log2=math.log2(settings.pitch_hz) if settings.pitch_hz is not None else math.nan,
        range=float(settings.pitch_range) * (1.0 - float(settings.robot)),
        source_log2=math.log2(settings.source_hz) if settings.source_hz is not None else math.nan,
        growl=float(settings.growl),
        breath=float(settings.breath),
        robot=float(settings.robot),
        shimmer=float(settings.shimmer),
        # An impulse leaves the lines with about 8 * (1 + 1.34 * seconds) times its energy (their number times the mean
        # number of passages before it has faded); divided by that, the hall is as loud for any time of decay.
        hall_wet=0.6 * float(settings.hall) / math.sqrt(HALL_LINES * (1.0 + 1.34 * float(settings.hall_s))),
        hall_dry=1.0 - 0.2 * float(settings.hall),
        hall_gains=np.asarray(10.0 ** (-3.0 * lengths / (RATE * float(settings.hall_s))), np.float64),
        hall_lengths=lengths,
        sections=equaliser_sections(settings.equaliser),
        gain=10.0 ** (settings.gain_db / 20.0),
        gate=10.0 ** (settings.gate_db / 10.0) if settings.gate_db is not None else 0.0,
        ceiling=min(10.0 ** (settings.limiter_db / 20.0), 1.0 - 2.0**-24),
    )
