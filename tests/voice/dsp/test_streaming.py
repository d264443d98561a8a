"""Streaming equals offline: bit for bit, for any blocks a host may send, whatever the settings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from obs_portrait.voice.benchmark import vowels
from obs_portrait.voice.dsp.converter import DspConverter
from obs_portrait.voice.dsp.layout import BLOCK, LATENCY
from obs_portrait.voice.dsp.settings import DspSettings

EVERYTHING = {
    "pitch_hz": 190.0,
    "pitch_range": 0.8,
    "formant": 1.17,
    "equaliser": [{"hz": 200.0, "gain_db": -6.0, "kind": "low_shelf"}, {"hz": 2500.0, "gain_db": 5.0, "q": 2.0}],
    "gain_db": 6.0,
    "gate_db": -55.0,
    "limiter_db": -6.0,
    "robot": 0.4,
    "breath": 0.5,
    "growl": 0.6,
    "hall": 0.5,
    "shimmer": 0.7,
}


def prepared(**changes: object) -> DspConverter:
    converter = DspConverter()
    converter.prepare(DspSettings.model_validate(changes))
    return converter


@pytest.fixture(scope="module")
def everything() -> DspConverter:
    return prepared(**EVERYTHING)


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    voice = vowels(1.5)
    return voice + (1e-3 * rng.standard_normal(voice.size)).astype(np.float32)


@pytest.fixture(scope="module")
def whole(everything: DspConverter, speech: NDArray[np.float32]) -> NDArray[np.float32]:
    return everything.process(everything.new_state(), speech)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 4096), min_size=1, max_size=60))
def test_any_split_gives_the_same_bits(
    sizes: list[int], everything: DspConverter, speech: NDArray[np.float32], whole: NDArray[np.float32]
) -> None:
    state, at, parts = everything.new_state(), 0, []
    for size in [*sizes, speech.size]:
        block = speech[at : at + size]
        parts.append(everything.process(state, block))
        assert parts[-1].size == block.size
        at += block.size
    np.testing.assert_array_equal(np.concatenate(parts).view(np.uint32), whole.view(np.uint32))


@pytest.mark.parametrize("size", [1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 441, 480, 1024, 4096])
def test_blocks_of_one_size_give_the_same_bits(
    size: int, everything: DspConverter, speech: NDArray[np.float32], whole: NDArray[np.float32]
) -> None:
    state = everything.new_state()
    parts = [everything.process(state, speech[at : at + size]) for at in range(0, speech.size, size)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_two_streams_of_one_converter_do_not_touch_each_other(
    everything: DspConverter, speech: NDArray[np.float32], whole: NDArray[np.float32]
) -> None:
    one, other = everything.new_state(), everything.new_state()
    rng = np.random.default_rng(0)
    parts = []
    for at in range(0, speech.size, 480):
        parts.append(everything.process(one, speech[at : at + 480]))
        everything.process(other, rng.uniform(-1, 1, 333).astype(np.float32))
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_result_is_a_new_array_and_the_input_stays_as_it_is(everything: DspConverter) -> None:
    samples = np.full(480, 0.25, np.float32)
    samples.flags.writeable = False
    result = everything.process(everything.new_state(), samples)
    assert not np.shares_memory(result, samples)
    assert result.dtype == np.float32
    assert result.flags.writeable
    assert (samples == 0.25).all()


@pytest.mark.parametrize("changes", [{}, {"pitch_hz": 80.0, "formant": 0.75}, EVERYTHING], ids=["plain", "low", "all"])
def test_a_stream_begins_with_latency_zeros(changes: dict[str, object]) -> None:
    converter = prepared(**changes)
    assert converter.latency == LATENCY
    out = converter.process(converter.new_state(), np.random.default_rng(1).uniform(-1, 1, 9600).astype(np.float32))
    assert not out[:LATENCY].any()
    assert out[LATENCY:].any()


@settings(max_examples=25, deadline=None)
@given(position=st.integers(24_000, 30_000))
def test_a_click_arrives_exactly_latency_samples_later(position: int) -> None:
    converter = prepared()
    samples = np.zeros(40_000, np.float32)
    samples[position] = 0.5
    out = converter.process(converter.new_state(), samples)
    assert int(np.argmax(np.abs(out))) == position + converter.latency


def test_hours_into_a_stream_nothing_has_changed(everything: DspConverter, speech: NDArray[np.float32]) -> None:
    """A state whose count of samples stands at 1000 hours gives what one at its beginning gives: positions are whole
    numbers, rings and slow modulators find their place in them exactly."""
    # The distance is a multiple of every ring's length and of every modulator's period.
    rings = 8192 * 240
    distance = int(np.lcm.reduce(np.array([rings, 960, 117_072, 71_664, 4368], np.int64)))
    distance *= 1 + (1000 * 3600 * 48_000) // distance
    young, old = everything.new_state(), everything.new_state()
    silence = np.zeros(2 * 8192 * 3, np.float32)
    everything.process(young, silence)
    everything.process(old, silence)
    scalars = old.scalars
    for name in ("now", "synth", "synth_prev"):
        scalars[name] += distance
    scalars["frames"] += distance // 240
    old.mark_at[:] += distance
    np.testing.assert_array_equal(everything.process(old, speech), everything.process(young, speech))
    assert int(scalars["now"][0]) > 1000 * 3600 * 48_000
