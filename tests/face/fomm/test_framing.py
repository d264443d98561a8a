"""Squares out of pictures and back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from obs_portrait.face.crop import FollowCrop
from obs_portrait.face.fomm.follow import Driver
from obs_portrait.face.fomm.framing import SIDE, Paste, cut, face_square, whole_square
from obs_portrait.face.types import Observation
from obs_portrait.media.types import CameraFrame
from tests.face.drawn import points


def gradient(width: int, height: int) -> np.ndarray:
    """Every place has a colour of its own."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.ascontiguousarray(np.stack((x, y, (x + y) / 2), -1).round().astype(np.uint8))


def seen(landmarks: np.ndarray, captured_ns: int = 0, size: int = 256) -> Observation:
    return Observation(
        landmarks.astype(np.float32),
        np.zeros(52, np.float32),
        np.eye(4, dtype=np.float32),
        1.0,
        size,
        size,
        captured_ns,
    )


def test_a_square_of_its_own_size_is_cut_pixel_for_pixel() -> None:
    picture = gradient(400, 300)
    assert np.array_equal(cut(picture, (50, 20, 306, 276)), picture[20:276, 50:306])
    assert np.array_equal(cut(picture[:256, :256].copy(), whole_square(256, 256)), picture[:256, :256])


@pytest.mark.parametrize("side", [100.0, 256.0, 700.0, 1500.0])
def test_cutting_is_resizing(side: float) -> None:
    picture = gradient(1600, 1600)
    box = (40.0, 30.0, 40 + side, 30 + side)
    part = picture[30 : 30 + int(side), 40 : 40 + int(side)]
    how = cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC
    wanted = cv2.resize(part, (SIDE, SIDE), interpolation=how)
    assert np.abs(cut(picture, box)[4:-4, 4:-4].astype(int) - wanted[4:-4, 4:-4]).max() <= 2


def test_shrinking_averages() -> None:
    stripes = np.zeros((2048, 2048, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(cut(stripes, (0, 0, 2048, 2048)).astype(int) - 128).max() <= 2


@settings(deadline=None, max_examples=40)
@given(st.floats(-500, 900), st.floats(-500, 900), st.floats(4, 3000))
@example(0.0, -5.0, 4.0)
@example(400.0, 300.0, 4.0)
def test_any_square_can_be_cut_and_pasted(left: float, top: float, side: float) -> None:
    picture = gradient(320, 240)
    box = (left, top, left + side, top + side)
    square = cut(picture, box)
    assert square.shape == (SIDE, SIDE, 3)
    out = Paste(picture, box)(square)
    assert out.shape == picture.shape
    assert out.dtype == np.uint8
    assert not np.shares_memory(out, picture)


def test_what_is_pasted_unchanged_is_not_seen() -> None:
    picture = gradient(1280, 720)
    for box in ((400.0, 100.0, 900.0, 600.0), (-50.0, -80.0, 750.0, 720.0), whole_square(1280, 720)):
        out = Paste(picture, box)(cut(picture, box))
        assert np.abs(out.astype(int) - picture).max() <= 4


def test_the_mask_is_soft_inside_and_whole_where_the_picture_ends() -> None:
    black, white = np.zeros((480, 640, 3), np.uint8), np.full((SIDE, SIDE, 3), 255, np.uint8)
    out = Paste(black, (100.0, 100.0, 400.0, 400.0))(white)[..., 0].astype(int)
    assert out[250, 250] == 255
    assert not out[:100].any()
    assert not out[:, 400:].any()
    assert np.abs(np.diff(out[250])).max() < 25  # no edge
    assert (np.diff(out[250, 100:250]) >= 0).all()
    assert Paste(black, whole_square(640, 480))(white)[0, 320].tolist() == [255] * 3
    assert Paste(black, (-100.0, -100.0, 300.0, 300.0))(white)[0, 0].tolist() == [255] * 3


def test_the_square_about_a_face_is_the_one_that_follows_it() -> None:
    face = points()
    assert face_square(face, 1.9) == pytest.approx(FollowCrop(1.9).update(seen(face)), abs=1e-3)


def frame_of(captured_ns: int, colour: int) -> CameraFrame:
    return CameraFrame(np.full((256, 256, 3), colour, np.uint8), captured_ns, 0)


def test_a_shown_reference_is_cut_where_the_face_is() -> None:
    driver = Driver(1.9)
    resting, moved = points(centre=(100, 120)), points(centre=(150, 120))
    picture = gradient(256, 256)
    driver.show(CameraFrame(picture, 7, 0))
    driver.refer(seen(resting, 7))
    square, reference = driver.see(seen(moved, 50_000_000), CameraFrame(gradient(256, 256), 50_000_000, 1))
    assert reference is not None
    assert np.array_equal(reference, cut(picture, face_square(resting.astype(np.float32), 1.9)))
    assert not np.array_equal(square, reference)
    assert driver.see(seen(moved, 90_000_000), CameraFrame(picture, 90_000_000, 2))[1] is None


def test_without_a_reference_the_next_frame_is_it() -> None:
    driver = Driver(None)
    first, reference = driver.see(seen(points(), 1), frame_of(1, 10))
    assert np.array_equal(first, reference)
    assert driver.see(seen(points(), 2), frame_of(2, 20))[1] is None
    driver.refer(None)
    assert driver.see(seen(points(), 3), frame_of(3, 30))[1] is not None


def test_a_reference_whose_picture_is_lost_is_sought_again() -> None:
    """After a restart only the landmarks are known: the most similar face takes its place, for a while."""
    driver = Driver(None)
    driver.refer(seen(points(), 5))

    def colour_of_new_reference(yaw: float, captured_ns: int, colour: int) -> int | None:
        _, reference = driver.see(seen(points(yaw=yaw), captured_ns), frame_of(captured_ns, colour))
        return None if reference is None else int(reference[0, 0, 0])

    assert colour_of_new_reference(0.5, 1_000, 10) == 10  # anything is better than nothing
    assert colour_of_new_reference(0.7, 2_000, 20) is None
    assert colour_of_new_reference(0.1, 3_000, 30) == 30
    assert colour_of_new_reference(0.3, 4_000, 40) is None
    assert colour_of_new_reference(0.0, 21_000_000_000, 50) is None  # too late: by now the driver is used to it


def test_a_picture_of_another_moment_is_not_the_references() -> None:
    driver = Driver(None)
    driver.show(frame_of(99, 200))
    driver.refer(seen(points(), 5))
    _, reference = driver.see(seen(points(), 6), frame_of(6, 60))
    assert reference is not None
    assert reference[0, 0, 0] == 60
