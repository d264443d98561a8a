from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.errors import FaceError
from obs_portrait.face.overlay import draw_landmarks, ghost
from tests.face.drawn import points

GREY = np.full((256, 256, 3), 80, np.uint8)


def test_lines_are_drawn_on_a_copy() -> None:
    before = GREY.copy()
    out = draw_landmarks(GREY, points())
    assert (before == GREY).all() and not np.shares_memory(out, GREY)
    nose, oval = points()[4, :2].astype(int), points()[10, :2].round().astype(int)
    assert (out[oval[1], oval[0]] != 80).any()
    assert (out[nose[1], nose[0]] == 80).all()
    with_points = draw_landmarks(GREY, points(), points=True)
    assert (with_points != 80).any(2).sum() > (out != 80).any(2).sum()


def test_opacity_runs_from_nothing_to_all() -> None:
    full = draw_landmarks(GREY, points())
    assert (draw_landmarks(GREY, points(), opacity=0.0) == GREY).all()
    half = draw_landmarks(GREY, points(), opacity=0.5).astype(int)
    assert np.abs(half - (full.astype(int) + 80) / 2).max() <= 1


@given(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5), st.floats(0.1, 500), st.sampled_from([0.0, np.nan, np.inf]))
def test_any_landmarks_are_survived(x: float, y: float, scale: float, bad: float) -> None:
    marks = points(centre=(x, y), scale=scale)
    if bad:
        marks[::7] = bad
    assert draw_landmarks(GREY, marks, points=True).shape == GREY.shape


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(1, 90))
def test_the_ghost_covers_any_shape(h: int, w: int, tall: int, wide: int) -> None:
    image, portrait = np.full((h, w, 3), 40, np.uint8), np.full((tall, wide, 3), 200, np.uint8)
    assert (ghost(image, portrait, 1.0) == 200).all()
    assert (ghost(image, portrait, 0.0) == 40).all()
    assert (np.abs(ghost(image, portrait, 0.25).astype(int) - 80) <= 1).all()


def test_what_is_refused() -> None:
    with pytest.raises(FaceError, match="opacity"):
        draw_landmarks(GREY, points(), opacity=1.5)
    with pytest.raises(FaceError, match="RGB"):
        ghost(GREY, GREY[..., 0])
