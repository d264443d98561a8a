"""The mesh engine keeps the contract of a face engine, whatever it is shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs_portrait.errors import FaceError
from obs_portrait.face.engine import engine_class
from obs_portrait.face.mesh.engine import MeshEngine
from obs_portrait.face.mesh.settings import MeshSettings
from obs_portrait.face.types import Canvas, Portrait

from .conftest import SIDE, Maker, landmarks, seen

TURNED = {"vector": (0.05, 0.2, 0.1), "centre": (100.0, 92.0), "scale": 5.2, "jaw": 0.8, "lids": 0.3}


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())


def test_it_is_found_by_its_name_and_never_asks_for_pixels() -> None:
    assert engine_class("mesh") is MeshEngine
    assert not MeshEngine.needs_pixels
    assert not MeshEngine.reveals


def test_still_and_reference_are_the_portrait_itself(make: Maker, portrait: Portrait) -> None:
    engine = make()
    still = engine.still()
    assert still is not None
    np.testing.assert_array_equal(still, portrait.image)
    driver = seen(landmarks(**TURNED))
    engine.set_reference(driver)
    np.testing.assert_array_equal(engine.render(driver), portrait.image)


def test_the_first_observation_becomes_the_reference(make: Maker, portrait: Portrait) -> None:
    engine = make()
    np.testing.assert_array_equal(engine.render(seen(landmarks(**TURNED))), portrait.image)
    assert difference(engine.render(seen(landmarks())), portrait.image) > 1


def test_the_face_moves_with_the_driver(make: Maker, portrait: Portrait) -> None:
    engine = make(eyes="off", mouth="off")
    engine.set_reference(seen(landmarks()))
    moved = engine.render(seen(landmarks(centre=(SIDE / 2 + 6, SIDE / 2))))
    # The middle of the face is the portrait's, six pixels further; the border stays put.
    nose = np.s_[80:112, 80:112]
    expected = np.roll(portrait.image, 6, axis=1)[nose]
    assert difference(moved[nose], expected) < 2.0
    assert difference(moved[nose], portrait.image[nose]) > 10
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        assert difference(moved[edge], portrait.image[edge]) < 2.0


@pytest.mark.parametrize("move", [{"centre": (400.0, 300.0)}, {"scale": 15.0, "centre": (288.0, 288.0)}])
def test_where_and_how_large_the_driver_sits_does_not_matter(make: Maker, move: dict[str, object]) -> None:
    engine = make()
    pictures = []
    for base in ({}, move):
        start = {"centre": (SIDE / 2, SIDE / 2), "scale": 5.0, **base}
        grow = float(start["scale"]) / 5.0  # type: ignore[arg-type]
        x, y = start["centre"]  # type: ignore[misc]
        engine.set_reference(seen(landmarks(**start)))  # type: ignore[arg-type]
        now = {"centre": (x + 4 * grow, y - 3 * grow), "scale": 5.1 * grow}
        pictures.append(engine.render(seen(landmarks((0.04, 0.15, -0.05), jaw=0.6, lids=0.4, **now), 576)))
    assert difference(*pictures) < 0.2


@pytest.mark.parametrize("strength", ["pose_strength", "expression_strength"])
def test_no_strength_is_no_motion(make: Maker, portrait: Portrait, strength: str) -> None:
    engine = make(**{strength: 0.0}, eyes="off", mouth="off")
    engine.set_reference(seen(landmarks()))
    posed, speaking = seen(landmarks((0.1, 0.2, 0.0))), seen(landmarks(jaw=0.8))
    kept, shown = (posed, speaking) if strength == "pose_strength" else (speaking, posed)
    assert difference(engine.render(kept), portrait.image) < 1.5
    assert difference(engine.render(shown), portrait.image) > 2


def test_without_smoothing_there_is_no_memory(make: Maker) -> None:
    engine = make()
    engine.set_reference(seen(landmarks()))
    driver = seen(landmarks(**TURNED))
    alone = engine.render(driver)
    for angle in (0.3, -0.3):
        engine.render(seen(landmarks((0.0, angle, 0.0), jaw=1.0)))
    np.testing.assert_array_equal(engine.render(driver), alone)


def test_smoothing_calms_a_trembling_head_and_leaves_the_lips_alone(make: Maker) -> None:
    spread = []
    for amount in (0.0, 1.0):
        engine = make(smoothing=amount)
        engine.set_reference(seen(landmarks()))
        rng = np.random.default_rng(0)
        pictures = [
            engine.render(seen(landmarks(centre=(SIDE / 2 + x, SIDE / 2 + y)))) for x, y in rng.normal(0, 0.4, (12, 2))
        ]
        spread.append(np.std(np.array(pictures, np.float32)[4:], axis=0).mean())
    assert spread[1] < 0.6 * spread[0]
    smooth, sharp = make(smoothing=1.0), make(smoothing=0.0)
    for engine in (smooth, sharp):
        engine.set_reference(seen(landmarks()))
        engine.render(seen(landmarks()))
    driver = seen(landmarks(jaw=0.9))
    lips = np.s_[108:122, 84:108]
    assert difference(smooth.render(driver)[lips], sharp.render(driver)[lips]) < 6


def test_absolute_takes_the_pose_as_it_is(make: Maker, portrait: Portrait) -> None:
    engine = make(motion="absolute")
    engine.set_reference(seen(landmarks((0.0, 0.3, 0.0))))  # does not matter
    np.testing.assert_allclose(engine.render(seen(landmarks())), portrait.image, atol=1)
    assert difference(engine.render(seen(landmarks((0.0, 0.3, 0.0)))), portrait.image) > 2


def test_every_picture_is_new(make: Maker) -> None:
    engine = make()
    first = engine.render(seen(landmarks()))
    kept = first.copy()
    second = engine.render(seen(landmarks(**TURNED)))
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)
    still = engine.still()
    assert still is not None
    still[:] = 0
    assert difference(engine.render(seen(landmarks())), kept) == 0


@pytest.mark.parametrize("size", [(96, 64), (320, 180), (181, 243)])
@pytest.mark.parametrize("crop", ["auto", "none"])
def test_any_canvas(make: Maker, size: tuple[int, int], crop: str) -> None:
    engine = make(Canvas(*size), crop=crop, background="#102030")
    engine.set_reference(seen(landmarks()))
    out = engine.render(seen(landmarks(**TURNED)))
    assert out.shape == (size[1], size[0], 3)
    assert out.dtype == np.uint8
    assert out.flags.c_contiguous


def test_unprepared_and_unusable_are_one_sentence(portrait: Portrait) -> None:
    with pytest.raises(FaceError, match="not prepared"):
        MeshEngine().render(seen(landmarks()))
    assert MeshEngine().still() is None
    tiny = Portrait(portrait.image, landmarks(scale=0.5), "tiny")
    with pytest.raises(FaceError, match=r"tiny: the face is only \d+ pixels"):
        MeshEngine().prepare(tiny, MeshSettings(), Canvas(64, 64))


@pytest.mark.parametrize("vector", [(0.0, 1.2, 0.0), (0.0, -1.2, 0.0), (1.1, 0.0, 0.0)])
def test_a_face_that_looks_away_is_refused(portrait: Portrait, vector: tuple[float, float, float]) -> None:
    turned = Portrait(portrait.image, landmarks(vector), "profile")
    with pytest.raises(FaceError, match="profile: the face is turned 6"):
        MeshEngine().prepare(turned, MeshSettings(), Canvas(64, 64))


def test_what_is_no_face_is_refused(make: Maker) -> None:
    engine = make()
    for value in (np.nan, np.inf, 1e30):
        points = landmarks()
        points[7, 1] = value
        with pytest.raises(FaceError, match="not finite"):
            engine.render(seen(points))
    with pytest.raises(FaceError, match="collapsed"):
        engine.render(seen(np.full((478, 3), 3.0, np.float32)))
    engine.render(seen(landmarks()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    vector=st.tuples(*[st.floats(-3.2, 3.2)] * 3),
    centre=st.tuples(*[st.floats(-1e5, 1e5)] * 2),
    scale=st.floats(0.01, 5e3),
    jaw=st.floats(-8, 40),
    lids=st.floats(-2, 9),
    noise=st.sampled_from([0.0, 3.0, 200.0, 1e5]),
    seed=st.integers(0, 9),
)
def test_hostile_observations_give_a_picture_or_one_sentence(
    hostile: MeshEngine,
    vector: tuple[float, float, float],
    centre: tuple[float, float],
    scale: float,
    jaw: float,
    lids: float,
    noise: float,
    seed: int,
) -> None:
    points = landmarks(vector, centre, scale, jaw, lids)
    points += np.random.default_rng(seed).normal(0, noise, points.shape).astype(np.float32)
    try:
        out = hostile.render(seen(points))
    except FaceError as error:
        assert str(error)
    else:
        assert out.shape == (SIDE, SIDE, 3)


@pytest.fixture(scope="module")
def hostile(make: Maker) -> MeshEngine:
    engine = make(smoothing=0.5)
    engine.set_reference(seen(landmarks()))
    return engine
