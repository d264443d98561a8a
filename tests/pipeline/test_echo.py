"""A converter that hands the microphone back is found out, whatever its delay and however soft the microphone is."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from obs_portrait.media.types import SAMPLE_RATE, MicBlock, Origin
from obs_portrait.persona import store
from obs_portrait.pipeline.echo import EchoCheck
from obs_portrait.pipeline.leak import ToneMark
from obs_portrait.pipeline.performance import PerformanceAudioSource
from obs_portrait.pipeline.prepare import prepare_voice
from obs_portrait.pipeline.voice_pipeline import VoicePipeline
from obs_portrait.voice.converter import VoiceConverter
from tests.pipeline.doubles import Rectifier, voice

BLOCK = 480
MARK = ToneMark()


class Parrot(VoiceConverter[np.ndarray]):
    """Says what it hears, `delay` samples later, and states `latency`."""

    name: ClassVar[str] = "parrot"

    def __init__(self, latency: int, delay: int | None = None, gain: float = 1.0) -> None:
        self.latency, self.gain = latency, gain
        self._delay = latency if delay is None else delay

    def prepare(self, settings: Any) -> None:
        """Nothing to prepare."""

    def new_state(self) -> np.ndarray:
        return np.zeros(self._delay, np.float32)

    def process(self, state: np.ndarray, samples: np.ndarray) -> np.ndarray:
        line = np.concatenate((state, samples))
        state[:] = line[samples.size :]
        return line[: samples.size] * np.float32(self.gain)


def marked_noise(seconds: float) -> np.ndarray:
    noise = np.random.default_rng(2).normal(0, 0.05, int(seconds * SAMPLE_RATE)).astype(np.float32)
    return MARK.apply(noise, 0)


def performance(seconds: float) -> np.ndarray:
    source = PerformanceAudioSource()
    source.open()
    blocks = [source.read(BLOCK) for _ in range(int(seconds * 100))]
    return np.concatenate([block.samples for block in blocks if block is not None]).astype(np.float32)


def said(pipeline: VoicePipeline, signal: np.ndarray) -> np.ndarray:
    starts = range(0, signal.size - BLOCK + 1, BLOCK)
    out = [pipeline.process(MicBlock(signal[at : at + BLOCK], at * 10**9 // SAMPLE_RATE, at)) for at in starts]
    return np.concatenate([block.samples for block in out])


@pytest.mark.parametrize("latency", [0, 1440, 4810, 9600, 48_000])
def test_a_parrot_is_silent_whatever_latency_it_states(latency: int) -> None:
    pipeline = VoicePipeline([voice("parrot", Parrot(latency))])
    out = said(pipeline, marked_noise(2.5))
    assert pipeline.stats.events["leaks"] > 50
    assert not out.any()
    assert MARK.leaked(out) == 0


@pytest.mark.parametrize("slow", [9600, 48_000])
@pytest.mark.parametrize("delay", [0, 1440, 3000])
def test_a_slow_voice_beside_it_switches_the_check_off_for_nobody(slow: int, delay: int) -> None:
    pipeline = VoicePipeline([voice("parrot", Parrot(1440, delay)), voice("slow", Rectifier(slow))])
    out = said(pipeline, marked_noise(2.5))
    heard = np.flatnonzero(out)
    assert heard.size <= SAMPLE_RATE // 10
    assert pipeline.stats.events["leaks"] > 50


@pytest.mark.parametrize("latency", [9600, 48_000])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_slow_parrot_that_states_another_delay_is_found_within_one_round(latency: int, share: float) -> None:
    delay = round((latency + SAMPLE_RATE // 10) * share)
    check, noise = EchoCheck(latency), marked_noise(3.0)
    late = np.concatenate((np.zeros(delay, np.float32), noise))
    found = [check.is_echo(late[at : at + BLOCK], noise[at : at + BLOCK]) for at in range(0, noise.size, BLOCK)]
    first = found.index(True)
    assert first * BLOCK - delay <= SAMPLE_RATE // 4
    assert all(found[first:])


@pytest.mark.parametrize("gain", [0.3, 0.1, 0.03])
@pytest.mark.parametrize("amplified", [False, True])
def test_a_soft_microphone_is_no_way_around_the_check(gain: float, amplified: bool) -> None:
    """-39 to -59 dB of speech, handed back as it is, or made as loud as speech is elsewhere."""
    pipeline = VoicePipeline([voice("parrot", Parrot(1440, None, 1 / gain if amplified else 1.0))])
    mic = performance(8.0) * np.float32(gain)
    out = said(pipeline, mic)
    would_be = float((mic**2).sum()) / (gain**2 if amplified else 1)
    assert float((out**2).sum()) < 0.1 * would_be
    assert pipeline.stats.events["leaks"] > 300


@pytest.mark.parametrize("name", ["ada", "bronze", "ink", "marble", "nova", "robot"])
@pytest.mark.parametrize("gain", [1.0, 0.03])
def test_no_persona_of_ours_is_taken_for_a_parrot(name: str, gain: float) -> None:
    pipeline = VoicePipeline([prepare_voice(store.load(name))])
    out = said(pipeline, performance(6.0) * np.float32(gain))
    assert pipeline.stats.events["leaks"] == 0
    assert out.any()


def test_a_part_of_the_first_word_is_no_echo() -> None:
    """The first samples after silence: any two of them look alike."""
    check = EchoCheck(1440)
    made, fed = np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    made[-3:], fed[-3:] = (0.1, 0.2, 0.1), (0.05, 0.1, 0.05)
    for _ in range(8):
        assert not check.is_echo(np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32))
    assert not check.is_echo(made, fed)


def test_a_converter_that_paints_on_its_samples_later_changes_nothing() -> None:
    """What is checked is what goes out: a copy."""
    kept: list[np.ndarray] = []

    class Painter(Rectifier):
        def process(self, state: np.ndarray, samples: np.ndarray) -> np.ndarray:
            kept.append(super().process(state, samples))
            return kept[-1]

    pipeline = VoicePipeline([voice("painter", Painter(0))])
    noise = marked_noise(0.1)
    for at in range(0, noise.size, BLOCK):
        mic = MicBlock(noise[at : at + BLOCK], at * 10**9 // SAMPLE_RATE, at)
        out = pipeline.process(mic)
        before = out.samples.copy()
        kept[-1][:] = mic.samples
        assert out.origin is Origin.ENGINE
        assert np.array_equal(out.samples, before)
