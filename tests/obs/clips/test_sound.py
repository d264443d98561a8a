"""Loudness, speed, sound alone: measured on what was written."""

from __future__ import annotations

import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.obs.clips.edit.loudness import Meter, measure, normalise
from obs_portrait.obs.clips.edit.sound import audio_only
from obs_portrait.obs.clips.edit.speed import change_speed
from tests.obs.clips.making import (
    RATE,
    flash_times,
    make_clip,
    packets_of,
    pictures,
    samples,
    seconds_of,
    streams_of,
    tone_times,
)


def sine(hz: float, db: float, seconds: float, channels: int = 2) -> NDArray[np.float32]:
    wave = 10 ** (db / 20) * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)
    return np.repeat(wave[None].astype(np.float32), channels, axis=0)


def heard(signal: NDArray[np.float32]) -> float:
    meter = Meter()
    meter.add(signal)
    return meter.result().lufs


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("sound") / "clip.mkv")


def tone_middles(path: Path) -> list[float]:
    sound, start = samples(path)
    loud = np.flatnonzero(np.abs(sound[0]) > 0.1)
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > RATE // 20) + 1)
    return [start + float(group[0] + group[-1]) / 2 / RATE for group in groups]


# ---- BS.1770 ---------------------------------------------------------------------------------------------------------


def test_the_standards_own_reference() -> None:
    """Annex 1: 997 Hz at 0 dBFS in one channel gives -3.01 LKFS; in both 3 dB more."""
    assert heard(sine(997, 0, 10, 1)) == pytest.approx(-3.01, abs=0.02)
    assert heard(sine(997, -23, 20)) == pytest.approx(-23.0, abs=0.05)  # EBU Tech 3341, case 1


def test_gates() -> None:
    """EBU Tech 3341, cases 3 and 4: what is quiet, or silent, does not count."""
    quiet, loud = sine(997, -36, 10), sine(997, -23, 60)
    assert heard(np.concatenate((quiet, loud, quiet), axis=1)) == pytest.approx(-23.0, abs=0.1)
    silent = sine(997, -72, 10)
    assert heard(np.concatenate((silent, quiet, loud, quiet, silent), axis=1)) == pytest.approx(-23.0, abs=0.1)


def test_true_peak_lies_between_the_samples() -> None:
    """EBU Tech 3341, case 17: a quarter of the sampling rate, 45 degrees off, -6 dBTP although no sample says so."""
    wave = 0.5 * np.sin(2 * np.pi * np.arange(RATE) / 4 + np.pi / 4)
    meter = Meter()
    meter.add(np.repeat(wave[None].astype(np.float32), 2, axis=0))
    assert np.abs(wave).max() < 0.36
    assert meter.result().peak_db == pytest.approx(-6.0, abs=0.4)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 48_000), max_size=6), seed=st.integers(0, 5))
def test_blocks_of_any_size_give_the_same(cuts: list[int], seed: int) -> None:
    signal = np.random.default_rng(seed).normal(0, 0.1, (2, 48_000)).astype(np.float32)
    meter = Meter()
    for part in np.split(signal, sorted(cuts), axis=1):
        meter.add(part)
    assert meter.result().lufs == pytest.approx(heard(signal), abs=1e-9)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg here to compare with: apt-get install ffmpeg")
