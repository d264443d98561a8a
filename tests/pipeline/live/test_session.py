"""The session's own life: start, end, personas that come later, and what is left when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_portrait.errors import PipelineError, ProfileError
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.options import LiveOptions, Makers
from obs_portrait.pipeline.live.session import LiveSession
from tests.pipeline.live import doubles

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def options(tmp_path: Path) -> Callable[..., LiveOptions]:
    def make(**changes: Any) -> LiveOptions:
        faults = Board(*doubles.FAULTS)
        for name, value in changes.pop("faults", {}).items():
            faults.set(name, value)
        usual: dict[str, Any] = {
            "source": doubles.Camera(faults),
            "personas": doubles.PERSONAS[:1],
            "sinks": (doubles.VideoCatch(tmp_path / "frames"),),
            "width": 96,
            "height": 96,
            "makers": Makers(doubles.MakeFace(faults), doubles.MakeVoice(faults), doubles.Tracker(faults)),
        }
        return LiveOptions(**{**usual, **changes})

    return make


def test_a_camera_that_is_not_there_ends_the_start_with_its_sentence(options: Callable[..., LiveOptions]) -> None:
    session = LiveSession(options(faults={"camera": 3}))
    with pytest.raises(PipelineError, match=r"^test camera is not there; plug it in\.$"):
        session.start(timeout=60)
    assert session.pids == {}
    assert not session.status().running


def test_a_persona_that_cannot_be_prepared_ends_the_start_with_its_sentence(
    options: Callable[..., LiveOptions],
) -> None:
    session = LiveSession(options(personas=(doubles.Somebody("faceless", (0, 0, 0), 1.0),)))
    with pytest.raises(PipelineError, match="no face was found"):
        session.start(timeout=60)


def test_a_session_needs_a_persona(options: Callable[..., LiveOptions]) -> None:
    with pytest.raises(PipelineError, match="--persona"):
        LiveSession(options(personas=()))


def test_a_file_plays_to_its_end_and_ends_the_session(options: Callable[..., LiveOptions], tmp_path: Path) -> None:
    with LiveSession(options(source=doubles.Clip)) as session:
        assert session.wait(30)
        assert session.error is None
    report = session.stop()
    assert report.video["frames_in"] + report.video["frames_dropped"] <= 30
    frames = doubles.caught_frames(tmp_path / "frames")
    assert frames[-2].index == 29  # the last frame was not lost at the end
    assert frames[-1].origin == "card"


def test_personas_that_come_later_and_sinks_that_go(options: Callable[..., LiveOptions], tmp_path: Path) -> None:
    sinks = (doubles.BrokenSink, doubles.VideoCatch(tmp_path / "frames"))
    notices: list[str] = []
    with LiveSession(options(sinks=sinks), lambda notice: notices.append(notice.text)) as session:
        deadline = time.monotonic() + 20
        while not session.status().video.cells["from_engine"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        session.switch(doubles.PERSONAS[1], timeout=20)
        assert session.personas == ["red", "green"]
        with pytest.raises(PipelineError, match="no face was found"):
            session.switch(doubles.Somebody("faceless", (0, 0, 0), 1.0), timeout=20)
        assert session.status().persona == "green"
        assert "faceless" not in session.personas
        with pytest.raises(ProfileError, match="no persona 'gren'"):
            session.switch("gren")
        deadline = time.monotonic() + 20
        while not any("broken sink is gone" in text and "others go on" in text for text in notices):
            assert time.monotonic() < deadline, notices
            time.sleep(0.01)
        assert not session.wait(0.01)
    frames = doubles.caught_frames(tmp_path / "frames")
    assert list(dict.fromkeys(frame.persona for frame in frames)) == ["red", "green"]


def test_what_stays_on_the_sinks_after_an_ordered_stop_is_the_card(
    options: Callable[..., LiveOptions], tmp_path: Path
) -> None:
    """Some programs show the last picture for ever, and it may be the real person."""
    with LiveSession(options()) as session:
        deadline = time.monotonic() + 20
        while session.status().state != "live":
            assert time.monotonic() < deadline
            time.sleep(0.01)
    frames = doubles.caught_frames(tmp_path / "frames")
    assert "engine" in {frame.origin for frame in frames}
    assert frames[-1].origin == "card"
    assert session.stop().video["frames_out"] == len(frames)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def _gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 30
    while any(_lives(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_child_outlives_its_program(tmp_path: Path, how: signal.Signals) -> None:
    """SIGKILL to the program alone; Ctrl-C, as a terminal sends it, to the whole group: the children ignore it, and
    the program stops them in order."""
    command = [sys.executable, "-m", "tests.pipeline.live.program", str(tmp_path)]
    program = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert program.stdout is not None
    with program:
        pids = [int(pid) for pid in program.stdout.readline().split()]
        assert len(pids) == 2
        assert all(_lives(pid) for pid in pids)
        if how is signal.SIGKILL:
            program.kill()
        else:
            os.killpg(program.pid, how)
        assert _gone(pids)
        rest = program.stdout.read()
    if how is signal.SIGINT:
        word, frames, blocks = rest.split()
        assert word == "stopped"
        assert int(frames) == len(doubles.caught_frames(tmp_path / "frames"))
        assert int(blocks) == len(doubles.caught_blocks(tmp_path / "blocks"))


def test_the_session_holds_no_library_that_could_hold_a_pixel() -> None:
    program = (
        "import sys\n"
        "from obs_portrait.pipeline.live.session import LiveSession\n"
        "print(*sorted({'cv2', 'mediapipe', 'numba', 'av', 'sounddevice', 'pyvirtualcam'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
