"""Keys, the camera's window, and what the preview draws: the camera only while the overlay is on, and only here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.face.types import LANDMARKS, Observation
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.leak import PictureMark
from obs_portrait.pipeline.live.framing import Framing
from obs_portrait.pipeline.live.keys import HELP, Action, action_of
from obs_portrait.pipeline.live.preview import Preview, View
from tests.pipeline.live.doubles import camera_picture

CAMERA = CameraFrame(camera_picture(192, 256), 0, 0)
FACE = Observation(
    np.random.default_rng(0).uniform(20, 170, (LANDMARKS, 3)).astype(np.float32),
    np.zeros(52, np.float32),
    np.eye(4, dtype=np.float32),
    1.0,
    256,
    192,
    0,
)


@pytest.mark.parametrize(
    ("key", "action"),
    [("1", (Action.PERSONA, 1)), ("9", (Action.PERSONA, 9)), ("x", (Action.CALIBRATE, 0)), ("X", (Action.CALIBRATE, 0))]
    + [(key, (action, 0)) for key, action in zip("fozcwsuhjki?", list(Action)[2:14], strict=True)]
    + [("\x1b", (Action.QUIT, 0)), ("0", None), ("q", None)],
)
def test_keys_are_avatarifys(key: str, action: tuple[Action, int] | None) -> None:
    assert action_of(ord(key)) == action
    assert action_of(ord(key) | 0x100000) == action  # some window systems add modifier bits


def test_no_key_is_no_action_and_every_key_is_explained() -> None:
    assert action_of(-1) is None
    explained = " ".join(HELP).upper()
    assert all(f"{key}" in explained for key in "XFOZCWSUHJKI?")


@given(st.lists(st.sampled_from(list(Action)), max_size=40))
def test_views_stay_within_their_bounds(keys: list[Action]) -> None:
    view = View()
    for key in keys:
        view = view.after(key)
    assert 0.0 <= view.opacity <= 1.0
    assert view.overlay == (keys.count(Action.OVERLAY) % 2 == 1)


@given(
    st.lists(st.tuples(st.floats(0.5, 2.0), st.floats(-1, 1), st.floats(-1, 1)), max_size=30),
    st.integers(16, 400),
    st.integers(16, 400),
)
def test_the_cameras_window_stays_inside_the_picture(
    moves: list[tuple[float, float, float]], width: int, height: int
) -> None:
    framing = Framing()
    for factor, dx, dy in moves:
        framing = framing.zoomed(factor).moved(dx, dy)
    frame = CameraFrame(np.arange(width * height * 3, dtype=np.uint32).astype(np.uint8).reshape(height, width, 3), 7, 3)
    cut = framing.cut(frame)
    assert 16 <= cut.image.shape[0] <= height
    assert 16 <= cut.image.shape[1] <= width
    assert (cut.captured_ns, cut.index) == (7, 3)
    assert cut.image.flags.c_contiguous


def test_keys_move_the_window_where_they_say() -> None:
    inside = Framing().zoomed(2.0)
    assert inside.moved(-0.1, 0).x < inside.x < inside.moved(0.1, 0).x
    assert inside.moved(0, -0.1).y < inside.y < inside.moved(0, 0.1).y
    assert Framing().zoomed(0.5) == Framing()


@pytest.mark.parametrize("opacity", [0.0, 0.5])
def test_the_camera_shows_only_while_the_overlay_is_on(opacity: float) -> None:
    picture = np.full((192, 256, 3), (200, 40, 40), np.uint8)
    preview = Preview(lambda: ["30.0 fps"])
    preview.view = View(overlay=False, opacity=opacity, statistics=True, help=True)
    preview.look(CAMERA, FACE)
    off = preview.draw(picture)
    assert off.shape == picture.shape
    assert not np.array_equal(off, picture)
    assert not PictureMark.found(off)
    assert np.array_equal(picture, np.full((192, 256, 3), (200, 40, 40), np.uint8))  # the sinks' frame is untouched
    preview.view = preview.view.after(Action.OVERLAY)
    preview.look(CAMERA, None)
    assert PictureMark.found(preview.draw(picture))
    preview.view = preview.view.after(Action.OVERLAY)
    preview.look(CAMERA, FACE)
    assert preview._camera is None  # nothing of the camera is kept
    assert not PictureMark.found(preview.draw(picture))


def test_with_nothing_switched_on_the_persona_frame_itself_is_shown() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    assert Preview(list).draw(picture) is picture
