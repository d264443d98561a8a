"""The judges are judged on signals whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from obs_portrait.errors import VoiceError
from obs_portrait.voice import benchmark, metrics
from obs_portrait.voice.render import render
from tests.voice.dsp.test_streaming import prepared

T = np.arange(96_000) / 48_000


@pytest.mark.parametrize("hz", [75.0, 120.0, 233.3, 410.0])
def test_pitch_of_a_sawtooth(hz: float) -> None:
    saw = (0.3 * (2 * ((T * hz) % 1.0) - 1)).astype(np.float32)
    assert metrics.median_pitch(saw) == pytest.approx(hz, rel=0.002)


def test_noise_and_silence_have_no_pitch() -> None:
    noise = np.random.default_rng(2).standard_normal(48_000)
    assert np.mean(metrics.pitch_track(noise) > 0) < 0.05
    assert metrics.median_pitch(np.zeros(48_000)) == 0.0
    assert np.isnan(metrics.pitch_error_cents(noise * 0, noise * 0, 1.0))


def test_pitch_error_sees_half_a_semitone() -> None:
    one, other = (0.3 * ((T * hz) % 1.0) - 0.15 for hz in (150.0, 150.0 * 2 ** (50 / 1200)))
    assert metrics.pitch_error_cents(one, other, 1.0) == pytest.approx(50.0, abs=2.0)


def test_level() -> None:
    assert metrics.level_db(np.sin(2 * np.pi * 100 * T)) == pytest.approx(-3.01, abs=0.01)
    assert metrics.level_db(np.zeros(10)) == float("-inf")


@pytest.mark.parametrize("delay", [0, 480, 1440, 7000])
def test_delay(delay: int) -> None:
    voice = benchmark.vowels(2.0)
    assert metrics.delay_samples(voice, np.pad(voice, (delay, 0))) == delay


@pytest.mark.parametrize("size", [0, 1, 1439, 1440, 50_000])
@pytest.mark.parametrize("block", [1000, 48_000])
def test_render_keeps_the_length_and_takes_the_delay_off(size: int, block: int) -> None:
    samples = benchmark.vowels(1.1)[:size]
    converter = prepared(pitch_hz=200.0, formant=1.1)
    out = render(samples, converter, block)
    assert out.shape == samples.shape
    np.testing.assert_array_equal(out, render(samples, converter))
    if size == 50_000:
        assert abs(metrics.delay_samples(np.pad(samples, (480, 0)), np.pad(out, (960, 0))) - 480) < 100


def test_render_refuses_stereo_and_empty_blocks() -> None:
    with pytest.raises(VoiceError, match="mono"):
        render(np.zeros((10, 2)), prepared())
    with pytest.raises(VoiceError, match="block"):
        render(np.zeros(10), prepared(), 0)


def test_benchmark_measures_what_the_contract_promises() -> None:
    figures = benchmark.run(seconds=2.0)
    assert figures["latency_ms"] == 30.0
    assert figures["block"] == 480
    assert 0.0 < figures["p50_ms"] <= figures["p99_ms"] <= figures["max_ms"]
    assert figures["rtf"] > 0.0
    with pytest.raises(VoiceError):
        benchmark.run(seconds=0)
