"""Panic: the card and silence at once, whatever engines and devices do, and no real face at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from obs_portrait.clock import now_ns
from obs_portrait.errors import PipelineError
from obs_portrait.media.types import MicBlock, Origin
from obs_portrait.pipeline.guard import FADE, AudioGuard, hushed, risen
from obs_portrait.pipeline.live.cue import CueSheet
from obs_portrait.pipeline.live.options import LiveOptions, Makers
from obs_portrait.pipeline.live.session import LiveSession
from tests.pipeline.live import doubles
from tests.pipeline.live.test_faults import Show
from tests.pipeline.live.test_pacer import CANVAS, Memory, _frame, _guard, _pacer


@dataclass(frozen=True)
class Revealer(doubles.Somebody):
    """A persona whose profile says that the real face may be seen."""

    reveals: tuple[str, ...] = ("face",)


def test_the_next_tick_is_the_card_and_nothing_made_meanwhile_is_ever_shown() -> None:
    live, recorder, cues = Memory(), Memory(takes_all=True), CueSheet("red")
    panic = [False]
    pacer, results = _pacer(live, recorder, cues=cues)
    card = _guard("red").card
    pacer._cover = lambda: card if panic[0] else None
    before = _frame(index=1)
    results.put(before)
    pacer.tick()
    assert live.frames[-1][1] is before
    panic[0] = True
    for index in range(2, 6):
        results.put(_frame(index=index))
        pacer.tick()
    results.put(_frame(index=6))
    panic[0] = False
    hidden = {id(frame) for frame in (before,)}
    assert [frame.origin for _, frame in live.frames[1:]] == [Origin.CARD] * 4
    after = _frame(index=7)
    results.put(after)
    pacer.tick()
    assert live.frames[-1][1] is after
    assert not any(id(frame) in hidden for _, frame in live.frames[1:])
    assert not any(2 <= frame.index <= 5 for _, frame in recorder.frames)


def test_a_frame_with_the_real_person_does_not_outlive_its_persona() -> None:
    sink, cues = Memory(), CueSheet("me")
    pacer, results = _pacer(sink, cues=cues)
    results.put(_frame("me", reveals=True))
    cues.add(now_ns(), "red", 1)
    pacer.tick()
    assert sink.frames[-1][1].persona == "red"
    assert sink.frames[-1][1].origin is Origin.PORTRAIT


def test_the_real_person_is_not_repeated_once_another_persona_is_on_stage() -> None:
    sink, cues = Memory(), CueSheet("me")
    pacer, results = _pacer(sink, cues=cues)
    real = _frame("me", reveals=True)
    results.put(real)
    pacer.tick()
    assert sink.frames[-1][1] is real
    cues.add(now_ns(), "red", 1)  # whose engine takes its time, or hangs
    pacer.tick()
    assert sink.frames[-1][1] is not real
    assert sink.frames[-1][1].origin is Origin.PORTRAIT


def test_the_card_is_a_card_also_where_there_is_a_portrait_and_a_held_frame() -> None:
    guard = _guard("red")
    card = guard.card(5)
    assert card.origin is Origin.CARD
    assert card.image.shape == (CANVAS.height, CANVAS.width, 3)
    assert not np.array_equal(card.image, guard.stand_in(6).image)


@pytest.mark.parametrize("reveals", [False, True])
def test_the_voice_ends_without_a_click_and_the_real_one_at_once(reveals: bool) -> None:
    guard = AudioGuard("red", 0, reveals)
    tone = 0.5 * np.sin(np.arange(4 * 480, dtype=np.float32) * 0.07)
    noise = np.random.default_rng(3).normal(0, 0.1, tone.size).astype(np.float32)
    for n in range(3):
        piece = slice(n * 480, (n + 1) * 480)
        block = guard.admit(tone[piece].copy(), MicBlock(noise[piece], n * 10_000_000, n * 480), reveals)
    quiet = hushed(block, begins=True)
    assert (quiet.origin, quiet.index, quiet.captured_ns) == (Origin.SILENCE, block.index, block.captured_ns)
    assert not quiet.samples[FADE:].any()
    assert quiet.samples[:FADE].any() is np.bool_(not reveals)
    assert not hushed(block).samples.any()
    back = risen(block)
    assert abs(float(back.samples[0])) < 1e-3
    assert np.array_equal(back.samples[FADE:], block.samples[FADE:])


def test_panic_in_a_live_session_while_the_engine_hangs_and_its_process_is_started_again(tmp_path: Path) -> None:
    show = Show(tmp_path)
    session = show.session
    with session:
        show.state("live")
        show.speaks()
        show.faults.set("engine", 2)
        begun = now_ns()
        session.panic()
        show.state("panic")
        show.until(lambda: show.video("cards") > 3)
        show.until(lambda: session.status().video.restarts >= 1)
        show.faults.set("engine", 0)
        show.until(lambda: show.video("cards") > 3, 60)
        show.goes_on("video", "frames_in", 5)
        show.goes_on("audio", "blocks", 5)
        ended = now_ns()
        session.panic(False)
        show.heals()
    frames = [one for one in doubles.caught_frames(show.frames_path) if begun + 80_000_000 < one.written_ns < ended]
    blocks = [one for one in doubles.caught_blocks(show.blocks_path) if begun + 80_000_000 < one.written_ns < ended]
    assert len(frames) > 5
    assert {one.origin for one in frames} == {"card"}
    assert len(blocks) > 5
    assert not any(one.data.any() for one in blocks)


def test_who_reveals_leaves_the_stage_in_a_panic(tmp_path: Path) -> None:
    me = Revealer("me", (9, 9, 9), 300.0)
    show = Show(tmp_path)
    options = LiveOptions(
        source=doubles.Camera(show.faults), personas=(me, doubles.PERSONAS[0]), width=96, height=96,
        sinks=(doubles.VideoCatch(tmp_path / "f"),),
        makers=Makers(doubles.MakeFace(show.faults), None, doubles.Tracker(show.faults)),
    )  # fmt: skip
    with LiveSession(options) as session:
        session.panic()
        session.panic(False, timeout=20)
        assert session.status().persona == "red"
        assert not session.status().panic
        session.switch("me", timeout=20)  # asked for by hand it is allowed again
    with LiveSession(LiveOptions(**{**_fields(options), "personas": (me,)})) as session:
        session.panic()
        with pytest.raises(PipelineError, match="The panic goes on"):
            session.panic(False, timeout=20)
        assert session.status().state == "panic"


def _fields(options: LiveOptions) -> dict[str, object]:
    return {name: getattr(options, name) for name in LiveOptions.__dataclass_fields__}
