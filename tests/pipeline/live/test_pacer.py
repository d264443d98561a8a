"""The pacer on its own: what it repeats, for how long, and what it puts in the place of what must not stay."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from obs_portrait.clock import now_ns
from obs_portrait.face.types import Canvas
from obs_portrait.media.sinks.base import VideoSink
from obs_portrait.media.types import CameraFrame, Origin, PersonaFrame
from obs_portrait.pipeline.guard import Look, VideoGuard
from obs_portrait.pipeline.live.cue import CueSheet
from obs_portrait.pipeline.live.feed import Mailbox
from obs_portrait.pipeline.live.pacer import REPEAT_NS, STRANGER_NS, Pacer

CANVAS = Canvas(64, 64)
STILL = np.full((64, 64, 3), 90, np.uint8)


class Memory(VideoSink):
    name = "memory"

    def __init__(self, takes_all: bool = False) -> None:
        self.takes_all = takes_all
        self.frames: list[tuple[int, PersonaFrame]] = []

    def _open(self, width: int, height: int, rate: Fraction) -> None: ...

    def _write(self, frame: PersonaFrame) -> None:
        self.frames.append((now_ns(), frame))

    def close(self) -> None: ...


def _guard(name: str, reveals: bool = False) -> VideoGuard:
    return VideoGuard(Look(name, STILL, reveals), CANVAS)


def _frame(name: str = "red", reveals: bool = False, index: int = 0) -> PersonaFrame:
    camera = CameraFrame(np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8), now_ns(), index)
    picture = np.random.default_rng(2).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    frame = _guard(name, reveals).admit(picture, camera, engine_reveals=reveals)
    assert frame.origin is (Origin.REVEAL if reveals else Origin.ENGINE)
    return frame


REVEALERS = {"red", "me"}
"""Whose profiles say that the real person may be seen, in these tests."""


def _pacer(*sinks: Memory, cues: CueSheet | None = None) -> tuple[Pacer, Mailbox[PersonaFrame]]:
    results: Mailbox[PersonaFrame] = Mailbox(room=8)
    cues = cues or CueSheet("red")
    pacer = Pacer(
        sinks,
        Fraction(100),
        results=results,
        cues=cues,
        stand_in=lambda captured_ns: _guard(cues.at(captured_ns)[0]).stand_in(captured_ns),
        reveals=REVEALERS.__contains__,
        notice=lambda about, text, problem: None,
    )
    return pacer, results


def _until_gone(pacer: Pacer, sink: Memory, frame: PersonaFrame) -> int:
    """Ticks until the frame is not shown any more; how long it was shown, in ns."""
    while not sink.frames or sink.frames[-1][1] is frame:
        pacer.tick()
        assert sink.frames[-1][0] - sink.frames[0][0] < 3_000_000_000
    return sink.frames[-1][0] - sink.frames[0][0]


@pytest.mark.parametrize(("reveals", "least", "most"), [(False, REPEAT_NS, None), (True, 0, STRANGER_NS)])
def test_a_frame_is_repeated_for_a_while_and_the_real_person_hardly(
    reveals: bool, least: int, most: int | None
) -> None:
    sink = Memory()
    pacer, results = _pacer(sink)
    frame = _frame(reveals=reveals)
    results.put(frame)
    shown = _until_gone(pacer, sink, frame)
    assert shown >= least
    if most is not None:  # in frames, not by the clock: a busy machine may show fewer
        assert sum(one is frame for _, one in sink.frames) <= most // 10_000_000 + 5
    assert sink.frames[-1][1].origin is Origin.PORTRAIT


def test_a_persona_that_left_the_stage_is_not_held() -> None:
    sink, cues = Memory(), CueSheet("red")
    pacer, results = _pacer(sink, cues=cues)
    frame = _frame("red")
    results.put(frame)
    pacer.tick()
    cues.add(now_ns(), "green", 1)
    _until_gone(pacer, sink, frame)
    assert sum(one is frame for _, one in sink.frames) <= STRANGER_NS // 10_000_000 + 6
    assert sink.frames[-1][1].persona == "green"
    results.put(_frame("red", index=9))  # an engine that was very late
    pacer.tick()
    pacer.tick()
    assert sink.frames[-1][1].persona == "green"


def test_a_frame_that_is_made_again_after_a_switch_takes_the_place_of_the_old_one_at_once() -> None:
    sink, cues = Memory(), CueSheet("red")
    pacer, results = _pacer(sink, cues=cues)
    pacer.delay_ns = 3_600_000_000_000  # an alignment that lets nothing through within this test
    old = _frame("red")
    results.put(old)
    pacer.tick()
    assert sink.frames[-1][1].origin is Origin.PORTRAIT
    cues.add(old.captured_ns, "green", 1)
    camera = CameraFrame(np.zeros((64, 64, 3), np.uint8), old.captured_ns, old.index)
    new = _guard("green").admit(np.full((64, 64, 3), 120, np.uint8), camera)
    results.put(new)
    pacer.tick()
    assert sink.frames[-1][1] is new
    assert pacer.idle


def test_a_recording_gets_no_real_person_of_a_moment_at_which_another_one_is_on_stage() -> None:
    live, recorder, cues = Memory(), Memory(takes_all=True), CueSheet("me")
    pacer, results = _pacer(live, recorder, cues=cues)
    before = _frame("me", reveals=True)
    cues.add(now_ns(), "green", 1)
    after = _frame("me", reveals=True, index=1)  # its engine was told a moment later
    results.put(before)
    results.put(after)
    pacer.tick()
    pacer.tick()
    kept = [frame for _, frame in recorder.frames if frame.origin is Origin.REVEAL]
    assert kept == [before]
    assert not any(frame.origin is Origin.REVEAL for _, frame in live.frames)


def test_who_was_edited_not_to_reveal_is_not_seen_whatever_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is the same before and after; frames wait here for the sound."""
    live, recorder, cues = Memory(), Memory(takes_all=True), CueSheet("me")
    pacer, results = _pacer(live, recorder, cues=cues)
    results.put(_frame("me", reveals=True))
    pacer.tick()
    assert live.frames[-1][1].origin is Origin.REVEAL
    pacer.delay_ns = 20_000_000
    for index in range(1, 4):
        results.put(_frame("me", reveals=True, index=index))
    monkeypatch.setattr(pacer, "_reveals", lambda name: False)
    shown = len(live.frames), len(recorder.frames)
    while not pacer.idle:
        pacer.tick()
    pacer.tick()
    assert len(live.frames) > shown[0]
    assert not any(frame.origin is Origin.REVEAL for _, frame in live.frames[shown[0] :])
    assert not any(frame.origin is Origin.REVEAL for _, frame in recorder.frames[shown[1] :])


