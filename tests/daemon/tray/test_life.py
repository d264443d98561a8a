"""Icons that crash, panels that come late, and the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.tray import process as process_module
from daemon.tray import tray as tray_module
from daemon.tray.process import TrayProcess
from tests.daemon.tray.conftest import Set
from tests.daemon.tray.desktop import Desktop, recognise
from tests.daemon.tray.hands import asked, choose
from tests.daemon.waiting import until

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[3]


def test_an_icon_that_crashes_comes_back(fresh: Set, on_screen: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tray_module, "_FIRST_AGAIN_S", 0.05)
    pid = fresh.tray.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: fresh.tray.pid not in (pid, None) and fresh.tray.shown.is_set(), "another process shows it")
    until(lambda: recognise(on_screen.icon()) == "live", "the icon is back")
    choose(on_screen, fresh, "ink")
    asked(fresh, "switch", "ink")


def test_an_icon_that_hangs_is_replaced(fresh: Set, on_screen: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tray_module, "_FIRST_AGAIN_S", 0.05)
    monkeypatch.setattr(process_module, "_PING_S", 0.2)
    pid, process = fresh.tray.pid, fresh.tray._process
    assert pid is not None
    assert process is not None
    os.kill(pid, signal.SIGSTOP)
    process._patience_s = 1.0
    until(lambda: fresh.tray.pid not in (pid, None) and fresh.tray.shown.is_set(), "another process shows it", 30)
    assert not Path(f"/proc/{pid}").exists()
    assert fresh.notes[0] == ("tray", "The tray icon does not answer; it is started again.", False)
    until(lambda: recognise(on_screen.icon()) == "live", "the icon is back")
    choose(on_screen, fresh, "ink")
    asked(fresh, "switch", "ink")


def test_an_icon_that_draws_gives_signs_of_life(fresh: Set) -> None:
    process = fresh.tray._process
    assert process is not None
    for _ in range(3):
        with process._changed:
            process._silent_s, process._ping = 5.0, True
            process._changed.notify_all()
        until(lambda: process._silent_s < 5.0, "it answers")
    assert not fresh.notes


def test_what_hangs_holds_nobody_up_and_does_not_stay(on_screen: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "_FIRST_S", 1.0)
    process = TrayProcess(lambda: None)
    os.kill(process.pid, signal.SIGSTOP)
    for number in range(100):
        process.tell({"title": "x" * 10_000, "number": number})
    until(lambda: not process.answers(), "that it gives no sign is known")
    process.end()
    assert not Path(f"/proc/{process.pid}").exists()
    process.end()


def test_a_tray_that_is_stopped_takes_an_icon_that_hangs_along(fresh: Set) -> None:
    pid = fresh.tray.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    fresh.tray.stop()
    assert not Path(f"/proc/{pid}").exists()


def test_a_daemon_that_cannot_tell_its_state_does_not_end_the_tray(
    fresh: Set, on_screen: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tray_module, "_FIRST_AGAIN_S", 0.05)
    fresh.stage.status_error = RuntimeError("boom")
    fresh.tray.refresh()
    until(lambda: any("boom" in note[1] for note in fresh.notes), "it is told")
    fresh.stage.status_error = None
    until(fresh.tray.shown.is_set, "the icon is back")


def test_the_icon_comes_when_the_panel_does(on_screen: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tray_module, "_FIRST_AGAIN_S", 0.05)
    monkeypatch.setattr(tray_module, "_LAST_AGAIN_S", 0.2)
    made = Set()
    made.tray.start()
    try:
        until(lambda: made.notes, "that there is no tray is told")
        assert "This desktop has no tray" in made.notes[0][1]
        with on_screen.tray_host():
            assert made.tray.shown.wait(15)
            until(lambda: recognise(on_screen.icon()) == "live", "the icon is there")
            assert made.notes[1:] == [("tray", "The tray icon is there.", False)]
            made.tray.stop()
    finally:
        made.tray.stop()


def test_nothing_is_left_when_it_stops(fresh: Set, on_screen: Desktop) -> None:
    pid = fresh.tray.pid
    assert pid is not None
    fresh.tray.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    until(lambda: recognise(on_screen.icon()) == "", "the icon is gone")


def test_no_icon_outlives_a_daemon_that_was_killed(on_screen: Desktop) -> None:
    program = (
        "import time; from tests.daemon.tray.conftest import Set; tray = Set().tray; tray.start();"
        "tray.shown.wait(20); print(tray.pid, flush=True); time.sleep(100)"
    )
    with on_screen.tray_host():
        daemon = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        with daemon:
            assert daemon.stdout is not None
            icon = int(daemon.stdout.readline())
            until(lambda: recognise(on_screen.icon()) == "live", "the icon is there")
            daemon.kill()
        until(lambda: recognise(on_screen.icon()) == "", "the icon is gone")
        until(lambda: not Path(f"/proc/{icon}").exists() or _is_zombie(icon), "so is its process")


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
