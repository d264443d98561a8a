"""The demonstration measures the file it wrote; the instruments are tried on cases with a known answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from obs_portrait.face.types import Canvas
from obs_portrait.media.files import probe
from obs_portrait.media.types import SAMPLE_RATE
from obs_portrait.persona.profile import from_picture
from obs_portrait.pipeline import demo, performance
from obs_portrait.pipeline.contact import Shot, contact_sheet
from obs_portrait.pipeline.excerpt import AudioExcerpt, VideoExcerpt
from obs_portrait.pipeline.verify import envelope, lag, opening_time, sound_onset
from obs_portrait.voice.dsp.settings import DspSettings
from tests.pipeline.studio import driver


def test_the_demo_writes_three_files_and_measures_them(tmp_path: Path) -> None:
    portrait = tmp_path / "portrait.png"
    Image.fromarray(driver(1)[0]).save(portrait)
    known = performance.facts()
    cast = [
        from_picture(portrait).model_copy(update={"name": name, "voice": voice})
        for name, voice in (
            ("ann", DspSettings(pitch_hz=210.0, formant=1.18)),
            ("bob", DspSettings(pitch_hz=95.0, formant=0.85)),
        )
    ]
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("stays")
    stage = demo.Stage(performance.PerformanceVideoSource, performance.PerformanceAudioSource, 2.2, known.event_s)
    done = demo.run(folder, cast, stage, Canvas(256, 256))
    assert sorted(path.name for path in folder.iterdir()) == ["contact.png", "demo.mp4", "mine.txt", "report.json"]
    report = json.loads(done.report_path.read_text())
    assert report["frames"] == 66
    assert report["personas"] == ["ann", "bob"]
    assert set(report["origins"]["video_frames"]) == {"engine"}
    assert (report["leaks"]["frames"], report["leaks"]["samples"]) == (0, 0)
    assert report["leaks"]["control_frames_found"] == 66  # the detector does see the driver's half
    assert report["leaks"]["control_samples_found"] > 0.5 * report["leaks"]["control_samples"]
    assert abs(report["skew"]["event_ms"]) <= 20
    found = probe(done.video)
    assert (found.width, found.height, found.video_codec, found.audio_codec) == (512, 256, "h264", "aac")
    with Image.open(done.contact) as sheet:
        assert min(sheet.size) > 400


# ---- the instruments ---------------------------------------------------------------------------------------------

TIMES = np.arange(60) / 30


def test_the_moment_a_mouth_opens() -> None:
    trembling = np.random.default_rng(1).normal(0, 0.001, 60)
    at_once = np.where(TIMES >= 0.8 - 1e-9, 0.2, 0.02) + trembling
    assert opening_time(TIMES, at_once, 0.8) == pytest.approx(0.8, abs=1e-3)
    in_two_steps = at_once.copy()
    in_two_steps[24] = 0.11
    assert opening_time(TIMES, in_two_steps, 0.8) == pytest.approx(0.8 + 0.5 / 30, abs=2e-3)
    assert np.isnan(opening_time(TIMES, 0.02 + trembling, 0.8))
    assert np.isnan(opening_time(TIMES, np.full(60, np.nan), 0.8))


@settings(max_examples=30, deadline=None)
@given(delay=st.integers(-4000, 4000))
def test_the_moment_a_sound_begins(delay: int) -> None:
    sound = np.random.default_rng(2).normal(0, 1e-3, 2 * SAMPLE_RATE).astype(np.float32)
    begin = round(0.8 * SAMPLE_RATE) + delay
    burst = np.arange(3000)
    sound[begin : begin + 3000] += (0.3 * np.exp(-burst / 800) * np.sin(burst * 0.2)).astype(np.float32)
    assert sound_onset(sound, 0.8) == pytest.approx(begin / SAMPLE_RATE, abs=5e-4)


def test_no_sound_has_no_onset() -> None:
    assert np.isnan(sound_onset(np.zeros(SAMPLE_RATE, np.float32), 0.5))
    assert np.isnan(sound_onset(np.zeros(0, np.float32), 0.5))


@settings(max_examples=30, deadline=None)
@given(shift=st.floats(-6, 6))
def test_lag_finds_fractions_of_a_step(shift: float) -> None:
    rng = np.random.default_rng(3)
    steps = np.arange(200)
    waves = [(rng.uniform(0.05, 0.9), rng.uniform(0, 6)) for _ in range(12)]
    early = sum(np.sin(rate * steps + phase) for rate, phase in waves)
    late = sum(np.sin(rate * (steps - shift) + phase) for rate, phase in waves)
    late[50:60] = np.nan
    assert lag(late, early, 9) == pytest.approx(shift, abs=0.06)


def test_lag_of_what_has_nothing_in_common() -> None:
    rng = np.random.default_rng(4)
    assert np.isnan(lag(rng.normal(size=400), rng.normal(size=400), 9))
    assert np.isnan(lag(np.full(60, np.nan), rng.normal(size=60), 9))


def test_the_envelope_is_centred() -> None:
    sound = np.zeros(SAMPLE_RATE, np.float32)
    sound[24_000 - 48 : 24_000 + 48] = 0.5
    found = envelope(sound)
    assert found.size == 1000
    assert float(np.dot(found, np.arange(1000)) / found.sum()) == pytest.approx(500, abs=0.6)


def test_an_excerpt_ends_on_the_frame_and_the_sample() -> None:
    with VideoExcerpt(performance.PerformanceVideoSource(), 0.1) as source:
        assert source.frame_count == 3
        frames = []
        while (frame := source.read()) is not None:
            frames.append(frame.index)
        assert frames == [0, 1, 2]
    with AudioExcerpt(performance.PerformanceAudioSource(), 0.1) as sound:
        sizes = []
        while (block := sound.read(1000)) is not None:
            sizes.append(block.samples.size)
        assert sizes == [1000] * 4 + [800]


def test_the_sheet_holds_every_shot() -> None:
    shots = [Shot(np.full((100, 200, 3), 40 * k, np.uint8), f"shot {k}") for k in range(5)]
    sheet = np.array(contact_sheet(shots, "Heading", "Footing", columns=3, width=100))
    for k in range(1, 5):
        assert (sheet == 40 * k).all(-1).sum() >= 4500
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], "Heading")
