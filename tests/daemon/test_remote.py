"""`obs-portrait switch|calibrate|search|panic|status` against a real control server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from daemon.cli import app
from daemon.control.server import ControlServer
from daemon.status_view import view
from obs_portrait.errors import ControlError, PipelineError
from tests.daemon.control.stand_in import StageStandIn


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StageStandIn]:
    """A running daemon, as the command line finds it."""
    monkeypatch.setenv("OBS_PORTRAIT_RUNTIME_DIR", str(tmp_path))
    made = StageStandIn()
    with ControlServer(made, path=tmp_path / "control.json"):
        yield made
        made.go.set()


def run(*words: str) -> str:
    """What a command prints; it must succeed."""
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_each_command_reaches_the_daemon(stage: StageStandIn) -> None:
    assert "ink" in run("switch", "ink")
    assert run("calibrate").splitlines() == [
        "Look straight into the camera with a calm face …", "Calibrated: your face of this moment is the neutral one.",
    ]  # fmt: skip
    run("search")
    run("panic")
    run("panic", "--off")
    assert stage.asked == [("switch", "ink"), ("calibrate",), ("search",), ("panic", True), ("panic", False)]
    stage.asked.clear()
    for words in (["off"], ["on"], ["face", "off"], ["face", "on"], ["mute"], ["mute", "off"], ["quit"]):
        run(*words)
    assert stage.asked == [
        ("off", True), ("off", False), ("face", False), ("face", True), ("voice", False), ("voice", True), ("quit",),
    ]  # fmt: skip


def test_a_second_start_that_wants_rest_brings_it(stage: StageStandIn) -> None:
    assert "already runs; camera and microphone are closed" in run("run", "--off")
    assert "already runs; the persona is back, and you are ink now" in run("run", "--on", "--persona", "ink")
    assert stage.asked == [("off", True), ("off", False), ("switch", "ink")]


def test_status_says_it_at_a_glance(stage: StageStandIn) -> None:
    said = run("status")
    for part in ("ada", "live", "29.8 fps", "picture 41 ms", "voice 38 ms", "skew -3 ms",
                 "scene 'Ada'", "streaming", "replay buffer on", "bronze", "2 camera frames"):  # fmt: skip
        assert part in said
    stage.panic(True)
    stage.extra = {
        "problems": ["The camera is gone; plug it in."],
        "obs": {"connected": False, "problem": "OBS is closed."},
    }
    said = run("status")
    assert said.startswith("PANIC")
    assert "problem  " in said
    assert "The camera is gone; plug it in." in said
    assert "OBS is closed." in said


def test_a_calibration_that_is_refused_says_why_and_not_that_it_was_done(stage: StageStandIn) -> None:
    stage.error = PipelineError("No face is in view: move into the picture and see to more light.")
    done = CliRunner().invoke(app, ["calibrate"])
    assert isinstance(done.exception, ControlError)
    assert "No face is in view" in str(done.exception)
    assert "Calibrated" not in done.output


def test_the_real_voice_going_out_is_no_green_live(stage: StageStandIn) -> None:
    stage.extra = {"reveals": True}
    assert "YOU ARE SHOWN: your real face or voice goes out" in run("status")
    for held_back in ({"off": True, "state": "off"}, {"panic": True, "state": "panic"}):
        stage.extra = {"reveals": True, **held_back}  # type: ignore[typeddict-item]
        assert "YOU ARE SHOWN" not in run("status")


def test_status_as_json(stage: StageStandIn) -> None:
    assert json.loads(run("status", "--json"))["persona"] == "ada"


def test_without_a_daemon_it_is_one_sentence(tmp_path: Path) -> None:
    env = {**os.environ, "OBS_PORTRAIT_RUNTIME_DIR": str(tmp_path)}

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "daemon.cli", *words]
        return subprocess.run(command, capture_output=True, text=True, env=env, check=False)

    for words in (("switch", "ink"), ("panic",), ("status",)):
        done = ask(*words)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "OBS Portrait is not running; start it with `obs-portrait run`.\n"
    done = ask("status", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["running"] is False


def test_watching_goes_on_through_the_daemons_coming_and_going(tmp_path: Path) -> None:
    env = {**os.environ, "OBS_PORTRAIT_RUNTIME_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "daemon.cli", "status", "--json", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["running"] is False
        with ControlServer(StageStandIn(), path=tmp_path / "control.json"):
            while not json.loads(watching.stdout.readline())["running"]:
                pass
        while json.loads(watching.stdout.readline())["running"]:
            pass
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=20)
        assert watching.returncode == 130


def test_an_unknown_persona_is_the_daemons_own_sentence(stage: StageStandIn) -> None:
    with pytest.raises(ControlError, match="There is no persona 'nobody'"):
        CliRunner().invoke(app, ["switch", "nobody"], catch_exceptions=False)


@pytest.mark.parametrize(
    "status",
    [{}, {"persona": None, "state": None}, {"obs": {"connected": True}}, {"latency": {"picture_ms": None}},
     {"reference": {"current": 0.5, "best": 0.7}}, {"uptime_s": 40_000.0}, {"obs": None, "problems": None}],
)  # fmt: skip
def test_what_is_left_out_of_a_status_is_left_out_of_the_view(status: dict[str, object]) -> None:
    console = Console(width=60)
    with console.capture() as capture:
        console.print(view(status))
    said = capture.get()
    assert said.startswith("●")
    assert "None" not in said
