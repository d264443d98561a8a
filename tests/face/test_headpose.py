from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.face.headpose import angles, rotation
from obs_portrait.face.tracker import FaceTracker
from tests.face.drawn import face, points

turn = st.floats(-179, 179)


@given(turn, st.floats(-89, 89), turn, st.floats(0.01, 100))
def test_angles_undo_rotation(yaw: float, pitch: float, roll: float, scale: float) -> None:
    pose = np.eye(4)
    pose[:3, :3] = scale * rotation(yaw, pitch, roll)
    pose[:3, 3] = (3, -2, -60)
    np.testing.assert_allclose(angles(pose), (yaw, pitch, roll), atol=1e-6)


@given(turn, st.sampled_from([-90.0, 90.0]), turn)
def test_looking_straight_up_or_down_keeps_the_rotation(yaw: float, pitch: float, roll: float) -> None:
    R = rotation(yaw, pitch, roll)
    np.testing.assert_allclose(rotation(*angles(R)), R, atol=1e-5)


def test_what_is_no_rotation_is_no_turn() -> None:
    assert angles(np.zeros((4, 4), np.float32)) == (0, 0, 0)
    assert angles(np.full((4, 4), np.nan, np.float32)) == (0, 0, 0)


@pytest.mark.parametrize("turned", [(20, 0, 0), (-20, 0, 0), (0, 15, 0), (0, -15, 0), (0, 0, 20), (0, 0, -20)])
def test_the_signs_are_those_of_the_tracker(turned: tuple[int, int, int]) -> None:
    with FaceTracker("image") as tracker:
        seen = tracker.track(face(points(*turned)), 0)
    assert seen is not None
    np.testing.assert_allclose(angles(seen.pose), turned, atol=7)