def test_the_last_picture_is_the_one_that_it_bows_with_and_no_recorder_gets_it() -> None:
    live, recorder = Memory(), Memory(takes_all=True)
    pacer, results = _pacer(live, recorder)
    results.put(_frame(reveals=True))
    pacer.tick()
    card = _guard("red").card(now_ns())
    pacer.bow(card)
    pacer.close()
    assert live.frames[-1][1] is card
    assert not any(frame is card for _, frame in recorder.frames)


def test_recorders_get_each_frame_once_and_in_order_and_live_sinks_one_a_tick() -> None:
    live, recorder = Memory(), Memory(takes_all=True)
    pacer, results = _pacer(live, recorder)
    frames = [_frame(index=n) for n in range(5)]
    for frame in frames:
        results.put(frame)
    while not pacer.idle:
        pacer.tick()
    for _ in range(5):
        pacer.tick()
    assert [frame for _, frame in recorder.frames] == frames
    assert len(live.frames) == pacer.written
    assert live.frames[-1][1] is frames[-1]


def test_the_alignment_delay_holds_frames_back_and_drops_none_needlessly() -> None:
    sink = Memory()
    pacer, results = _pacer(sink)
    pacer.delay_ns = 100_000_000
    latencies: list[int] = []
    pacer.on_written = lambda frame, latency: latencies.append(latency) if latency is not None else None
    frame = _frame()
    results.put(frame)
    while not latencies:
        pacer.tick()
    written = next(at for at, one in sink.frames if one is frame)
    assert written - frame.captured_ns >= 100_000_000
    assert latencies[0] <= written - frame.captured_ns - 95_000_000  # told without the delay


def test_what_has_no_seal_is_refused_and_counted() -> None:
    sink = Memory()
    pacer, results = _pacer(sink)
    results.put(CameraFrame(STILL.copy(), now_ns(), 0))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):  # it is no persona frame; the process ends and is started again
        pacer.tick()
    assert sink.frames == []
