"""The daemon without OBS: begins, is steered through its API, ends; real processes, doubles as devices."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.app import App, Doors
from daemon.cli import app as command_line
from daemon.control.client import ControlClient
from daemon.settings import SettingsFile
from obs_portrait.errors import ControlError, PortraitError
from obs_portrait.pipeline.live.messages import Notice
from obs_portrait.pipeline.live.session import LiveSession
from tests.pipeline.live.test_faults import Show


class Running:
    """A daemon and what a test wants of it."""

    def __init__(self, folder: Path) -> None:
        self.show = Show(folder)
        self.notices: list[Notice] = []
        self.settings = SettingsFile(folder / "settings.toml")
        self.app = App(self.show.session.options, Doors(obs=False), self.notices.append, self.settings)
        self.show.session = self.app.session
        self.client = ControlClient()

    def ask(self, path: str, **body: object) -> None:
        self.client.request("POST", f"/v1/{path}", body)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One daemon for this module, begun in the background as `run` does."""
    folder = tmp_path_factory.mktemp("daemon")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBS_PORTRAIT_RUNTIME_DIR", str(folder / "run"))
        patch.setenv("OBS_PORTRAIT_CONFIG_DIR", str(folder / "config"))
        made = Running(folder)
        made.app.start(background=True)
        assert made.client.running()  # at once; the show follows
        try:
            yield made
        finally:
            made.app.stop()
        assert not made.client.running()