def test_as_ffmpeg_measures(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", flashes=tuple(n / 10 for n in range(39)), level=0.3)
    said = subprocess.run(
        ["ffmpeg", "-nostdin", "-i", str(clip), "-af", "ebur128=peak=true", "-f", "null", "-"],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    summary = said[said.rindex("Summary:") :]
    theirs = float(re.search(r"I:\s+(-?[\d.]+) LUFS", summary)[1])  # type: ignore[index]
    peak = float(re.search(r"Peak:\s+(-?[\d.]+) dBFS", summary)[1])  # type: ignore[index]
    ours = measure(clip)
    assert ours.lufs == pytest.approx(theirs, abs=0.1)
    assert ours.peak_db == pytest.approx(peak, abs=0.3)


# ---- normalise -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "goal"), [(0.9, -20.0), (0.05, -14.0), (0.5, -23.0)])
def test_loudness_is_what_was_asked_for(tmp_path: Path, level: float, goal: float) -> None:
    source = make_clip(tmp_path / "in.mkv", flashes=tuple(n / 5 for n in range(19)), level=level)
    made = normalise(source, tmp_path / "out.mkv", goal)
    assert measure(made.path).lufs == pytest.approx(goal, abs=0.5)
    assert measure(made.path).peak_db <= -0.9
    assert packets_of(made.path) == packets_of(source)
    assert "without loss" in made.how


def test_limited_peaks_stay_below_the_ceiling_and_in_their_place(tmp_path: Path) -> None:
    """Seldom and short: -14 LUFS would need peaks far above full scale."""
    source = make_clip(tmp_path / "in.mkv", seconds=6, flashes=(1.0, 2.5, 4.0), level=0.8)
    made = normalise(source, tmp_path / "out.mp4", -6.0)
    assert "limited" in made.how
    assert measure(made.path).peak_db <= -0.5
    assert tone_times(made.path, 0.2) == pytest.approx([1.0, 2.5, 4.0], abs=0.01)
    assert flash_times(made.path) == pytest.approx([1.0, 2.5, 4.0], abs=0.01)


def test_what_cannot_be_made_louder(tmp_path: Path) -> None:
    silent = make_clip(tmp_path / "quiet.mp4", level=0.0)
    with pytest.raises(MediaError, match="silent"):
        normalise(silent, tmp_path / "out.mp4")
    with pytest.raises(MediaError, match="no sound"):
        normalise(make_clip(tmp_path / "none.mp4", sound=False), tmp_path / "out.mp4")
    with pytest.raises(MediaError, match="outside -40 to -5"):
        normalise(silent, tmp_path / "out.mp4", 3)


# ---- speed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "copied"), [(2.0, True), (0.5, True), (0.25, True), (1.5, True), (4.0, False)])
def test_speed(clip: Path, tmp_path: Path, factor: float, copied: bool) -> None:
    made = change_speed(clip, tmp_path / "out.mp4", factor)
    assert ("without loss" in made.how) == copied
    if copied:
        assert len(pictures(made.path)) == 120
    assert seconds_of(made.path) == pytest.approx(4 / factor, abs=1 / 30)
    assert flash_times(made.path) == pytest.approx([1 / factor, 3 / factor], abs=1 / 30)
    # A time stretch keeps the middle of a tone in its place, its edges move by half a window; 0.25 is done in two.
    assert tone_middles(made.path) == pytest.approx([1.05 / factor, 3.05 / factor], abs=0.04 if factor > 0.25 else 0.08)
    sound, _ = samples(made.path)
    assert sound.shape[1] / RATE == pytest.approx(4 / factor, abs=0.06)


def test_the_voice_keeps_its_pitch(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", seconds=3, flashes=tuple(n / 10 for n in range(30)))
    sound, _ = samples(change_speed(source, tmp_path / "out.mkv", 1.5).path)
    middle = sound[0, RATE // 2 : RATE // 2 + 8192]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(8192)))
    assert np.argmax(spectrum) * RATE / 8192 == pytest.approx(1000, abs=15)


def test_speeds_that_are_refused(clip: Path, tmp_path: Path) -> None:
    for factor in (0.0, 0.1, 9.0, float("nan")):
        with pytest.raises(MediaError, match="outside"):
            change_speed(clip, tmp_path / "out.mp4", factor)


# ---- sound alone -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".m4a", ".mka", ".mp3", ".ogg", ".opus", ".flac", ".wav"])
def test_audio_only(clip: Path, tmp_path: Path, suffix: str) -> None:
    made = audio_only(clip, tmp_path / f"out{suffix}")
    assert "video" not in streams_of(made.path)
    assert ("without loss" in made.how) == (suffix in (".m4a", ".mka"))
    if suffix in (".m4a", ".mka"):
        assert packets_of(made.path, "audio") == packets_of(clip, "audio")
    assert tone_times(made.path) == pytest.approx([1.0, 3.0], abs=0.03)
    with av.open(str(made.path)) as file:
        assert float(Fraction(file.duration, av.time_base)) == pytest.approx(4.0, abs=0.06)


def test_audio_of_a_silent_film(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no sound"):
        audio_only(make_clip(tmp_path / "in.mp4", sound=False), tmp_path / "out.m4a")
    with pytest.raises(MediaError, match="is not one of"):
        audio_only(make_clip(tmp_path / "in2.mp4"), tmp_path / "out.xyz")
    assert not (tmp_path / "out.xyz").exists()
