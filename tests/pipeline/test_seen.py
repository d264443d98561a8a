"""No picture of the driver passes: not an older one, not the neutral frame, not a dark, recoloured or moved one."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest

from obs_portrait.face.types import Canvas
from obs_portrait.media.types import CameraFrame, Origin
from obs_portrait.persona import store
from obs_portrait.pipeline.face_pipeline import FacePipeline
from obs_portrait.pipeline.guard import Look, VideoGuard
from obs_portrait.pipeline.performance import PerformanceVideoSource
from obs_portrait.pipeline.prepare import fit
from obs_portrait.pipeline.seen import FRAMES, Seen
from tests.pipeline.doubles import GreedyEngine, StubTracker, blocks, face

SIDE = 512
STEP = 33_000_000


@cache
def performance(count: int = 40) -> list[np.ndarray]:
    source = PerformanceVideoSource()
    source.open()
    return [frame.image for _ in range(count) if (frame := source.read()) is not None]


def camera(image: np.ndarray, index: int = 0) -> CameraFrame:
    return CameraFrame(image, index * STEP, index)


def noisy(image: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 4, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def guard() -> VideoGuard:
    return VideoGuard(Look("ada"), Canvas(SIDE, SIDE))


@pytest.mark.parametrize("age", [1, 3, 30])
@pytest.mark.parametrize("noise", [False, True])
def test_an_older_picture_is_a_copy_as_well(age: int, noise: bool) -> None:
    watching = guard()
    for index, image in enumerate(performance()):
        watching.watch(camera(noisy(image, index) if noise else image, index))
    out = watching.admit(performance()[-1 - age].copy(), camera(performance()[-1], 39))
    assert out.origin is Origin.CARD
    assert watching.leaks == 1


def test_an_engine_that_is_late_by_a_picture_shows_nothing_of_them() -> None:
    kept: list[np.ndarray] = []

    def late(count: int, frame: CameraFrame | None) -> object:
        assert frame is not None
        kept.append(frame.image.copy())
        if count == 1:
            raise RuntimeError("nothing yet")  # it has seen the picture all the same
        return kept[-2]

    pipeline = FacePipeline(face(GreedyEngine(500, late)), StubTracker)
    outs = [pipeline.process(CameraFrame(blocks(index, 64, 96), index * STEP, index)) for index in range(20)]
    assert {out.origin for out in outs} == {Origin.PORTRAIT}
    assert pipeline.stats.events["leaks"] == 19


@pytest.mark.parametrize("as_set", [True, False])
def test_the_neutral_frame_is_remembered_when_all_others_have_gone(as_set: bool) -> None:
    shown: list[np.ndarray] = []

    class Fond(GreedyEngine):
        def show_reference(self, frame: CameraFrame) -> None:
            shown.append(frame.image.copy())

    engine = Fond(500, lambda count, frame: shown[0] if count > FRAMES + 5 else None)
    pipeline = FacePipeline(face(engine), StubTracker)
    neutral = CameraFrame(blocks(900, 64, 96), 0, 0)
    if as_set:
        pipeline.process(neutral)
        pipeline.set_reference(pipeline.observation, neutral)
    outs = [
        pipeline.process(
            neutral if not (as_set or index) else CameraFrame(blocks(1000 + index, 64, 96), index * STEP, index)
        )
        for index in range(FRAMES + 20)
    ]
    assert [out.origin for out in outs[-5:]] == [Origin.HOLD] * 5
    assert pipeline.stats.events["leaks"] > 5


def test_memory_of_an_older_picture_is_refused_as_long_as_somebody_has_it() -> None:
    seen = Seen(1.0)
    buffer = np.zeros((SIDE, SIDE, 3), np.uint8)  # black: nothing to see in it
    seen.add(camera(buffer))
    for index in range(1, 9):
        seen.add(camera(np.zeros((SIDE, SIDE, 3), np.uint8), index))
    assert seen.shares(buffer[::2])
    assert not seen.shares(buffer.copy())
    del buffer
    gc.collect()
    assert sum(known() is not None for known in seen._owners if known is not None) <= 1  # no picture is kept


def cropped(share: float) -> Callable[[np.ndarray], np.ndarray]:
    def crop(image: np.ndarray) -> np.ndarray:
        size = int(SIDE * share)
        at = (SIDE - size) // 2
        return cv2.resize(image[at : at + size, at : at + size], (SIDE, SIDE))

    return crop


def rotated(image: np.ndarray) -> np.ndarray:
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 4, 1)
    return cv2.warpAffine(image, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)


def in_one_channel(image: np.ndarray) -> np.ndarray:
    out = np.zeros_like(image)
    out[..., 0] = image[..., 1]
    return out


def without_green(image: np.ndarray) -> np.ndarray:
    out = image.copy()
    out[..., 1] = 128
    return out


RECOLOURED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "negative": lambda image: 255 - image,
    "bright gamma": lambda image: (255 * (image / 255.0) ** 0.4).astype(np.uint8),
    "dark gamma": lambda image: (255 * (image / 255.0) ** 2.2).astype(np.uint8),
    "in one channel": in_one_channel,
    "without green": without_green,
}
MOVED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "cropped to 95 %": cropped(0.95),
    "cropped to 85 %": cropped(0.85),
    "shifted": lambda image: np.roll(image, 15, 1),
    "turned": rotated,
}


@pytest.mark.parametrize("way", sorted(RECOLOURED))
def test_a_recoloured_copy_is_a_copy(way: str) -> None:
    watching = guard()
    image = performance()[0]
    assert watching.admit(RECOLOURED[way](image), camera(image)).origin is Origin.CARD
    assert watching.leaks == 1


@pytest.mark.parametrize("way", sorted(MOVED))
def test_an_engine_that_sees_pixels_passes_no_moved_copy(way: str) -> None:
    watching = guard()
    image = performance()[0]
    moved = np.ascontiguousarray(MOVED[way](image))
    assert watching.admit(moved, camera(image), sees_pixels=True).origin is Origin.CARD
    assert watching.leaks == 1


@pytest.mark.parametrize("level", [0.02, 0.03, 0.06])
def test_a_dark_camera_made_bright_is_a_copy(level: float) -> None:
    """At 0.02 the camera shows five levels in all."""
    watching = guard()
    dark = np.clip(performance()[0] * level + 0.5, 0, 255).astype(np.uint8)
    bright = (dark.astype(np.float32) / dark.max() * 255).astype(np.uint8)
    assert watching.admit(dark.copy(), camera(dark)).origin is Origin.CARD
    assert watching.admit(bright, camera(dark, 1)).origin is Origin.CARD


def test_two_dark_pictures_of_nothing_are_no_copies() -> None:
    watching = guard()
    rng = np.random.default_rng(7)
    for index in range(30):
        lens_cap = np.clip(rng.normal(3, 1.5, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
        persona = np.clip(rng.normal(9, 1.5, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
        assert watching.admit(persona, camera(lens_cap, index), sees_pixels=True).origin is Origin.ENGINE


@pytest.mark.parametrize("name", ["ada", "bronze", "ink", "marble", "nova", "robot"])
def test_no_persona_of_ours_is_taken_for_the_driver(name: str) -> None:
    watching = guard()
    persona = fit(cv2.imread(str(store.load(name).portrait_path))[..., ::-1], Canvas(SIDE, SIDE))
    for index, image in enumerate(performance()):
        assert watching.admit(persona.copy(), camera(image, index), sees_pixels=True).origin is Origin.ENGINE


def test_a_persona_of_oneself_may_move_in_the_same_scene() -> None:
    """A picture that is animated with itself, drawn a little larger: its portrait shows as much."""
    image = performance()[0]
    watching = VideoGuard(Look("self", cropped(0.9)(image)), Canvas(SIDE, SIDE))
    drawn = cropped(0.88)(image)
    assert watching.admit(drawn, camera(image), sees_pixels=True).origin is Origin.ENGINE
    assert VideoGuard(Look("ada"), Canvas(SIDE, SIDE)).admit(drawn, camera(image), False, True).origin is Origin.CARD


def test_what_is_checked_is_what_is_sent() -> None:
    """An engine that goes on painting on the array that it handed out."""
    image = performance()[0]
    noise = np.random.default_rng(0).integers(0, 256, image.shape, np.uint8)
    shared, over = noise.copy(), threading.Event()

    def paint() -> None:
        while not over.is_set():
            np.copyto(shared, noise)
            np.copyto(shared, image)

    painter = threading.Thread(target=paint)
    painter.start()
    watching, judge = guard(), guard()
    try:
        sent = [watching.admit(shared, camera(image, index)) for index in range(100)]
    finally:
        over.set()
        painter.join()
    for out in sent:
        if out.origin is Origin.ENGINE:
            assert judge.admit(out.image.copy(), camera(image)).origin is Origin.ENGINE
