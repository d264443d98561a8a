"""Whatever comes in, what goes out is a number within [-1, 1]."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from obs_portrait.errors import VoiceError
from obs_portrait.voice import metrics
from obs_portrait.voice.benchmark import vowels
from obs_portrait.voice.dsp.converter import DspConverter
from obs_portrait.voice.dsp.settings import DspSettings
from obs_portrait.voice.settings import VoiceSettings
from tests.voice.dsp.test_streaming import EVERYTHING, prepared

RATE = 48_000


@pytest.fixture(scope="module")
def everything() -> DspConverter:
    return prepared(**EVERYTHING)


def check(out: NDArray[np.float32], size: int, ceiling: float = 1.0) -> None:
    assert out.shape == (size,)
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert np.abs(out).max(initial=0.0) <= ceiling + 1e-6


INPUTS = {
    "silence": np.zeros(RATE),
    "direct current": np.full(RATE, 0.7),
    "noise": np.random.default_rng(0).uniform(-1, 1, RATE),
    "clipping": np.sign(np.sin(np.arange(RATE) * 0.013)),
    "denormal": np.full(RATE, 1e-42),
    "huge": 1e6 * np.sin(np.arange(RATE) * 0.02),
    "largest": np.full(RATE, np.finfo(np.float32).max),
    "not a number": np.full(RATE, np.nan),
    "infinite": np.where(np.arange(RATE) % 2, np.inf, -np.inf),
    "fastest": np.where(np.arange(RATE) % 2, 1.0, -1.0),
    "clicks": (np.arange(RATE) % 997 == 0).astype(float),
    "siren": np.sin(np.cumsum(2 * np.pi * np.geomspace(20, 4000, RATE) / RATE)),
}


@pytest.mark.parametrize("name", INPUTS)
def test_any_input_gives_numbers_below_the_ceiling(name: str, everything: DspConverter) -> None:
    with np.errstate(over="ignore"):
        samples = INPUTS[name].astype(np.float32)
    check(everything.process(everything.new_state(), samples), samples.size, 10 ** (-6 / 20))


@settings(max_examples=60, deadline=None)
@given(
    samples=hnp.arrays(np.float32, st.integers(0, 3000), elements=st.floats(width=32)),
    amount=st.floats(0.0, 1.0),
    pitch=st.floats(50.0, 500.0),
    spread=st.floats(0.0, 2.0),
    formant=st.floats(0.7, 1.4),
)
def test_any_floats_and_any_settings(
    samples: NDArray[np.float32], amount: float, pitch: float, spread: float, formant: float
) -> None:
    converter = prepared(
        pitch_hz=pitch, pitch_range=spread, formant=formant, gain_db=24.0, limiter_db=0.0,
        robot=amount, breath=amount, growl=amount, hall=amount, hall_s=6.0, shimmer=amount,
    )  # fmt: skip
    state = converter.new_state()
    check(converter.process(state, samples), samples.size)
    voice = vowels(0.3, pitch_hz=200.0)
    check(converter.process(state, voice), voice.size)


def test_a_shock_is_forgotten(everything: DspConverter) -> None:
    """After nonsense the voice comes back as it would have been: no state is poisoned."""
    state = everything.new_state()
    everything.process(state, np.full(RATE, np.nan, np.float32))
    everything.process(state, (1e6 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32))
    everything.process(state, np.zeros(4 * RATE, np.float32))
    out = everything.process(state, vowels(2.0))
    assert metrics.level_db(out[RATE // 2 :]) > -35.0


def test_silence_stays_silent_and_costs_nothing_to_leave(everything: DspConverter) -> None:
    """The hall's tail ends in zeros, not in denormal numbers, which cost a hundred times the time."""
    state = everything.new_state()
    everything.process(state, vowels(0.5))
    for _ in range(30):
        out = everything.process(state, np.zeros(RATE, np.float32))
    assert not out.any()
    tiny = np.finfo(np.float64).tiny
    for name, buffer in state._asdict().items():
        if buffer.dtype == np.float64:
            assert not ((buffer != 0) & (np.abs(buffer) < tiny)).any(), name


def test_the_limiter_holds_its_ceiling_without_steps() -> None:
    converter = prepared(gain_db=24.0, limiter_db=-12.0)
    voice = vowels(2.0)
    out = converter.process(converter.new_state(), voice)
    ceiling = 10 ** (-12 / 20)
    assert np.abs(out).max() <= ceiling + 1e-7
    assert np.abs(out).max() > 0.95 * ceiling
    assert np.mean(np.abs(out) >= ceiling * 0.9999) < 0.005, "limited, not clipped"


def test_the_gate_shuts_the_fan_off_and_lets_the_voice_begin() -> None:
    rng = np.random.default_rng(5)
    fan = (10 ** (-60 / 20) * rng.standard_normal(2 * RATE)).astype(np.float32)
    voice = vowels(1.0)
    samples = np.concatenate((fan, voice + fan[: voice.size], fan))
    plain, gated = prepared(), prepared(gate_db=-45.0)
    before, after = (c.process(c.new_state(), samples)[c.latency :] for c in (plain, gated))
    assert metrics.level_db(before[RATE : 2 * RATE]) == pytest.approx(-60.0, abs=1.5)
    assert metrics.level_db(after[RATE : 2 * RATE - 1920]) < -120.0  # it opens within the delay, before the voice
    assert metrics.level_db(after[-RATE // 2 - 2000 :]) < -100.0
    onset = slice(2 * RATE + 480, 2 * RATE + RATE // 4)
    assert metrics.level_db(after[onset]) == pytest.approx(metrics.level_db(before[onset]), abs=0.5)


def test_hours_of_sound_keep_the_speaker_and_the_pitch() -> None:
    """The histogram of the speaker's pitch is rescaled again and again and stays what it is."""
    converter = prepared(pitch_hz=200.0, formant=1.1)
    state = converter.new_state()
    voice = vowels(4.0, pitch_hz=110.0)
    converter.process(state, voice)
    early = state.scalars["source_log2"][0]
    state.scalars["weight"] = 0.99e6  # as after minutes
    state.histogram[:] *= 0.99e6
    for _ in range(5):
        out = converter.process(state, voice)
    assert state.scalars["weight"][0] < 1e6
    assert abs(state.scalars["source_log2"][0] - early) < 0.03
    assert abs(1200 * np.log2(metrics.median_pitch(out) / 200.0)) < 25


def test_rows_of_samples_only(everything: DspConverter) -> None:
    with pytest.raises(VoiceError, match="one row of mono samples"):
        everything.process(everything.new_state(), np.zeros((480, 2), np.float32))


def test_settings_of_another_converter_are_refused() -> None:
    with pytest.raises(VoiceError, match='converter = "dsp"'):
        DspConverter().prepare(VoiceSettings(converter="other"))
    assert DspConverter.validate_environment() is None


def test_plain_settings_change_nothing_but_delay() -> None:
    """Pitch and formants kept: from mark to mark, the grains add up to what came in (above the rumble filter)."""
    converter = prepared(limiter_db=0.0)
    assert DspSettings().formant == 1.0
    voice = vowels(2.0, pitch_hz=200.0)
    out = converter.process(converter.new_state(), voice)[converter.latency :]
    rest = out - voice[: out.size]
    assert metrics.level_db(rest) < metrics.level_db(voice) - 8.0
