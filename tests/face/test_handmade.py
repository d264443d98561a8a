"""Landmarks that a person has set: laid, checked, given depth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait import resources
from obs_portrait.errors import FaceError
from obs_portrait.face.handmade import check_points, lay_face, names, with_depth
from obs_portrait.face.mesh.pose import solve
from obs_portrait.face.portrait import load_portrait
from obs_portrait.face.topology import FACE_OVAL, LEFT_EYE, LEFT_IRIS, LIPS_INNER, RIGHT_EYE, RIGHT_IRIS

SIDES = st.integers(64, 6000)


@given(SIDES, SIDES)
def test_a_face_that_is_laid_is_a_face_in_the_middle(width: int, height: int) -> None:
    face = lay_face(width, height)
    assert face.shape == (478, 3)
    assert face.dtype == np.float32
    check_points(face[:, :2].astype(np.float64), width, height)
    middle = (face[:, :2].min(0) + face[:, :2].max(0)) / 2
    assert np.abs(middle - [width / 2, height / 2]).max() < 1
    assert face[list(RIGHT_EYE), 0].mean() < face[list(LEFT_EYE), 0].mean()
    assert face[list(RIGHT_EYE), 1].mean() < face[list(LIPS_INNER), 1].mean()
    assert face[1, 2] < face[list(FACE_OVAL), 2].min()  # the nose is nearest
    for ring, iris in ((RIGHT_EYE, RIGHT_IRIS), (LEFT_EYE, LEFT_IRIS)):
        eye = face[list(ring), :2]
        assert (eye.min(0) < face[iris[0], :2]).all()
        assert (face[iris[0], :2] < eye.max(0)).all()
    solve(face)  # the mesh engine can place it


@given(st.floats(-60, 60), st.floats(0.5, 1.5), st.floats(-200, 200), st.floats(-200, 200))
def test_faces_may_be_turned_stretched_and_moved(degrees: float, stretch: float, dx: float, dy: float) -> None:
    face = lay_face(1000, 1000)[:, :2].astype(np.float64)
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = 500 + ((face - 500) * [stretch * 0.6, 0.6]) @ turn.T + [dx, dy]
    check_points(moved, 1000, 1000)
    deep = with_depth(moved)
    assert np.allclose(deep[:, :2], moved, atol=1e-3)
    solve(deep)


@pytest.mark.parametrize("name", ["ada", "bronze", "ink", "marble", "nova", "robot"])
def test_every_built_in_face_is_one(name: str) -> None:
    portrait = load_portrait(resources.profiles_dir() / name / "portrait.png")
    height, width = portrait.image.shape[:2]
    points = portrait.landmarks[:, :2].astype(np.float64)
    check_points(np.clip(points, 0, (width, height)), width, height)
    assert np.allclose(with_depth(points, portrait.landmarks), portrait.landmarks, atol=1e-2)
    with pytest.raises(FaceError, match="mirrored"):
        check_points(np.clip([width, 0] + points * [-1, 1], 0, (width, height)), width, height)


def test_depth_grows_with_the_face() -> None:
    small, large = lay_face(200, 200), lay_face(800, 800)
    assert np.allclose(with_depth(large[:, :2].astype(np.float64), small), large, rtol=1e-3, atol=1e-2)


def test_points_have_names_and_no_two_the_same() -> None:
    assert len(names()) == len(set(names())) == 478
    assert names()[LEFT_IRIS[0]] == "left iris 1"
    assert names()[RIGHT_EYE[0]] == "right eye 1"


@given(st.integers(0, 477), st.sampled_from([np.nan, np.inf, -1.0, 1e9]), st.integers(0, 1))
def test_one_bad_point_is_enough(index: int, value: float, axis: int) -> None:
    face = lay_face(400, 300)[:, :2].astype(np.float64)
    face[index, axis] = value
    with pytest.raises(FaceError):
        check_points(face, 400, 300)


@given(st.integers(0, 2**32 - 1))
def test_a_cloud_is_no_face(seed: int) -> None:
    cloud = np.random.default_rng(seed).uniform(0, 500, (478, 2))
    with pytest.raises(FaceError):
        check_points(cloud, 500, 500)
