from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from obs_portrait.errors import FaceError
from obs_portrait.face.metrics import IRIS, LIPS, PSNR_LIMIT, akd, akd_l1, face_box, l1, psnr, ssim
from tests.face.drawn import points

pictures = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=11, max_side=24).map(lambda s: (*s, 3))
)


def noise(seed: int, shape: tuple[int, int] = (40, 30)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


@settings(max_examples=40, deadline=None)
@given(pictures)
def test_a_picture_equals_itself(picture: np.ndarray) -> None:
    assert psnr(picture, picture) == PSNR_LIMIT
    assert ssim(picture, picture) == pytest.approx(1.0, abs=1e-6)
    assert l1(picture, picture) == 0.0


@settings(max_examples=40, deadline=None)
@given(pictures, st.integers(0, 2**32 - 1))
def test_order_does_not_matter_and_bounds_hold(picture: np.ndarray, seed: int) -> None:
    other = np.random.default_rng(seed).integers(0, 256, picture.shape, dtype=np.uint8)
    for figure in (psnr, ssim, l1):
        assert figure(picture, other) == pytest.approx(figure(other, picture), abs=1e-5)
    assert 0.0 <= psnr(picture, other) <= PSNR_LIMIT
    assert -1.0 <= ssim(picture, other) <= 1.0 + 1e-6
    assert 0.0 <= l1(picture, other) <= 255.0


def test_known_values() -> None:
    grey = np.full((32, 32, 3), 100, np.uint8)
    assert l1(grey, grey + 10) == pytest.approx(10.0)
    assert psnr(grey, grey + 10) == pytest.approx(20 * np.log10(25.5))
    # Flat pictures differ in luminance only: (2 m1 m2 + C1) / (m1² + m2² + C1).
    c1 = 2.55**2
    assert ssim(grey, grey + 10) == pytest.approx((2 * 100 * 110 + c1) / (100**2 + 110**2 + c1), abs=1e-5)


def test_ssim_is_that_of_the_paper() -> None:
    a, b = noise(1, (24, 20)), noise(2, (24, 20))
    ramp = np.arange(11) - 5
    line = np.exp(-(ramp**2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    values = []
    for c in range(3):
        for y in range(24 - 10):
            for x in range(20 - 10):
                p = a[y : y + 11, x : x + 11, c].astype(float)
                q = b[y : y + 11, x : x + 11, c].astype(float)
                mp, mq = (window * p).sum(), (window * q).sum()
                vp, vq = (window * (p - mp) ** 2).sum(), (window * (q - mq) ** 2).sum()
                cov = (window * (p - mp) * (q - mq)).sum()
                c1, c2 = 2.55**2, 7.65**2
                values.append((2 * mp * mq + c1) * (2 * cov + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
    assert ssim(a, b) == pytest.approx(float(np.mean(values)), abs=1e-4)


@given(st.floats(-40, 40), st.floats(-40, 40), st.integers(64, 4000), st.integers(64, 4000))
def test_akd_of_a_shift_is_its_length_at_256(dx: float, dy: float, width: int, height: int) -> None:
    a = points()
    b = a + np.array([dx, dy, 99], np.float32)  # depth does not count
    wanted = np.hypot(dx, dy) * 256 / min(width, height)
    for subset in (None, LIPS, IRIS):
        assert akd(a, b, width, height, subset) == pytest.approx(wanted, rel=1e-3, abs=1e-3)


def test_subsets() -> None:
    a = points()
    b = a.copy()
    b[list(IRIS), 0] += 5
    assert akd(a, b, 256, 256, IRIS) == pytest.approx(5, rel=1e-4)
    assert akd(a, b, 256, 256, LIPS) == 0
    assert akd_l1(a, b, 256, 256) == pytest.approx(np.abs(a - b)[:, :2].mean(), rel=1e-4)
    assert akd(a, b, 256, 256) == pytest.approx(5 * 10 / 478, rel=1e-4)
    assert len(set(IRIS)) == 10 and len(set(LIPS)) == 40


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(0.1, 60), st.integers(11, 300), st.integers(11, 300))
def test_the_box_lies_in_the_picture_and_holds_a_window(x: float, y: float, scale: float, w: int, h: int) -> None:
    left, top, right, bottom = face_box(points(centre=(x, y), scale=scale), w, h)
    assert left >= 0 and right <= w and right - left >= 11
    assert top >= 0 and bottom <= h and bottom - top >= 11


def test_the_box_has_a_tenth_of_margin() -> None:
    marks = points(centre=(500, 500), scale=20)
    low, high = marks[:, :2].min(0), marks[:, :2].max(0)
    box = np.array(face_box(marks, 1000, 1000)).reshape(2, 2)
    np.testing.assert_allclose(box, [low - 0.1 * (high - low), high + 0.1 * (high - low)], atol=1)


def test_pictures_that_cannot_be_compared() -> None:
    with pytest.raises(FaceError, match="one size"):
        psnr(noise(1), noise(1, (40, 31)))
    with pytest.raises(FaceError, match="11x11"):
        ssim(noise(1, (10, 40)), noise(2, (10, 40)))
    with pytest.raises(FaceError, match="11x11"):
        face_box(points(), 10, 300)
