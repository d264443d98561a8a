"""The live session against real faults, with marked inputs: 0 camera frames, 0 microphone samples at any sink.

One session serves all faults of a group, because a start costs a second. Each test waits for conditions that the
session's own status tells, never for time; the last ones look at everything that left.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from obs_portrait.pipeline.leak import PictureMark, ToneMark
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.messages import Notice
from obs_portrait.pipeline.live.options import LiveOptions, Makers
from obs_portrait.pipeline.live.session import LiveSession
from obs_portrait.pipeline.live.supervisor import Phase
from tests.pipeline.live import doubles


class Show:
    """A session on doubles, and what a test wants to know of it."""

    def __init__(self, folder: Path) -> None:
        self.frames_path, self.blocks_path = folder / "frames", folder / "blocks"
        self.faults = Board(*doubles.FAULTS)
        self.notices: list[Notice] = []
        options = LiveOptions(
            source=doubles.Camera(self.faults),
            personas=doubles.PERSONAS,
            sinks=(doubles.VideoCatch(self.frames_path),),
            audio=doubles.Microphone(self.faults),
            audio_sinks=(doubles.AudioCatch(self.blocks_path),),
            width=96,
            height=96,
            hung_s=1.0,
            makers=Makers(doubles.MakeFace(self.faults), doubles.MakeVoice(self.faults), doubles.Tracker(self.faults)),
        )
        self.session = LiveSession(options, self.notices.append)

    def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s in vain: {self.session.status()}"
            status = self.session.status()  # one that is begun aside may not have begun
            assert status.running or status.video.phase is Phase.IDLE, f"the session ended: {self.session.error}"
            time.sleep(0.01)

    def video(self, cell: str) -> int:
        return self.session.status().video.cells[cell]

    def audio(self, cell: str) -> int:
        status = self.session.status().audio
        assert status is not None
        return status.cells[cell]

    def state(self, wanted: str) -> None:
        self.until(lambda: self.session.status().state == wanted)

    def heals(self, **faults: int) -> None:
        """Ends faults and waits for the persona's live picture and voice."""
        for name, value in faults.items():
            self.faults.set(name, value)
        self.state("live")
        self.until(lambda: not self.session.status().problems)
        self.speaks()

    def goes_on(self, path: str, cell: str, count: int = 10) -> None:
        """The sinks of a path are fed still."""
        read = self.video if path == "video" else self.audio
        before = read(cell)
        self.until(lambda: read(cell) >= before + count)

    def speaks(self) -> None:
        sounding = self.audio("blocks") - self.audio("silent_blocks")
        self.until(lambda: self.audio("blocks") - self.audio("silent_blocks") >= sounding + 5)

    def said(self, words: str) -> Notice:
        self.until(lambda: any(words in notice.text for notice in self.notices))
        return next(notice for notice in self.notices if words in notice.text)


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    show = Show(tmp_path_factory.mktemp("live"))
    show.session.start(timeout=60)
    yield show
    show.session.stop()


@pytest.fixture(autouse=True)
def _healthy(show: Show) -> None:
    show.notices.clear()
    show.heals(**dict.fromkeys(doubles.FAULTS, 0))


# ---- faults of the picture -------------------------------------------------------------------------------------------


def test_a_black_camera_shows_the_portrait_and_recovers(show: Show) -> None:
    show.faults.set("camera", 1)
    show.state("portrait")
    show.heals(camera=0)


@pytest.mark.parametrize(("fault", "words"), [(2, "delivered nothing"), (3, "is gone")])
def test_a_camera_that_stops_or_goes_is_opened_again_until_it_is_back(show: Show, fault: int, words: str) -> None:
    show.faults.set("camera", fault)
    show.until(lambda: show.session.status().state == "source lost")
    notice = show.said(words)
    assert notice.problem
    assert notice.text.count(".") <= 1
    portraits = show.video("portraits")
    show.until(lambda: show.video("portraits") >= portraits + 10)  # the sink is fed all the while
    assert show.session.status().problems == (notice.text,)
    show.heals(camera=0)
    assert not show.said("test camera is back.").problem


