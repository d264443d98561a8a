"""Keys, the camera's window, and what the preview draws: the camera only while the overlay is on, and only here."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from obs_portrait.face.types import LANDMARKS, Canvas, Observation
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.card import draw_card
from obs_portrait.pipeline.guard import Look, VideoGuard
from obs_portrait.pipeline.leak import PictureMark
from obs_portrait.pipeline.live import preview as module
from obs_portrait.pipeline.live import window
from obs_portrait.pipeline.live.framing import Framing
from obs_portrait.pipeline.live.keys import HELP, Action, action_of
from obs_portrait.pipeline.live.preview import Preview, View
from obs_portrait.pipeline.live.window import PreviewWindow
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
    assert preview._seen is None  # nothing of the camera is kept
    assert not PictureMark.found(preview.draw(picture))


CARD = draw_card(Canvas(256, 192))


def _overlay(covered: Callable[[], bool] = lambda: False) -> Preview:
    preview = Preview(list, covered)
    preview.view = View(overlay=True, opacity=0.5)
    preview.look(CAMERA, None)
    return preview


def test_a_cover_takes_the_camera_out_of_the_window_until_somebody_asks_again() -> None:
    covered = threading.Event()
    preview = _overlay(covered.is_set)
    assert PictureMark.found(preview.draw(CARD))  # the mark would be seen
    covered.set()
    assert preview.draw(CARD) is CARD  # not even the line that says that the camera is shown
    preview.view = preview.view.after(Action.OVERLAY)  # the key is pressed meanwhile
    preview.look(CAMERA, None)
    assert preview._seen is None
    assert not PictureMark.found(preview.draw(CARD))
    covered.clear()
    preview.look(CAMERA, None)
    assert not PictureMark.found(preview.draw(CARD))
    preview.view = preview.view.after(Action.OVERLAY)
    preview.look(CAMERA, None)
    assert PictureMark.found(preview.draw(CARD))


def test_nothing_of_the_camera_is_drawn_over_a_card() -> None:
    preview = _overlay()
    assert not PictureMark.found(preview.draw(CARD, card=True))
    assert preview._seen is None
    preview.look(CAMERA, None)
    assert PictureMark.found(preview.draw(CARD))


def test_the_window_says_what_is_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[NDArray[np.uint8]] = []
    monkeypatch.setattr(window.cv2, "imshow", lambda title, picture: shown.append(picture[..., ::-1]))
    monkeypatch.setattr(window.cv2, "pollKey", lambda: -1)
    monkeypatch.setattr(window.cv2, "getWindowProperty", lambda *_: 1.0)
    preview = _overlay()
    guard = VideoGuard(Look("red", np.full((192, 256, 3), 90, np.uint8)), Canvas(256, 192))
    sink = PreviewWindow(preview, lambda action, number: None)
    sink._write(guard.stand_in(1))
    preview.look(CAMERA, None)
    sink._write(guard.card(1))
    assert [PictureMark.found(picture) for picture in shown] == [True, False]


def test_a_camera_that_is_lost_is_not_shown_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000_000_000]
    monkeypatch.setattr(module, "now_ns", lambda: now[0])
    preview = _overlay()
    now[0] += 400_000_000
    assert PictureMark.found(preview.draw(CARD))
    now[0] += 200_000_000
    assert not PictureMark.found(preview.draw(CARD))
    assert preview._seen is None and preview.view.overlay  # it is shown again when it is back
    preview.look(CAMERA, None)
    assert PictureMark.found(preview.draw(CARD))


def test_with_nothing_switched_on_the_persona_frame_itself_is_shown() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    assert Preview(list).draw(picture) is picture
