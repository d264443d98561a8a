from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.errors import FaceError
from obs_portrait.face import tracker as tracker_module
from obs_portrait.face.tracker import FaceTracker, plausibility
from obs_portrait.media.sources import open_video
from tests.face.drawn import face, points

MS = 1_000_000


def two(left: float = 1.0, right: float = 1.0) -> np.ndarray:
    """Two people side by side; the figures scale them."""
    return np.hstack([face(points(scale=8 * left)), face(points(scale=8 * right))])


def test_what_is_seen() -> None:
    marks = points(8, -4, 3, (140, 120), 8.0)
    with FaceTracker("image") as tracker:
        seen = tracker.track(face(marks, 280, 260), 123)
    assert seen is not None
    assert seen.landmarks.shape == (478, 3) and seen.landmarks.dtype == np.float32
    assert seen.blendshapes.shape == (52,) and seen.pose.shape == (4, 4)
    assert (seen.width, seen.height, seen.captured_ns, seen.faces) == (280, 260, 123, 1)
    assert seen.confidence == 1.0
    assert np.abs(seen.landmarks[:468, :2] - marks[:468, :2]).mean() < 4


def test_no_face_is_none() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    with FaceTracker() as tracker:
        assert tracker.track(np.zeros((240, 320, 3), np.uint8), 0) is None
        assert tracker.track(noise, MS) is None
        assert tracker.track(face(points()), 2 * MS) is not None


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64), np.uint8),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 3), np.float32),
        np.zeros((8, 64, 3), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
    ],
)
def test_other_pictures_are_refused(image: np.ndarray) -> None:
    with FaceTracker("image") as tracker, pytest.raises(FaceError, match="RGB pictures"):
        tracker.track(image, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /sys")
def test_a_chroot_without_sys_is_told_before_mediapipe_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker_module, "_CPUS", tmp_path / "possible")
    with pytest.raises(FaceError, match="mount -t sysfs"):
        FaceTracker("image")


def test_time_may_stand_still_or_go_back() -> None:
    picture = face(points())
    with FaceTracker() as tracker:
        for stamp in (5_000 * MS, 5_000 * MS, 0, 40 * MS, 40 * MS + 1, 9_000 * MS, 10 * MS):
            seen = tracker.track(picture, stamp)
            assert seen is not None and seen.captured_ns == stamp


def test_pictures_that_are_views_are_taken() -> None:
    wide = two()
    with FaceTracker("image") as tracker:
        assert tracker.track(wide[:, :256], 0) is not None
        assert tracker.track(wide[:, ::-1][:, :256], 0) is not None


@pytest.mark.parametrize("mode", ["video", "image"])
def test_the_largest_face_is_taken_at_the_start(mode: str) -> None:
    with FaceTracker(mode) as tracker:  # type: ignore[arg-type]
        seen = tracker.track(two(0.7, 1.0), 0)
    assert seen is not None and seen.faces == 2
    assert seen.landmarks[:, 0].mean() > 256


def test_all_faces_the_largest_first() -> None:
    with FaceTracker("image") as tracker:
        seen = tracker.track_all(two(0.7, 1.0), 0)
    assert [face.landmarks[:, 0].mean() > 256 for face in seen] == [True, False]


def test_video_stays_with_its_face_when_a_larger_one_comes() -> None:
    alone = np.hstack([face(points(scale=6.4)), np.full((256, 256, 3), (96, 120, 150), np.uint8)])
    with FaceTracker() as tracker:
        for number in range(3):
            assert tracker.track(alone, number * 40 * MS) is not None
        crowds = 0
        for number in range(3, 12):
            seen = tracker.track(two(0.8, 1.0), number * 40 * MS)
            assert seen is not None and seen.landmarks[:, 0].mean() < 256
            crowds += seen.faces == 2
        assert crowds, "the second face was never seen: this test shows nothing"


def test_a_hidden_driver_is_not_replaced_at_once_by_the_other_person() -> None:
    other = np.hstack([np.full((256, 256, 3), (96, 120, 150), np.uint8), face(points(scale=6.4))])
    with FaceTracker() as tracker:
        for number in range(10):
            seen = tracker.track(two(1.0, 0.8), number * 40 * MS)
        assert seen is not None and seen.faces == 2 and seen.landmarks[:, 0].mean() < 256
        hidden = [tracker.track(other, (400 + number * 40) * MS) for number in range(60)]
    assert hidden[5] is None and hidden[20] is None
    assert hidden[-1] is not None and hidden[-1].landmarks[:, 0].mean() > 256


def test_one_person_may_jump() -> None:
    blank = np.full((256, 256, 3), (96, 120, 150), np.uint8)
    with FaceTracker() as tracker:
        assert tracker.track(np.hstack([face(points(scale=7)), blank]), 0) is not None
        seen = [tracker.track(np.hstack([blank, face(points(scale=7))]), (1 + n) * 40 * MS) for n in range(3)]
    assert seen[-1] is not None


def test_closed_twice_and_used_after() -> None:
    tracker = FaceTracker("image")
    tracker.close()
    tracker.close()
    with pytest.raises(FaceError, match="closed"):
        tracker.track(face(points()), 0)


def test_start_up_writes_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with FaceTracker() as tracker:
        tracker.track(face(points()), 0)
    assert capfd.readouterr() == ("", "")


@given(st.floats(-300, 500), st.floats(-300, 500), st.floats(0.01, 200))
def test_confidence_is_the_share_inside(x: float, y: float, scale: float) -> None:
    marks = points(centre=(x, y), scale=scale)
    value = plausibility(marks, 256, 256)
    inside = ((marks[:, :2] >= 0) & (marks[:, :2] < 256)).all(1).mean()
    assert value in (0.0, pytest.approx(inside))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_no_face(bad: float) -> None:
    marks = points()
    marks[77, 1] = bad
    assert plausibility(marks, 256, 256) == 0.0


def test_what_is_collapsed_or_huge_is_no_face() -> None:
    assert plausibility(points(scale=0.2), 256, 256) == 0.0
    assert plausibility(points(scale=200), 256, 256) == 0.0
    assert plausibility(points() * np.array([0.05, 1, 1], np.float32), 256, 256) == 0.0
    assert plausibility(points()[:468], 256, 256) == 0.0


def test_a_real_recording_is_followed(shared_data: Path) -> None:
    with FaceTracker() as tracker, open_video(str(shared_data / "driving" / "d20.mp4")) as clip:
        seen = [tracker.track(frame.image, frame.captured_ns) for frame in (clip.read() for _ in range(40)) if frame]
    assert len(seen) == 40 and all(face is not None for face in seen)
