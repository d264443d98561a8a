"""Rest, a face or a voice switched off, another device: what leaves meanwhile, and that it all goes on after it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from obs_portrait.clock import now_ns
from obs_portrait.errors import PipelineError
from obs_portrait.pipeline.leak import PictureMark
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.cast import Cast
from obs_portrait.pipeline.live.cover import Cover
from obs_portrait.pipeline.live.options import CONTROL_CELLS, LiveOptions, Makers
from obs_portrait.pipeline.live.session import LiveSession
from tests.obs.real_obs import until
from tests.pipeline.live import doubles
from tests.pipeline.live.test_faults import Show
from tests.pipeline.live.test_panic import Revealer

_SETTLED_NS = 120_000_000


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    show = Show(tmp_path_factory.mktemp("cover"))
    with show.session:
        yield show


def _between(show: Show, begin: int, end: int) -> tuple[set[str], list[np.ndarray]]:
    """Kinds of the pictures, and the blocks, that left well inside a span of time."""
    frames = doubles.caught_frames(show.frames_path)
    blocks = doubles.caught_blocks(show.blocks_path)
    inside = [one for one in frames if begin + _SETTLED_NS < one.written_ns < end]
    return {one.origin for one in inside}, [one.data for one in blocks if begin + _SETTLED_NS < one.written_ns < end]


def test_at_rest_devices_are_free_the_card_is_shown_and_no_sound_is_made(show: Show) -> None:
    show.heals()
    begun = now_ns()
    show.session.cover.set_rest(True)
    show.state("off")
    show.until(lambda: show.video("cards") > 0)
    processed = show.video("frames_in")
    show.faults.set("camera", 3)  # nobody minds: nobody looks
    show.faults.set("mic", 1)
    show.goes_on("video", "cards", 3)
    status = show.session.status()
    assert not status.problems
    assert status.rests
    ended = now_ns()
    kinds, blocks = _between(show, begun, ended)
    assert kinds == {"card"}
    assert not blocks
    assert show.video("frames_in") == processed
    show.session.cover.set_rest(False)  # and now somebody does
    show.until(lambda: len(show.session.status().problems) == 2)
    show.state("source lost")
    show.heals(camera=0, mic=0)


def test_a_process_that_is_started_again_at_rest_opens_nothing(show: Show) -> None:
    show.heals()
    show.session.cover.set_rest(True)
    show.state("off")  # before it is, a camera that is gone is a problem
    show.faults.set("camera", 3)
    restarts = show.session.status().video.restarts
    os.kill(show.session.pids["video"], signal.SIGKILL)
    show.until(lambda: show.session.status().video.restarts > restarts, 30)
    show.until(lambda: show.video("cards") > 0, 60)
    show.state("off")
    show.until(lambda: not show.session.status().problems)  # that it was killed is over
    show.goes_on("video", "cards", 3)
    assert not show.session.status().problems
    show.faults.set("camera", 0)
    show.session.cover.set_rest(False)
    show.heals()


def test_a_face_that_is_off_is_a_still_portrait_and_the_voice_goes_on(show: Show) -> None:
    show.heals()
    begun = now_ns()
    show.session.cover.set_face(False)
    show.until(lambda: show.session.status().state == "portrait")
    processed = show.video("frames_in")
    show.goes_on("video", "portraits", 10)
    show.speaks()
    ended = now_ns()
    kinds, blocks = _between(show, begun, ended)
    assert kinds == {"portrait"}
    assert any(block.any() for block in blocks)
    assert show.video("frames_in") == processed
    assert not show.session.status().face_on
    show.session.cover.set_face(True)
    show.heals()


def test_a_voice_that_is_off_is_silence_and_the_face_goes_on(show: Show) -> None:
    show.heals()
    begun = now_ns()
    show.session.cover.set_voice(False)
    show.goes_on("audio", "blocks", 30)
    show.goes_on("video", "from_engine", 5)
    kinds, blocks = _between(show, begun, now_ns())
    assert "engine" in kinds
    assert blocks
    assert not any(block.any() for block in blocks)
    assert not show.session.status().voice_on
    show.session.cover.set_voice(True)
    show.heals()


def test_another_camera_and_microphone_are_taken_without_a_restart(show: Show, tmp_path: Path) -> None:
    show.heals()
    picture = tmp_path / "someone.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8)).save(picture)
    restarts = show.session.status().video.restarts
    show.faults.set("camera", 3)
    show.state("source lost")
    show.session.use("camera", str(picture))
    show.state("live")
    show.until(lambda: not show.session.status().problems)
    show.session.use("microphone", str(tmp_path / "none.wav"))
    show.until(lambda: any("none.wav" in text for text in show.session.status().problems))
    assert show.session.status().video.restarts == restarts
    assert show.session.options.source == str(picture)


def test_nothing_of_the_camera_ever_left(show: Show) -> None:
    frames = list(doubles.caught_frames(show.frames_path))
    assert len(frames) > 50
    assert not any(PictureMark.found(one.data) for one in frames[::3])


def test_a_session_can_begin_at_rest(tmp_path: Path) -> None:
    show = Show(tmp_path)
    show.faults.set("camera", 3)
    show.faults.set("mic", 1)
    fields = {name: getattr(show.session.options, name) for name in LiveOptions.__dataclass_fields__}
    with LiveSession(LiveOptions(**{**fields, "rests": True})) as session:
        show.session = session
        show.state("off")
        assert not session.status().problems
        show.faults.set("camera", 0)
        show.faults.set("mic", 0)
        session.cover.set_rest(False)
        show.heals()


def test_who_reveals_and_was_still_being_prepared_does_not_come_on_stage_after_a_panic(tmp_path: Path) -> None:
    show = Show(tmp_path)
    options = LiveOptions(
        source=doubles.Camera(show.faults), personas=(doubles.PERSONAS[0],), width=96, height=96,
        sinks=(doubles.VideoCatch(tmp_path / "f"),),
        makers=Makers(doubles.MakeFace(show.faults), None, doubles.Tracker(show.faults)),
    )  # fmt: skip
    with LiveSession(options) as session:
        session.panic()
        session.switch(Revealer("me", (9, 9, 9), 300.0))
        session.panic(False, timeout=20)
        show.session = session
        show.until(lambda: "me" in session.status().prepared)
        show.goes_on("video", "frames_out", 30)
        assert session.persona == "red"
        assert session.status().persona == "red"


def test_pending_is_forgotten_only_for_those_meant() -> None:
    cast = Cast([doubles.PERSONAS[0]], ["video"], lambda path, message: None)
    cast.plan("video")
    cast.on_air("video")
    cast.add(doubles.PERSONAS[1])
    cast.switch("green", 1)
    cast.forget_pending(lambda name: name == "blue")
    assert cast.wanted == "green"
    cast.forget_pending(lambda name: name == "green")
    assert cast.wanted == "red"
    cast.prepared("video", "green", None)
    assert cast.stage == "red"


def test_another_microphone_needs_sound(tmp_path: Path) -> None:
    show = Show(tmp_path)
    fields = {name: getattr(show.session.options, name) for name in LiveOptions.__dataclass_fields__}
    session = LiveSession(LiveOptions(**{**fields, "audio": None, "audio_sinks": ()}))
    with pytest.raises(PipelineError, match="no sound"):
        session.use("microphone", "mic")


def _cover(cast: Cast, *, done: bool = True) -> tuple[Cover, list[Callable[[], None]]]:
    """Its orders wait until the test carries them out."""
    orders: list[Callable[[], None]] = []
    boards = Board(*CONTROL_CELLS), Board(*CONTROL_CELLS)
    return Cover(cast, *boards, order=orders.append, carried_out=lambda number, timeout: done), orders


def _ends(cover: Cover, orders: list[Callable[[], None]], *between: Callable[[], None]) -> BaseException | None:
    """`end_panic` in a thread, with something that happens after it has looked; what it raised."""
    raised: list[BaseException] = []

    def end() -> None:
        try:
            cover.end_panic(5.0)
        except PipelineError as error:
            raised.append(error)

    thread = threading.Thread(target=end)
    orders.clear()
    thread.start()
    until(lambda: len(orders) == 1, 30, "it looks")
    orders.pop()()
    until(lambda: len(orders) == 1, 30, "it wants to end")
    last = orders.pop()
    for one in between:
        one()
    last()
    thread.join(30)
    return raised[0] if raised else None


def test_a_panic_that_begins_while_another_one_ends_goes_on() -> None:
    cover, orders = _cover(Cast(doubles.PERSONAS, ["video"], lambda path, message: None))
    cover.begin_panic()
    assert "called again" in str(_ends(cover, orders, cover.begin_panic))
    assert cover.panic
    assert _ends(cover, orders) is None
    assert not cover.panic


def test_a_panic_does_not_end_for_who_reveals_and_was_asked_for_meanwhile() -> None:
    cast = Cast([*doubles.PERSONAS, Revealer("me", (9, 9, 9), 300.0)], ["video"], lambda path, message: None)
    cover, orders = _cover(cast)
    cover.begin_panic()
    assert "your real face" in str(_ends(cover, orders, lambda: cast.switch("me", 1)))
    assert cover.panic


def test_a_change_that_is_not_carried_out_in_time_is_told_as_what_it_is() -> None:
    cast = Cast([Revealer("me", (9, 9, 9), 300.0), *doubles.PERSONAS], ["video"], lambda path, message: None)
    cast.plan("video")
    cover, orders = _cover(cast, done=False)
    cover.begin_panic()
    raised: list[BaseException] = []

    def end() -> None:
        try:
            cover.end_panic(5.0)
        except PipelineError as error:
            raised.append(error)

    thread = threading.Thread(target=end)
    thread.start()
    until(lambda: len(orders) == 3, 30, "it looks")
    for order in orders:
        order()
    thread.join(30)
    assert cast.stage == "red"  # nobody real is on stage, so that is not the reason
    assert "not yet on stage; try again" in str(raised[0])
    assert cover.panic


def test_who_was_told_that_the_panic_goes_on_does_not_see_it_end_later() -> None:
    cover, orders = _cover(Cast(doubles.PERSONAS, ["video"], lambda path, message: None))
    cover.begin_panic()
    orders.clear()
    with pytest.raises(PipelineError, match="The panic goes on"):
        cover.end_panic(0.05)  # the supervisor is busy
    for order in orders:
        order()
    assert cover.panic
