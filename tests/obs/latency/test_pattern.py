"""The marks of the latency measurement: read back from any size, through what an encoder does, and never by chance."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from obs_portrait.errors import ObsError
from obs_portrait.media.types import SAMPLE_RATE
from obs_portrait.obs.latency import pattern
from obs_portrait.obs.latency.measure import Figures, Latency

times = st.integers(0, 1 << 40)


def detailed(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    """Something with detail, as a persona's picture has it."""
    small = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


# ---- the bar code ----------------------------------------------------------------------------------------------------


@given(times, st.integers(32, 700), st.integers(4, 400), st.sampled_from((3, 4)), st.integers(0, 5))
def test_what_is_drawn_is_read(ms: int, width: int, height: int, channels: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    pattern.draw(image, ms)
    assert pattern.read(image) == ms % pattern.WRAP_MS


@given(times)
def test_only_the_top_is_drawn_on(ms: int) -> None:
    image = detailed(320, 240)
    before = image.copy()
    pattern.draw(image, ms)
    assert np.array_equal(image[20:], before[20:])


@given(times, st.floats(0.26, 3.0), st.floats(0.26, 3.0), st.sampled_from((cv2.INTER_AREA, cv2.INTER_LINEAR)))
@settings(max_examples=60)
def test_it_survives_scaling(ms: int, across: float, down: float, how: int) -> None:
    """Down to 133 pixels of width, four a field: screenshots are 128 wide, OBS scales as the user likes."""
    image = detailed(512, 512)
    pattern.draw(image, ms)
    assert pattern.read(cv2.resize(image, None, fx=across, fy=down, interpolation=how)) == ms % pattern.WRAP_MS


@given(times, st.integers(20, 95))
@settings(max_examples=60)
def test_it_survives_jpeg_with_its_chroma_at_half_the_size(ms: int, quality: int) -> None:
    image = detailed(320, 240)
    pattern.draw(image, ms)
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]
    _, coded = cv2.imencode(".jpg", image, options)
    assert pattern.read(cv2.imdecode(coded, cv2.IMREAD_COLOR)) == ms % pattern.WRAP_MS


@given(times)
@settings(max_examples=40)
def test_it_survives_420_in_video_levels(ms: int) -> None:
    """What OBS makes of it for the encoder, and a player of that."""
    image = detailed(320, 240)
    pattern.draw(image, ms)
    planes = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420)
    assert pattern.read(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420)) == ms % pattern.WRAP_MS


def test_pictures_without_a_mark_are_told_nearly_always() -> None:
    """The check has 8 bits, so one random picture of 256 passes for a mark: fewer than one of 150 here (the chance
    of more, at 1/256 each, is below one in a million)."""
    rng = np.random.default_rng(0)
    fooled = sum(pattern.read(rng.integers(0, 256, (48, 64, 3), np.uint8)) is not None for _ in range(6000))
    assert fooled < 6000 / 150


@pytest.mark.parametrize("level", [0, 127, 255])
def test_an_even_picture_and_an_empty_one_have_no_mark(level: int) -> None:
    assert pattern.read(np.full((64, 64, 3), level, np.uint8)) is None
    assert pattern.read(np.zeros((0, 0, 3), np.uint8)) is None


@given(times, st.integers(0, 31))
def test_one_field_that_is_wrong_is_noticed(ms: int, field: int) -> None:
    image = np.zeros((24, 320, 3), np.uint8)
    pattern.draw(image, ms)
    image[:, field * 10 : field * 10 + 10] = 255 - image[:, field * 10 : field * 10 + 10]
    assert pattern.read(image) is None


# ---- the chirps ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 1 << 50), st.lists(st.integers(1, 5000), min_size=1, max_size=12))
@settings(max_examples=60)
def test_pieces_of_any_size_are_the_whole(first_ns: int, pieces: list[int]) -> None:
    """To a sample: each piece begins at its own time, rounded to ns."""
    whole = pattern.chirps(first_ns, sum(pieces))
    at, parts = 0, []
    for count in pieces:
        parts.append(pattern.chirps(first_ns + at * 1_000_000_000 // SAMPLE_RATE, count))
        at += count
    joined = np.concatenate(parts)
    sounding = np.flatnonzero(whole)
    if sounding.size > 100:  # where a chirp's first sample lies between two pieces it may be rounded to either
        shifts = [np.abs(np.roll(joined, n) - whole).max() for n in (-1, 0, 1)]
        assert min(shifts) < 0.3
    assert abs(np.count_nonzero(joined) - sounding.size) <= 4


@given(st.integers(0, 1 << 50), st.floats(0.0, 0.02), st.floats(0.05, 1.0), st.integers(0, 3))
@settings(max_examples=25)
def test_chirps_are_placed_to_a_fifth_of_a_millisecond(first_ns: int, noise: float, loud: float, seed: int) -> None:
    """Also quiet and in noise; one at the edge of the recording may be cut off."""
    count = 3 * SAMPLE_RATE
    sound = loud * pattern.chirps(first_ns, count)
    sound += loud * noise * np.random.default_rng(seed).standard_normal(count).astype(np.float32)
    found = pattern.find_chirps(sound)
    assert len(found) >= 2
    every = pattern.EVERY_MS / 1000
    for at in found:
        moment = first_ns / 1e9 % every + at
        if 0.03 < at < count / SAMPLE_RATE - 0.03:
            assert abs(moment - round(moment / every) * every) < 0.0002


@given(st.floats(300, 6000), st.integers(0, 3))
@settings(max_examples=10)
def test_a_filter_as_in_an_encoder_moves_no_chirp(cut_hz: float, seed: int) -> None:
    """A band is missing, the rest is quantised to 8 bits."""
    sound = pattern.chirps(500_000_000, 2 * SAMPLE_RATE)
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(sound.size, 1 / SAMPLE_RATE)
    spectrum[np.abs(hz - cut_hz) < 150] = 0
    coded = np.round(np.fft.irfft(spectrum, sound.size) * 127) / 127
    assert [round(at, 4) for at in pattern.find_chirps(coded.astype(np.float32))] == pytest.approx([0.5, 1.5], abs=2e-4)


def test_silence_and_a_piece_that_is_too_short_have_no_chirps() -> None:
    assert pattern.find_chirps(np.zeros(SAMPLE_RATE, np.float32)) == []
    assert pattern.find_chirps(np.zeros(10, np.float32)) == []
    assert pattern.find_chirps(1e-4 * np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)) == []


# ---- figures ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=200))
def test_figures_are_in_order(values: list[float]) -> None:
    figures = Figures.of(values)
    assert figures.least <= figures.median <= figures.most
    assert figures.median <= figures.p95 <= figures.most
    assert figures.count == len(values)


def test_no_mark_at_all_is_a_sentence_that_says_where_to_look() -> None:
    with pytest.raises(ObsError, match="is the source visible in the scene, and not muted"):
        Figures.of([])
    figures = Figures.of([50.0])
    assert Latency(figures).sound_ms is None
    assert Latency(figures, 12.0).as_dict()["sound_ms"] == 62.0
