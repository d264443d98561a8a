"""The keeper against real processes that die, hang, fall silent and refuse."""

from __future__ import annotations

import multiprocessing.connection
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.policy import RestartPolicy
from obs_portrait.pipeline.live.supervisor import Keeper, Phase
from tests.pipeline.live import bodies

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def keep() -> Iterator[Callable[..., Keeper]]:
    keepers: list[Keeper] = []

    def make(body: Callable[..., object], plan: object = None, **options: float) -> Keeper:
        policy = RestartPolicy(most=int(options.pop("most", 2)), first=0.01)
        keeper = Keeper(
            "test",
            body,
            lambda: plan,
            Board("beat_ns", "busy_since_ns"),
            policy=policy,
            **options,  # type: ignore[arg-type]
        )
        keepers.append(keeper)
        keeper.start()
        return keeper

    yield make
    for keeper in keepers:
        keeper.finish(0.0)


def attend(keeper: Keeper, until: Callable[[], bool], seconds: float = 30.0) -> list[str]:
    """What the session's supervisor thread does, until a condition holds."""
    said: list[str] = []
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, f"waited {seconds} s; phase {keeper.phase.name}, said {said}"
        multiprocessing.connection.wait(keeper.handles, timeout=0.02)
        keeper.receive()
        if (sentence := keeper.check()) is not None:
            said.append(sentence)
    return said


def test_an_obedient_process_starts_stops_and_reports(keep: Callable[..., Keeper]) -> None:
    done = Board("stopped")
    keeper = keep(bodies.obedient, done)
    pid = keeper.pid
    attend(keeper, lambda: keeper.phase is Phase.RUNNING)
    keeper.ask_to_stop()
    keeper.finish(10.0)
    assert keeper.phase is Phase.STOPPED
    assert keeper.final is not None
    assert keeper.final.figures == {"pid": pid}
    assert done.get("stopped") == 1
    assert keeper.pid is None


def test_sigterm_is_an_ordered_stop_and_sigint_is_ignored(keep: Callable[..., Keeper]) -> None:
    done = Board("stopped")
    keeper = keep(bodies.obedient, done)
    attend(keeper, lambda: keeper.phase is Phase.RUNNING)
    assert keeper.pid is not None
    os.kill(keeper.pid, signal.SIGINT)
    beat = keeper.board.get("beat_ns")
    attend(keeper, lambda: keeper.board.get("beat_ns") > beat + 200_000_000)
    assert done.get("stopped") == 0
    os.kill(keeper.pid, signal.SIGTERM)
    attend(keeper, lambda: keeper.final is not None)
    assert done.get("stopped") == 1


def test_a_killed_process_is_started_again_and_says_so(keep: Callable[..., Keeper]) -> None:
    keeper = keep(bodies.obedient)
    attend(keeper, lambda: keeper.phase is Phase.RUNNING)
    first = keeper.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    said = attend(keeper, lambda: keeper.phase is Phase.RUNNING and keeper.pid not in (None, first))
    assert said == ["The test process was killed by SIGKILL; it is started again."]
    assert keeper.restarts == 1


def test_a_process_that_dies_again_and_again_is_given_up_with_one_sentence(keep: Callable[..., Keeper]) -> None:
    keeper = keep(bodies.dies_at_once, most=1)
    attend(keeper, lambda: keeper.phase is Phase.FAILED)
    assert keeper.restarts == 1
    assert keeper.problem == "The test process ended with exit status 7, again and again; it was given up."


def test_a_refusal_is_final_and_its_sentence_is_kept(keep: Callable[..., Keeper]) -> None:
    keeper = keep(bodies.refuses)
    attend(keeper, lambda: keeper.phase is Phase.FAILED)
    assert keeper.restarts == 0
    assert keeper.problem == "There is no camera 9."


def test_an_internal_error_is_named_and_tried_again(
    keep: Callable[..., Keeper], caplog: pytest.LogCaptureFixture
) -> None:
    keeper = keep(bodies.crashes, most=0)
    attend(keeper, lambda: keeper.phase is Phase.FAILED)
    assert keeper.problem is not None
    assert "internal error (RuntimeError: a bug)" in keeper.problem
    assert "bodies.py" in caplog.text  # where it happened
    assert "RuntimeError: a bug" in caplog.text


@pytest.mark.parametrize(
    ("body", "reason"),
    [(bodies.falls_silent, "no sign of life"), (bodies.hangs_in_the_engine, "hung")],
)
def test_a_process_that_hangs_is_killed(keep: Callable[..., Keeper], body: Callable[..., object], reason: str) -> None:
    keeper = keep(body, most=0, silent_s=0.5, hung_s=0.5)
    attend(keeper, lambda: keeper.phase is Phase.RUNNING)
    pid = keeper.pid
    attend(keeper, lambda: keeper.phase is Phase.FAILED)
    assert keeper.problem is not None
    assert reason in keeper.problem
    assert pid is not None
    assert not _lives(pid)


def test_a_deaf_process_is_killed_at_the_end(keep: Callable[..., Keeper]) -> None:
    keeper = keep(bodies.deaf)
    attend(keeper, lambda: keeper.phase is Phase.RUNNING)
    pid = keeper.pid
    keeper.ask_to_stop()
    keeper.finish(0.3)
    assert keeper.phase is Phase.STOPPED
    assert pid is not None
    assert not _lives(pid)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.mark.parametrize("body", ["obedient", "deaf"])
def test_children_die_with_a_killed_parent(body: str) -> None:
    """The session is killed with SIGKILL: nobody may keep the camera. A deaf child is ended by the dead man's switch
    at the latest; on Linux the kernel tells an obedient one, and the closed pipe tells it everywhere."""
    program = (
        "import sys, time\n"
        "if __name__ == '__main__':\n"
        "    from obs_portrait.pipeline.live.board import Board\n"
        "    from obs_portrait.pipeline.live.supervisor import Keeper, Phase\n"
        "    from tests.pipeline.live import bodies\n"
        f"    keeper = Keeper('test', bodies.{body}, lambda: None, Board('beat_ns', 'busy_since_ns'))\n"
        "    keeper.start()\n"
        "    while keeper.phase is not Phase.RUNNING:\n"
        "        keeper.receive()\n"
        "        time.sleep(0.01)\n"
        "    print(keeper.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert _lives(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while _lives(child):
        assert time.monotonic() < deadline, "an orphan lives on"
        time.sleep(0.02)
