"""The terminal's line: whatever the terminal does, nobody waits for it."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable

import pytest

from daemon.live_status import LiveLine, _line
from obs_portrait.pipeline.live.messages import Notice
from obs_portrait.pipeline.live.status import LiveStatus, PathStatus
from obs_portrait.pipeline.live.supervisor import Phase
from tests.obs.real_obs import until


def test_sentences_are_printed_in_order_also_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    with LiveLine(out) as line:
        line.waiting(["ada"])
        for number in range(30):
            line.notice(Notice("camera", f"Sentence {number}.", problem=number % 2 == 0))
        line.notice(Notice("show", "Sentence 29.", problem=True))
        line.notice_text("Stopping …")
    assert out.getvalue().splitlines() == [*(f"Sentence {number}." for number in range(30)), "Stopping …"]
    assert line.told("Sentence 29.") and not line.told("Sentence 28.")


@pytest.mark.parametrize(("panic", "word"), [(False, "revealed"), (True, "panic")])
def test_a_voice_that_is_real_is_no_green_live(panic: bool, word: str) -> None:
    cells = {"source_ok": 1, "state": 1}
    path = PathStatus(Phase.RUNNING, 0, None, cells)
    status = LiveStatus(True, "me", ("me",), path, path, panic=panic, reveals=True)
    shown = _line(status)
    assert word in shown.plain and "live" not in shown.plain
    assert any(span.style == "red" for span in shown.spans) is not panic


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_terminal_that_is_gone_hurts_nobody() -> None:
    with LiveLine(Gone()) as line:
        for _ in range(10):
            line.notice(Notice("camera", "Lost.", problem=True))
    line.notice_text("Stopping …")


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal of POSIX")
def test_a_terminal_that_takes_nothing_for_a_while_holds_nobody_up_and_then_has_the_newest() -> None:
    master, slave = os.openpty()
    seen = [b""]

    def read_on() -> None:
        with contextlib.suppress(OSError):  # the other end was closed
            while more := os.read(master, 4096):
                seen[0] = seen[0][-4096:] + more

    with os.fdopen(slave, "w") as terminal, LiveLine(terminal, True) as line:
        line.waiting(["ada"])

        def talk() -> None:
            for number in range(20_000):  # far more than the terminal's buffer
                line.notice(Notice("camera", f"Sentence {number:05}.", problem=True))

        _in_time(talk)
        reader = threading.Thread(target=read_on, daemon=True)
        reader.start()  # somebody typed Ctrl-Q
        until(lambda: b"Sentence 19999." in seen[0], 20, "it is shown")
    reader.join(20)
    os.close(master)


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal of POSIX")
def test_one_that_never_takes_anything_again_does_not_keep_us_from_ending() -> None:
    master, slave = os.openpty()
    terminal = os.fdopen(slave, "w")
    line = LiveLine(terminal, True)

    def show() -> None:
        with line:
            for number in range(5_000):
                line.notice_text(f"Sentence {number}. {'x' * 60}")
                if number % 100 == 0:
                    line.waiting(["ada"])
                    threading.Event().wait(0.001)

    _in_time(show)
    os.close(master)  # the writer's call ends with an error, and its thread with it
    line._writer.join(10)
    assert not line._writer.is_alive()
    with pytest.raises(OSError):
        terminal.close()


def _in_time(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "it waits for the terminal"
