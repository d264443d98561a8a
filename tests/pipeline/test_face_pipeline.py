"""One frame in, one frame out, whatever tracker and engine do; switches exact to the frame."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_portrait.media.types import CameraFrame, Origin, PersonaFrame
from obs_portrait.pipeline.face_pipeline import FacePipeline
from tests.pipeline.doubles import BlockEngine, GreedyEngine, ShowingEngine, StubTracker, blocks, face

STEP = 40_000_000


def camera(index: int, black: bool = False) -> CameraFrame:
    image = np.zeros((64, 96, 3), np.uint8) if black else blocks(index % 5, 64, 96)
    return CameraFrame(image, index * STEP, index)


def fails(count: int, frame: object = None) -> None:
    raise RuntimeError("broken")


EVENTS = ["face", "none", "tracker", "engine", "leak", "NaN", "switch", "missing"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=60))
def test_one_frame_in_one_frame_out(events: list[str]) -> None:
    now = {"event": ""}

    def misbehave(count: int, frame: CameraFrame | None) -> object:
        if now["event"] == "engine":
            raise RuntimeError("broken")
        if now["event"] == "NaN":
            return np.full((64, 96, 3), np.nan)
        return frame.image if now["event"] == "leak" and frame is not None else None

    def fault(count: int) -> None:
        if now["event"] == "tracker":
            raise RuntimeError("broken")

    cast = [face(GreedyEngine(500, misbehave), "ann"), face(GreedyEngine(600, misbehave), "bob")]
    pipeline = FacePipeline(cast[0], lambda: StubTracker(fault))
    person = 0
    for index, event in enumerate(events):
        now["event"] = event
        frame = camera(index, black=event == "none")
        if event == "switch":
            person = 1 - person
            pipeline.switch(cast[person])
        out = pipeline.missing(frame.captured_ns, index) if event == "missing" else pipeline.process(frame)
        assert type(out) is PersonaFrame
        assert (out.index, out.captured_ns, out.persona) == (index, index * STEP, ("ann", "bob")[person])
        assert (out.origin is Origin.ENGINE) is (event in ("face", "switch"))
        seeds = (500, 501) if person == 0 else (600, 601)
        assert any(np.array_equal(out.image, blocks(seed, 64, 96)) for seed in seeds)
    assert sum(pipeline.stats.origins.values()) == len(events)
    assert pipeline.stats.events["leaks"] == events.count("leak")


def test_200_switches_at_random_moments_each_on_its_frame() -> None:
    rng = random.Random(3)
    cast = [face(BlockEngine(500 + 10 * k), f"p{k}") for k in range(4)]
    pipeline = FacePipeline(cast[0], StubTracker)
    frames = 800
    moments = sorted(rng.sample(range(frames * STEP), 200))
    turns = [(at, rng.choice(cast)) for at in moments]
    for at, persona in turns:
        pipeline.switch(persona, at)
    for index in range(frames):
        out = pipeline.process(camera(index))
        due = [persona for at, persona in turns if at <= index * STEP]
        expected = due[-1] if due else cast[0]
        assert out.persona == expected.name
        assert out.origin is Origin.ENGINE
        assert isinstance(expected.engine, BlockEngine)
        assert np.array_equal(out.image, blocks(expected.engine.seed, 64, 96))


def test_a_newer_order_takes_the_place_of_later_ones() -> None:
    pipeline = FacePipeline(face(name="a"), StubTracker)
    pipeline.switch(face(name="b"), 2 * STEP)
    pipeline.switch(face(name="c"), 5 * STEP)
    pipeline.switch(face(name="d"), 4 * STEP)
    assert [pipeline.process(camera(i)).persona for i in range(7)] == ["a", "a", "b", "b", "d", "d", "d"]
    pipeline.switch(face(name="e"), 20 * STEP)
    pipeline.switch(face(name="f"))
    assert [pipeline.process(camera(i)).persona for i in (7, 30)] == ["f", "f"]


def test_after_a_switch_the_last_frame_is_made_again_without_waiting_for_the_camera() -> None:
    pipeline = FacePipeline(face(name="a"), StubTracker)
    assert pipeline.again() is None  # nothing was seen yet
    first = pipeline.process(camera(3))
    assert pipeline.again() is None  # nobody else's turn
    pipeline.switch(face(name="later"), 4 * STEP)
    assert pipeline.again() is None
    pipeline.switch(face(BlockEngine(900), "b"), 3 * STEP)
    again = pipeline.again()
    assert again is not None
    assert (again.persona, again.captured_ns, again.index) == ("b", first.captured_ns, first.index)
    assert np.array_equal(again.image, blocks(900, 64, 96))
    assert pipeline.again() is None
    pipeline.missing(5 * STEP)
    pipeline.switch(face(name="c"))
    assert pipeline.again() is None  # the camera is gone: there is no last frame


def test_a_failing_engine_is_made_anew_with_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = BlockEngine(500, fails)
    monkeypatch.setattr(BlockEngine, "__init__", _fails_for(monkeypatch, BlockEngine.__init__))
    BlockEngine.made.clear()
    pipeline = FacePipeline(face(broken), StubTracker)
    outs = [pipeline.process(camera(i)) for i in range(300)]
    assert {out.origin for out in outs} == {Origin.PORTRAIT}
    renewed = len(BlockEngine.made)
    assert 2 <= renewed <= 5  # 12 s of capture time: after 1.2 s, then pauses of 1, 2, 4, 8 s
    _heal()
    outs = [pipeline.process(camera(i)) for i in range(300, 1500)]
    assert outs[-1].origin is Origin.ENGINE
    assert pipeline.stats.events["engine_renewed"] >= renewed
    assert BlockEngine.made[-1].references[-1] is pipeline.reference  # the new engine knows the reference


_ILL = {"now": True}


def _heal() -> None:
    _ILL["now"] = False


def _fails_for(monkeypatch: pytest.MonkeyPatch, original: object) -> object:
    _ILL["now"] = True

    def init(self: BlockEngine) -> None:
        original(self, 500, fails if _ILL["now"] else None)  # type: ignore[operator]

    return init


def test_an_engine_that_cannot_be_made_anew_leaves_the_portrait(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = BlockEngine(500, fails)
    monkeypatch.setattr(BlockEngine, "prepare", fails)
    pipeline = FacePipeline(face(engine), StubTracker)
    assert {pipeline.process(camera(i)).origin for i in range(200)} == {Origin.PORTRAIT}


def test_a_failing_tracker_is_made_anew() -> None:
    made: list[StubTracker] = []

    def make() -> StubTracker:
        made.append(StubTracker(fails if len(made) < 2 else lambda count: None))
        return made[-1]

    pipeline = FacePipeline(face(), make)
    origins = [pipeline.process(camera(i)).origin for i in range(70)]
    assert set(origins[:60]) == {Origin.PORTRAIT}
    assert set(origins[60:]) == {Origin.ENGINE}
    assert [tracker.closed for tracker in made] == [True, True, False]
    assert pipeline.stats.events["tracker_errors"] == 60
    pipeline.close()
    assert made[-1].closed


def test_hold_then_portrait_then_live_again() -> None:
    pipeline = FacePipeline(face(), StubTracker, hold_s=0.4)
    origins = [pipeline.process(camera(i, black=5 <= i < 30)).origin for i in range(35)]
    assert origins == [Origin.ENGINE] * 5 + [Origin.HOLD] * 10 + [Origin.PORTRAIT] * 15 + [Origin.ENGINE] * 5
    assert pipeline.stats.events["no_face"] == 25


def test_an_engine_that_wants_no_pixels_gets_none_and_one_that_does_cannot_write() -> None:
    modest, greedy = BlockEngine(500), GreedyEngine(500)
    FacePipeline(face(modest), StubTracker).process(camera(0))
    assert modest.frames == [None]
    FacePipeline(face(greedy), StubTracker).process(camera(0))
    given_frame = greedy.frames[0]
    assert given_frame is not None
    with pytest.raises(ValueError, match="read-only"):
        given_frame.image[:] = 0


@pytest.mark.parametrize(("profile_says", "origin"), [(True, Origin.REVEAL), (False, Origin.CARD)])
def test_showing_the_person_needs_the_profile(profile_says: bool, origin: Origin) -> None:
    engine = ShowingEngine(500, lambda count, frame: frame.image.copy() if frame else None)
    pipeline = FacePipeline(face(engine, "me", reveals=profile_says), StubTracker)
    assert pipeline.process(camera(0)).origin is origin
    assert pipeline.stats.events["leaks"] == (0 if profile_says else 1)


def test_the_reference_is_the_first_face_or_what_one_says_and_stays_at_a_switch() -> None:
    first, second = BlockEngine(500), BlockEngine(600)
    pipeline = FacePipeline(face(first), StubTracker)
    pipeline.process(camera(0, black=True))
    pipeline.process(camera(1))
    seen = pipeline.reference
    assert seen is not None
    assert seen.captured_ns == STEP
    assert first.references == [seen]
    pipeline.switch(face(second, "bob"))
    pipeline.process(camera(2))
    assert second.references == [seen]
    pipeline.set_reference(None)  # recalibrate
    pipeline.process(camera(3))
    assert pipeline.reference is not None
    assert pipeline.reference.captured_ns == 3 * STEP
    assert second.references == [seen, pipeline.reference]


def test_every_stage_is_timed() -> None:
    pipeline = FacePipeline(face(), StubTracker)
    pipeline.process(camera(0))
    pipeline.process(camera(1, black=True))
    counts = {name: stage.count for name, stage in pipeline.stats.stages.items()}
    assert counts == {"track": 2, "render": 1, "guard": 2, "frame": 2}
    assert pipeline.timings.total == pipeline.timings.track + pipeline.timings.render + pipeline.timings.guard
