from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.errors import FaceError
from obs_portrait.face.calibration import (
    Calibrator,
    ReferenceSearch,
    assess,
    find_best_frame,
    quality,
    sharpness,
)
from obs_portrait.face.types import Observation, Portrait
from tests.face.conftest import write_clip
from tests.face.drawn import face, observation, points

CALM = observation(points())
STEP = 40_000_000


def at(index: int, **changes: object) -> Observation:
    return replace(observation(points(), **changes), captured_ns=index * STEP)  # type: ignore[arg-type]


def test_a_calm_frontal_face_is_nearly_perfect() -> None:
    assert quality(CALM) > 0.9


@given(st.floats(-60, 60), st.floats(-40, 40), st.floats(-60, 60))
def test_turning_away_never_helps(yaw: float, pitch: float, roll: float) -> None:
    near = assess(observation(points(), angles=(yaw / 2, pitch / 2, roll / 2)))
    far = assess(observation(points(), angles=(yaw, pitch, roll)))
    assert 0 <= far.score <= near.score <= 1
    assert (far.yaw, far.pitch, far.roll) == pytest.approx((yaw, pitch, roll), abs=1e-3)


@given(st.integers(0, 51), st.floats(0, 1))
def test_no_blendshape_helps(index: int, value: float) -> None:
    assert quality(observation(points(), blendshapes={index: value})) <= quality(CALM)


def test_an_open_mouth_is_seen_without_blendshapes() -> None:
    assert quality(observation(points(jaw=2.0))) < 0.7 * quality(CALM)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"angles": (31, 0, 0)}, "turned by 31°"),
        ({"angles": (0, 25, 0)}, "looks up by 25°"),
        ({"angles": (0, -25, 0)}, "looks down by 25°"),
        ({"angles": (0, 0, 50)}, "tilted by 50°"),
        ({"blendshapes": {25: 0.9}}, "close your mouth"),
        ({"blendshapes": {9: 0.95, 10: 0.9}}, "eyes open"),
        ({"confidence": 0.3}, "whole face into the picture"),
    ],
)
def test_advice_names_the_worst(changes: dict[str, object], words: str) -> None:
    rating = assess(observation(points(), **changes))  # type: ignore[arg-type]
    assert words in rating.advice and rating.score < 0.5


def test_sharp_beats_blurred_at_any_size() -> None:
    for scale in (4.0, 8.0):
        marks = points(scale=scale)
        picture = face(marks)
        values = [sharpness(cv2.GaussianBlur(picture, (0, 0), s) if s else picture, marks) for s in (0, 1.5, 4)]
        assert 1 >= values[0] > values[1] > values[2] >= 0
    blurred = np.asarray(cv2.GaussianBlur(face(points()), (0, 0), 12), np.uint8)
    assert "not sharp" in assess(CALM, blurred).advice


def test_sharpness_of_a_face_beyond_the_edge() -> None:
    assert 0 <= sharpness(face(points()), points(centre=(250, -40))) <= 1
    assert 0 <= sharpness(face(points()), points(centre=(900, 900))) <= 1


def test_the_best_frame_of_the_second_is_taken() -> None:
    calibrator = Calibrator()
    found = None
    for index in range(26):
        turned = 0.0 if index == 17 else 12.0
        found = calibrator.add(at(index, angles=(turned, 0, 0)))
        assert (found is None) == (index < 25)
    assert found is not None and found.captured_ns == 17 * STEP
    assert calibrator.reference is found and calibrator.message == "Calibrated."
    assert calibrator.add(at(90)) is found


def test_it_refuses_with_a_reason_and_goes_on() -> None:
    calibrator = Calibrator()
    for index in range(40):
        assert calibrator.add(at(index, angles=(40, 0, 0))) is None
    assert "turned by 40°" in calibrator.message and calibrator.best is not None
    for index in range(40, 100):
        calibrator.add(at(index))
    assert calibrator.reference is not None and calibrator.reference.captured_ns >= 40 * STEP


def test_a_face_that_leaves_begins_anew() -> None:
    calibrator = Calibrator()
    for index in range(20):
        calibrator.add(at(index))
    assert calibrator.add(None) is None and "No face" in calibrator.message
    assert all(calibrator.add(at(index)) is None for index in range(21, 40))
    assert any(calibrator.add(at(index)) is not None for index in range(40, 60))


def test_a_clip_that_starts_again_does_not_stall() -> None:
    calibrator = Calibrator()
    for index in (500, 501, 502):
        calibrator.add(at(index))
    assert any(calibrator.add(at(index)) is not None for index in range(40))


@given(st.floats(0.2, 5), st.floats(-300, 300), st.floats(-300, 300))
def test_place_and_size_do_not_matter_to_the_search(scale: float, x: float, y: float) -> None:
    search = ReferenceSearch(Portrait(np.zeros((1, 1, 3), np.uint8), points(10)))
    moved = (points(10) * scale + np.array([x, y, 0])).astype(np.float32)
    assert search.distance(observation(moved)) == pytest.approx(0, abs=0.02)


def test_nearer_in_pose_and_expression_is_better() -> None:
    search = ReferenceSearch(Portrait(np.zeros((1, 1, 3), np.uint8), points(15, jaw=1.0)))
    assert (search.current, search.best) == (-1, -1)
    taken = [search.consider(observation(points(yaw, jaw=jaw))) for yaw, jaw in ((-15, 0), (-30, 0), (0, 0), (15, 1))]
    assert taken == [True, False, True, True]
    assert search.best == pytest.approx(0, abs=0.02)
    assert not search.consider(observation(points(14, jaw=1.0)))
    assert search.current > search.best


def test_collapsed_landmarks_are_never_best() -> None:
    search = ReferenceSearch(Portrait(np.zeros((1, 1, 3), np.uint8), points()))
    assert not search.consider(observation(np.zeros((478, 3), np.float32)))
    assert search.best == -1
    with pytest.raises(FaceError, match="collapsed"):
        ReferenceSearch(Portrait(np.zeros((1, 1, 3), np.uint8), np.zeros((478, 3), np.float32)))


def test_best_frame_of_a_file(tmp_path: Path) -> None:
    yaws = (-20, -10, 0, 10, 20, 10, 0)
    clip = write_clip(tmp_path / "turning.mp4", [face(points(yaw)) for yaw in yaws])
    seen: list[tuple[int, int | None]] = []
    portrait = Portrait(np.zeros((256, 256, 3), np.uint8), points(20))
    best = find_best_frame(clip, portrait, lambda done, total: seen.append((done, total)))
    assert best.index == 4 and best.distance > 0
    assert seen == [(number + 1, 7) for number in range(7)]


def test_a_file_without_a_face(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "empty.mp4", [np.full((128, 128, 3), 90, np.uint8)] * 3)
    with pytest.raises(FaceError, match="no face was found"):
        find_best_frame(clip, Portrait(np.zeros((1, 1, 3), np.uint8), points()))
