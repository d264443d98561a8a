"""Settings are checked when they are read, and weak ones are known as such."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from obs_portrait.voice.converter import converter_class
from obs_portrait.voice.dsp.settings import Band, DspSettings, is_disguised
from obs_portrait.voice.dsp.tables import equaliser_sections


def test_the_converter_is_found_by_its_name() -> None:
    assert converter_class("dsp").settings_model is DspSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"pitch_hz": 20.0},
        {"formant": 2.0},
        {"robot": 1.1},
        {"gate_db": 3.0},
        {"limiter_db": 1.0},
        {"pitch": 100.0},
        {"equaliser": [{"hz": 5.0, "gain_db": 0.0}]},
        {"equaliser": [{"hz": 100.0, "gain_db": 1.0}] * 9},
        {"source_hz": 120.0},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DspSettings.model_validate(wrong)


@pytest.mark.parametrize(
    ("changes", "disguised"),
    [
        ({}, False),
        ({"pitch_hz": 200.0}, False),
        ({"hall": 1.0, "shimmer": 1.0}, False),
        ({"pitch_hz": 200.0, "formant": 1.05}, False),
        ({"pitch_hz": 200.0, "formant": 1.08}, True),
        ({"pitch_hz": 100.0, "formant": 1 / 1.08}, True),
        ({"formant": 1.12}, False),
        ({"formant": 0.85}, True),
        ({"breath": 0.9}, True),
        ({"robot": 0.7}, False),
        ({"robot": 0.7, "pitch_hz": 110.0}, True),
    ],
)
def test_disguise(changes: dict[str, float], disguised: bool) -> None:
    assert is_disguised(DspSettings.model_validate(changes)) is disguised


@given(
    hz=st.floats(30.0, 18_000.0),
    gain=st.floats(-24.0, 24.0).filter(lambda g: abs(g) > 0.01),
    q=st.floats(0.3, 4.0),
    kind=st.sampled_from(["peak", "low_shelf", "high_shelf"]),
)
def test_a_band_is_stable_minimum_phase_and_has_its_gain(hz: float, gain: float, q: float, kind: str) -> None:
    (b0, b1, b2, a1, a2) = equaliser_sections(
        (Band.model_validate({"hz": hz, "gain_db": gain, "q": q, "kind": kind}),)
    )[0]
    assert np.abs(np.roots([1.0, a1, a2])).max() < 1.0
    assert np.abs(np.roots([b0, b1, b2])).max() < 1.0
    at = {"peak": hz, "low_shelf": 0.0, "high_shelf": 24_000.0}[kind]
    z = np.exp(-2j * np.pi * at / 48_000)
    response = (b0 + b1 * z + b2 * z * z) / (1 + a1 * z + a2 * z * z)
    assert 20 * np.log10(abs(response)) == pytest.approx(gain, abs=0.05)
