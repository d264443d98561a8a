"""The pitch meter says what comes in and what goes out."""

from __future__ import annotations

import numpy as np
import pytest

from obs_portrait.media.types import SAMPLE_RATE
from obs_portrait.voice.dsp.converter import DspConverter
from obs_portrait.voice.dsp.settings import DspSettings


def _hum(hz: float, seconds: float) -> np.ndarray:
    at = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    harmonics = [np.sin(2 * np.pi * hz * k * at) / k for k in range(1, 12)]
    return np.asarray(0.1 * np.sum(harmonics, axis=0), np.float32)


@pytest.mark.parametrize("hz", [95.0, 140.0, 230.0])
def test_a_hum_is_metered_and_so_is_what_becomes_of_it(hz: float) -> None:
    converter = DspConverter()
    converter.prepare(DspSettings(pitch_hz=180.0, source_hz=hz))
    state = converter.new_state()
    assert converter.pitch(state) is None
    converter.process(state, _hum(hz, 1.0))
    found = converter.pitch(state)
    assert found is not None
    assert found[0] == pytest.approx(hz, rel=0.01)
    assert found[1] == pytest.approx(180.0, rel=0.02)
    converter.process(state, np.zeros(SAMPLE_RATE, np.float32))
    assert converter.pitch(state) is None


def test_a_pitch_that_is_kept_goes_out_as_it_came() -> None:
    converter = DspConverter()
    converter.prepare(DspSettings())
    state = converter.new_state()
    converter.process(state, _hum(120.0, 1.0))
    found = converter.pitch(state)
    assert found is not None
    assert found[0] == found[1] == pytest.approx(120.0, rel=0.01)