def test_no_face_shows_the_portrait(show: Show) -> None:
    show.faults.set("face", 1)
    show.state("portrait")
    show.heals(face=0)


@pytest.mark.parametrize("part", ["engine", "tracker"])
def test_a_part_that_raises_shows_the_portrait_and_recovers(show: Show, part: str) -> None:
    errors = show.video("errors")
    show.faults.set(part, 1)
    show.state("portrait")
    show.until(lambda: show.video("errors") > errors + 5)
    show.heals(**{part: 0})
    assert show.session.status().video.restarts == 0


def test_an_engine_that_returns_the_camera_is_stopped_at_the_guard(show: Show) -> None:
    show.faults.set("engine", 3)
    show.until(lambda: show.video("leaks") > 5)
    show.state("portrait")
    show.heals(engine=0)


def test_a_hung_engine_does_not_stop_the_sink_and_is_killed(show: Show) -> None:
    restarts = show.session.status().video.restarts
    show.faults.set("engine", 2)
    show.until(lambda: show.video("busy_since_ns") > 0)
    since = show.video("busy_since_ns")
    written = show.video("frames_out")
    show.until(lambda: show.video("frames_out") >= written + 10)
    assert show.video("busy_since_ns") == since  # it hung all the while
    assert show.said("hung").text == "The video process hung for 1 s; it is started again."
    show.faults.set("engine", 0)
    show.until(lambda: show.session.status().video.restarts > restarts)
    show.heals()
    assert not show.said("The video process is back.").problem


def test_a_lost_gpu_is_looked_for_by_a_new_process(show: Show) -> None:
    restarts = show.session.status().video.restarts
    show.faults.set("engine", 4)
    assert show.said("lost its engine").text == (
        "The video process has lost its engine (The networks cannot go on on cuda:0 (CUDA error: unspecified launch "
        "failure)); it is started again."
    )
    show.until(lambda: show.session.status().video.restarts > restarts)
    show.heals()


# ---- faults of the voice ---------------------------------------------------------------------------------------------


def test_a_lost_microphone_is_silence_until_it_is_back(show: Show) -> None:
    show.faults.set("mic", 1)
    assert show.said("test microphone is gone").problem
    show.goes_on("audio", "blocks", 20)
    show.heals(mic=0)
    assert not show.said("test microphone is back.").problem


def test_samples_that_are_not_numbers_do_not_pass(show: Show) -> None:
    show.faults.set("mic", 2)
    show.goes_on("audio", "blocks", 30)
    show.heals(mic=0)


@pytest.mark.parametrize("fault", [1, 2])
def test_a_converter_that_raises_or_returns_the_microphone_is_silenced(show: Show, fault: int) -> None:
    silent = show.audio("silent_blocks")
    show.faults.set("converter", fault)
    show.until(lambda: show.audio("silent_blocks") > silent + 10)
    show.heals(converter=0)


def test_a_hung_converter_is_killed_and_the_picture_goes_on(show: Show) -> None:
    show.faults.set("converter", 3)
    assert show.said("The audio process hung").problem
    show.faults.set("converter", 0)
    show.goes_on("video", "from_engine")
    show.heals()


# ---- processes killed ------------------------------------------------------------------------------------------------


def test_what_a_process_told_ends_with_it(show: Show) -> None:
    """Its successor never lost the camera, so it would never say that it is back."""
    show.faults.set("camera", 3)
    show.said("stand-in is shown")
    os.kill(show.session.pids["video"], signal.SIGKILL)
    show.until(lambda: not any("stand-in is shown" in text for text in show.session.status().problems))
    show.heals(camera=0)


@pytest.mark.parametrize("path", ["video", "audio"])
def test_a_killed_process_is_back_and_the_other_one_never_noticed(show: Show, path: str) -> None:
    other = "audio" if path == "video" else "video"
    show.session.switch("green", timeout=10)
    pids = show.session.pids
    restarts = _restarts(show, other)
    os.kill(pids[path], signal.SIGKILL)
    assert show.said(f"The {path} process was killed by SIGKILL; it is started again.").problem
    show.goes_on(other, "blocks" if other == "audio" else "from_engine")
    show.heals()
    assert show.session.pids[path] != pids[path]
    assert show.session.pids[other] == pids[other]
    assert _restarts(show, other) == restarts
    assert show.session.status().persona == "green"