@pytest.fixture(autouse=True)
def _same_folder(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has folders of its own elsewhere; here all of them share the daemon's."""
    folder = running.settings.path.parent
    monkeypatch.setenv("OBS_PORTRAIT_RUNTIME_DIR", str(folder / "run"))
    monkeypatch.setenv("OBS_PORTRAIT_CONFIG_DIR", str(folder / "config"))


def _live(running: Running) -> None:
    running.show.until(lambda: not running.app.opening)
    running.show.heals()


def test_face_voice_and_rest_are_switched_through_the_api(running: Running) -> None:
    _live(running)
    running.ask("face", on=False)
    running.show.state("portrait")
    running.ask("voice", on=False)
    status = running.client.status()
    assert (status["face_on"], status["voice_on"], status["off"]) == (False, False, False)
    running.ask("face", on=True)
    running.ask("voice", on=True)
    running.ask("off", on=True)
    running.show.state("off")
    assert running.client.status()["off"] is True
    running.ask("off", on=False)
    _live(running)


def test_a_reference_is_taken_or_it_is_said_why_not(running: Running) -> None:
    _live(running)
    taken = sum(notice.text.startswith("Calibrated") for notice in running.notices)
    running.client.calibrate()
    assert sum(notice.text.startswith("Calibrated") for notice in running.notices) > taken
    running.ask("off", on=True)
    with pytest.raises(ControlError, match="obs-portrait on") as caught:
        running.client.calibrate()
    assert caught.value.status == 409
    running.ask("off", on=False)
    running.ask("face", on=False)
    with pytest.raises(ControlError, match="obs-portrait face on"):
        running.client.calibrate()
    running.ask("face", on=True)
    _live(running)
    running.show.faults.set("face", 1)  # nobody is in view
    try:
        with pytest.raises(ControlError, match="no face is in view: move into the picture") as caught:
            running.client.calibrate()
        assert caught.value.status == 409
        assert running.client.status()["running"]
    finally:
        running.show.faults.set("face", 0)
    running.show.until(lambda: not running.app.session.status().problems)  # it was taken as soon as there was one


def test_push_to_persona_goes_back_unless_somebody_else_has_come(running: Running) -> None:
    _live(running)
    running.app.switch("red")
    for _ in range(3):  # a key repeats while it is down
        running.ask("hold", persona="green")
    assert running.app.session.persona == "green"
    running.ask("hold", persona=None)
    assert running.app.session.persona == "red"
    running.ask("hold", persona=None)  # a key-up that comes twice
    assert running.app.session.persona == "red"
    running.ask("hold", persona="green")
    running.app.switch("blue")
    running.ask("hold", persona=None)
    assert running.app.session.persona == "blue"


def test_settings_are_shown_changed_and_taken_up(running: Running) -> None:
    seen = threading.Event()
    running.app.on_settings = lambda settings: seen.set()
    view = running.client.request("GET", "/v1/settings")
    assert view["settings"]["show"]["fps"] == 30
    assert "least_fps" in str(view["schema"])
    running.client.request("PUT", "/v1/settings", {"settings": {"alarm": {"least_fps": 5.0}}})
    assert running.settings.now.alarm.least_fps == 5.0
    assert seen.is_set()
    with pytest.raises(ControlError, match=r"alarm\.least_fps"):
        running.client.request("PUT", "/v1/settings", {"settings": {"alarm": {"least_fps": -1.0}}})
    running.settings.path.write_text("[alarm\n")
    running.show.until(lambda: any("settings.toml:1" in text for text in running.client.status()["problems"]))
    running.settings.path.write_text("")
    running.show.until(lambda: not any("settings.toml" in text for text in running.client.status()["problems"]))


def test_history_grows_and_has_every_series(running: Running) -> None:
    _live(running)
    running.show.until(lambda: len(running.client.request("GET", "/v1/history")["series"]["fps"]) >= 2)
    series = running.client.request("GET", "/v1/history")["series"]
    assert series["memory_mb"][-1] > 50
    assert len({len(values) for values in series.values()}) == 1


def test_a_problem_says_what_to_do(running: Running) -> None:
    _live(running)
    running.app.note("camera", "The camera is gone; plug it in.", True)
    assert {"text": "The camera is gone.", "fix": "Plug it in."} in running.client.status()["hints"]
    running.app.note("camera", "It is back.", False)
    assert running.client.status()["hints"] == []


def test_a_second_start_talks_to_the_first(running: Running) -> None:
    _live(running)
    done = CliRunner().invoke(command_line, ["run", "--persona", "green"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "already runs; you are green now" in done.output
    assert running.app.session.persona == "green"
    done = CliRunner().invoke(command_line, ["run"], catch_exceptions=False)
    assert "already runs, as green" in done.output
    with pytest.raises(ControlError, match="already runs"):
        App(running.show.session.options, Doors(obs=False)).start()


def test_quit_ends_it(running: Running) -> None:
    _live(running)
    assert not running.app.wait(0.0)
    running.ask("quit")
    assert running.app.wait(10.0)


def test_a_show_that_cannot_begin_in_the_background_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_PORTRAIT_RUNTIME_DIR", str(tmp_path / "run"))
    show = Show(tmp_path)
    show.faults.set("camera", 3)
    daemon = App(show.session.options, Doors(obs=False))
    daemon.start(background=True)
    try:
        with pytest.raises(PortraitError, match="plug it in"):
            daemon.wait(60.0)
    finally:
        daemon.stop()


def test_one_that_is_patient_waits_for_its_camera(tmp_path: Path) -> None:
    show = Show(tmp_path)
    show.faults.set("camera", 3)
    show.faults.set("mic", 1)
    show.session = LiveSession(replace(show.session.options, patient=True), show.notices.append)
    with show.session:
        show.state("source lost")
        show.until(lambda: len(show.session.status().problems) == 2)
        assert all("is not there" in text for text in show.session.status().problems)
        show.heals(camera=0, mic=0)


def test_a_stop_while_the_show_begins_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_PORTRAIT_RUNTIME_DIR", str(tmp_path / "run"))
    before = threading.active_count()
    daemon = App(Show(tmp_path).session.options, Doors(obs=False))
    daemon.start(background=True)
    daemon.stop()
    assert daemon.session.pids == {}
    assert threading.active_count() <= before + 1  # the control API's pool ends in its own time
