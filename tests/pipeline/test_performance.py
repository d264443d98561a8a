"""The bundled performance: what is in the package, and what the real tracker sees of it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from obs_portrait.clock import now_ns
from obs_portrait.errors import MediaError
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.face.types import Observation
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame
from obs_portrait.pipeline import performance
from obs_portrait.pipeline.performance import PerformanceAudioSource, PerformanceVideoSource, facts, speech, track

JAW_OPEN = 25


@pytest.fixture(scope="module")
def played() -> list[tuple[CameraFrame, Observation | None]]:
    """Every frame, and what the tracker finds in it."""
    seen = []
    with PerformanceVideoSource() as source, FaceTracker("video") as tracker:
        while (frame := source.read()) is not None:
            seen.append((frame, tracker.track(frame.image, frame.captured_ns)))
    return seen


def _gap(seen: Observation) -> float:
    """Opening of the lips as a share of the face's height."""
    points = seen.landmarks
    return float((points[14, 1] - points[13, 1]) / (points[152, 1] - points[10, 1]))


def _envelope() -> np.ndarray:
    known = facts()
    per_frame = int(SAMPLE_RATE / known.rate)
    return np.sqrt((speech().reshape(-1, per_frame) ** 2).mean(1))


def test_track_is_whole() -> None:
    known, observations = facts(), track()
    assert len(observations) == known.frames == round(known.duration_s * known.rate)
    for one in observations:
        assert one.landmarks.shape == (478, 3)
        assert one.landmarks.dtype == np.float32
        assert np.isfinite(one.landmarks).all()
        assert one.blendshapes.shape == (52,)
        assert 0 <= one.blendshapes.min() <= one.blendshapes.max() <= 1
        assert one.pose.shape == (4, 4)
    times = np.array([one.captured_ns for one in observations])
    assert np.allclose(np.diff(times), 1e9 / float(known.rate), atol=2)


def test_track_moves_without_jumps_and_can_be_repeated() -> None:
    observations = track()
    points = np.array([one.landmarks[:, :2] for one in observations])
    assert np.ptp(points[:, 1, 0]) > 20  # the head turns
    forehead = points[:, [10, 109, 338]]  # what neither lips nor lids move
    assert np.linalg.norm(np.diff(forehead, axis=0), axis=-1).max() < 8
    assert np.linalg.norm(forehead[0] - forehead[-1], axis=-1).max() < 8


def test_eyes_blink_and_the_face_smiles() -> None:
    points = np.array([one.landmarks for one in track()])
    openness = (points[:, 145, 1] - points[:, 159, 1]) / (points[:, 133, 0] - points[:, 33, 0])
    shut = openness < 0.4 * np.median(openness)
    blinks = np.count_nonzero(np.diff(shut.astype(int)) == 1)
    assert 4 <= blinks <= 12
    assert max(one.blendshapes[44] for one in track()) > 0.5


def test_pictures_come_in_order_and_are_the_sources_own(played: list[tuple[CameraFrame, Observation | None]]) -> None:
    known = facts()
    assert [frame.index for frame, _ in played] == list(range(known.frames))
    for frame, _ in played:
        assert frame.image.shape == (512, 512, 3)
        assert frame.image.dtype == np.uint8
        assert frame.captured_ns == int(frame.index * 1_000_000_000 / known.rate)
    assert played[0][0].image is not played[1][0].image


def test_tracker_finds_the_driver(played: list[tuple[CameraFrame, Observation | None]]) -> None:
    found = sum(seen is not None for _, seen in played)
    assert found > 0.99 * len(played)


def test_jaw_follows_the_sound(played: list[tuple[CameraFrame, Observation | None]]) -> None:
    envelope = np.convolve(_envelope(), np.ones(3) / 3, "same")
    jaw = np.array([0.0 if seen is None else seen.blendshapes[JAW_OPEN] for _, seen in played])
    after = slice(40, None)  # the sync event is tested below
    best = {lag: np.corrcoef(np.roll(jaw, -lag)[after], envelope[after])[0, 1] for lag in range(-4, 5)}
    assert best[0] > 0.65
    assert abs(max(best, key=lambda lag: best[lag])) <= 1


def test_sync_event_is_within_20_ms_in_picture_and_sound(played: list[tuple[CameraFrame, Observation | None]]) -> None:
    known = facts()
    samples = speech()
    onset = np.argmax(np.abs(samples) > 0.02) / SAMPLE_RATE
    assert abs(onset - known.event_s) < 0.005
    assert not samples[: int((known.event_s - 0.01) * SAMPLE_RATE)].any()  # digital silence before it
    gaps = np.array([0.0 if seen is None else _gap(seen) for _, seen in played[:36]])
    jumps = np.diff(gaps)
    opened = int(np.argmax(jumps)) + 1
    assert jumps.max() > 0.05
    assert abs(played[opened][0].captured_ns / 1e9 - onset) < 0.020
    assert gaps[:opened].max() < 0.4 * gaps[opened]


@pytest.mark.parametrize("block", [1, 479, 4096, 1_000_000])
def test_sound_comes_whole_in_any_block_size(block: int) -> None:
    total = speech()[:9000] if block == 1 else speech()
    parts, position = [], 0
    with PerformanceAudioSource() as source:
        while position < total.size and (part := source.read(block)) is not None:
            assert part.index == position
            assert part.captured_ns == position * 1_000_000_000 // SAMPLE_RATE
            parts.append(part.samples)
            position += part.samples.size
    assert np.array_equal(np.concatenate(parts), total)


def test_sound_ends_or_repeats() -> None:
    total = speech().size
    with PerformanceAudioSource() as source:
        assert source.read(total) is not None
        assert source.read(480) is None
    with PerformanceAudioSource(loop=True) as source:
        assert source.duration_ns is None
        first = source.read(total)
        again = source.read(total)
    assert first is not None
    assert again is not None
    assert np.array_equal(first.samples, again.samples)
    assert again.index == total


def test_live_picture_is_of_its_time() -> None:
    with PerformanceVideoSource(live=True, loop=True, epoch_ns=now_ns() - 3_000_000_000) as source:
        one, two = source.read(), source.read()
        assert one is not None
        assert two is not None
        assert one.index >= 90  # three seconds in
        assert two.index > one.index
        assert now_ns() >= two.captured_ns


def test_live_wait_ends_when_the_source_is_closed() -> None:
    source = PerformanceVideoSource(live=True, epoch_ns=now_ns() + 3_600_000_000_000)
    source.open()
    got: list[CameraFrame | None] = []

    def wait() -> None:
        with contextlib.suppress(MediaError):  # closed before it began to wait: also fine
            got.append(source.read(timeout=7200.0))

    waiting = threading.Thread(target=wait)
    waiting.start()
    source.close()
    waiting.join(30)
    assert not waiting.is_alive()
    assert got in ([None], [])


def test_read_before_open_is_one_clear_sentence() -> None:
    with pytest.raises(MediaError, match="before it was opened"):
        PerformanceVideoSource().read()
    with pytest.raises(MediaError, match="before it was opened"):
        PerformanceAudioSource().read(480)


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "performance"
    folder.mkdir()
    for name in ("performance.json", "track.npz", "speech.flac"):
        (folder / name).write_bytes(b"not what it says")
    monkeypatch.setattr(performance, "assets_dir", lambda: tmp_path)
    facts.cache_clear()
    yield folder
    facts.cache_clear()


@pytest.mark.parametrize("read", [facts, track, speech], ids=["facts", "track", "speech"])
def test_damaged_package_is_named(damaged: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(MediaError, match="install OBS Portrait again"):
        read()