def _restarts(show: Show, path: str) -> int:
    status = show.session.status()
    found = status.video if path == "video" else status.audio
    assert found is not None
    return found.restarts


# ---- switching -------------------------------------------------------------------------------------------------------


def test_200_switches_at_random_moments_happen_at_one_moment_in_picture_and_sound(show: Show) -> None:
    rng = random.Random(7)
    names = [somebody.name for somebody in doubles.PERSONAS]
    before = len(show.session.cues)
    for number in range(200):
        show.session.switch(rng.choice(names))
        time.sleep(rng.uniform(0.0, 0.06) if number % 8 else 0.15)
    final = rng.choice(names)
    show.session.switch(final, timeout=10)
    show.goes_on("video", "from_engine", 5)
    cues = show.session.cues[before:]
    begin = cues[0][0] + 60_000_000
    assert len(cues) == 201
    frames = [f for f in doubles.caught_frames(show.frames_path) if f.captured_ns >= begin]
    blocks = [b for b in doubles.caught_blocks(show.blocks_path) if b.captured_ns >= begin]
    assert frames[-1].persona == blocks[-1].persona == final
    assert {f.persona for f in frames} == {b.persona for b in blocks} == set(names)
    # At a switch the last frame is made once more as the new persona: the later one is what stays.
    frames = list({f.captured_ns: f for f in frames}.values())
    # A block is named after whoever speaks at its end.
    for moments in (
        [(f.captured_ns, f.persona) for f in frames],
        [(b.captured_ns + 9_900_000, b.persona) for b in blocks],
    ):
        # A switch reaches back 35 ms, but what has left has left: for so long the one before may still be there.
        calm = [(at, name) for at, name in moments if not any(0 <= at - since < 60_000_000 for since, _ in cues)]
        assert len(calm) > 20
        assert sum(name == _on_stage(cues, at) for at, name in calm) >= 0.9 * len(calm)
        for at, name in moments:  # an order that came late on a busy machine
            assert name in {_on_stage(cues, at - late * 10_000_000) for late in range(-1, 40)}
    assert show.session.status().video.phase is Phase.RUNNING


def _on_stage(cues: list[tuple[int, str]], at_ns: int) -> str:
    return next((name for since, name in reversed(cues) if at_ns >= since), cues[0][1])


# ---- everything that left --------------------------------------------------------------------------------------------


def test_the_detectors_see_the_marks_where_they_are(show: Show) -> None:
    assert PictureMark.found(doubles.camera_picture(192, 256))
    assert ToneMark().leaked(doubles.marked_voice(np.random.default_rng(1), 24_000, 0)) == 24_000


def test_not_one_frame_and_not_one_sample_has_leaked(show: Show) -> None:
    """Runs last, over all that the sinks were given while everything above went wrong."""
    frames = doubles.caught_frames(show.frames_path)
    blocks = doubles.caught_blocks(show.blocks_path)
    assert len(frames) > 300
    assert len(blocks) > 1000
    allowed = np.array([np.array(p.colour) // n for p in doubles.PERSONAS for n in (1, 2)], np.uint8)
    pictures = {frame.data.tobytes(): frame for frame in frames}
    for frame in pictures.values():
        colours = np.unique(frame.data.reshape(-1, 3), axis=0)
        assert all((colour == allowed).all(axis=1).any() for colour in colours)
        colour = next(p.colour for p in doubles.PERSONAS if p.name == frame.persona)
        assert tuple(frame.data[0, 0]) in {colour, tuple(c // 2 for c in colour)}  # labelled as what it shows
    assert not any(PictureMark.found(frame.data) for frame in list(pictures.values())[::5])
    sound = np.concatenate([block.data for block in blocks])
    assert np.isfinite(sound).all()
    assert ToneMark().leaked(sound) == 0
    assert np.abs(sound).max() > 0.3  # and the persona was heard
    assert show.video("refused") == show.audio("refused") == 0
