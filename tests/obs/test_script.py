"""The script inside real OBS: keys, settings page, and a daemon that is absent, hangs, or answers rubbish."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.control.client import ControlClient
from daemon.control.server import ControlServer
from obs_portrait.obs.client import ObsClient
from obs_portrait.obs.script.install import install_script
from tests.daemon.control.stand_in import StageStandIn
from tests.obs.conftest import address_of, needs_obs
from tests.obs.real_obs import RealObs, collection, until
from tests.obs.script.rude import RUDE, RudeServer, control_json
from tests.obs.scripts_dialog import ScriptsDialog

pytestmark = pytest.mark.real

KEYS = {"obs_portrait.persona.emil": [{"key": "OBS_KEY_F7"}], "obs_portrait.clip": [{"key": "OBS_KEY_F8"}]}
ODD = "Sc\"ene 🎭 'quoted' " + "x" * 300


class Scripted:
    """A real OBS with the script installed, and the folder where it looks for the daemon."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.run = folder / "run"
        self.obs = RealObs(folder / "obs", environment={"OBS_PORTRAIT_RUNTIME_DIR": str(self.run)}, **options)
        self.script = install_script(self.obs.config_dir, target=folder / "script").script

    @contextlib.contextmanager
    def serve(self, stage: StageStandIn) -> Iterator[None]:
        """The daemon, as the script finds it; until the script sees that it is gone."""
        with ControlServer(stage, path=self.run / "control.json"):
            yield
        until(lambda: not self.connected, 20, "the script sees that it is gone")

    @property
    def connected(self) -> bool:
        """Whether that is what the script said last. When it is not, what it said depends on when it looked."""
        return "connected" in self.said()

    def settings(self) -> dict[str, Any]:
        """What OBS has saved of the script's settings."""
        saved = json.loads((self.obs.config_dir / "basic" / "scenes" / "Tests.json").read_text("utf-8"))
        return dict(saved["modules"]["scripts-tool"][0]["settings"])

    def said(self) -> str:
        """The newest line of the script in OBS's log."""
        return next(
            (line for line in reversed(self.obs.log().splitlines()) if "[Python: obs_portrait_script.py]" in line), ""
        )

    def complaints(self) -> list[str]:
        """Lines of OBS's log that tell of a fault of the script."""
        lines = self.obs.log().splitlines()
        return [
            line for line in lines if "Traceback" in line or ("ython" in line and ("rror" in line or "failed" in line))
        ]

    def stop(self) -> int:
        """Ends OBS as a user does; its exit status."""
        process = self.obs.process
        assert process is not None
        self.obs.stop()
        return int(process.returncode)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripted]:
    """OBS with the script, a key for a persona that nobody knows yet, and a scene of an odd name."""
    needs_obs()
    folder = tmp_path_factory.mktemp("scripted")
    scenes = collection(scenes=("Ada", "Bronze", ODD))
    made = Scripted(folder, collection=scenes)
    path = made.obs.config_dir / "basic" / "scenes" / "Tests.json"
    content = json.loads(path.read_text("utf-8"))
    content["modules"]["scripts-tool"][0]["settings"] = {**KEYS, "personas": '["emil"]'}
    path.write_text(json.dumps(content), "utf-8")
    with made.obs:
        yield made


@pytest.fixture
def client(scripted: Scripted) -> Iterator[ObsClient]:
    """A client of that OBS."""
    if scripted.obs.pid is None:
        scripted.obs.start()
    with ObsClient(address_of(scripted.obs)) as made:
        assert made.wait_connected(20), made.problem
        yield made


def hotkeys(client: ObsClient) -> set[str]:
    """Ours, without the prefix."""
    names = client.request("GetHotkeyList")["hotkeys"]
    return {name.removeprefix("obs_portrait.") for name in names if name.startswith("obs_portrait.")}


def press(client: ObsClient, name: str) -> None:
    """A hotkey by its name."""
    client.request("TriggerHotkeyByName", {"hotkeyName": f"obs_portrait.{name}"})


def test_every_hotkey_reaches_the_daemon(scripted: Scripted, client: ObsClient) -> None:
    stage = StageStandIn("ada", "bronze")
    with scripted.serve(stage):
        until(lambda: "persona.bronze" in hotkeys(client), 20, "the personas have hotkeys")
        for name in ("persona.bronze", "calibrate", "search", "clip", "panic", "panic_off"):
            count = len(stage.asked)
            press(client, name)
            until(lambda count=count: len(stage.asked) > count, 10, f"{name} reaches the daemon")
        assert stage.asked == [
            ("switch", "bronze"), ("calibrate",), ("search",), ("clip", "save"), ("panic", True), ("panic", False),
        ]  # fmt: skip
        stage.names.append("cleo")  # a persona that is made while everything runs
        until(lambda: "persona.cleo" in hotkeys(client), 30, "a new persona gets a hotkey")
        press(client, "persona.cleo")
        until(lambda: stage.persona == "cleo", 10, "and it works")
    assert scripted.complaints() == []


def test_a_real_key_works_for_a_persona_that_comes_back(scripted: Scripted, client: ObsClient) -> None:
    """Its key was saved by an earlier session of OBS; the daemon is not even started yet when OBS loads it."""
    stage = StageStandIn("ada", "emil")
    with scripted.serve(stage):
        until(lambda: scripted.connected, 20, "connected")
        for key, asked in (("F7", ("switch", "emil")), ("F8", ("clip", "save"))):
            subprocess.run(["xdotool", "keydown", key], env=scripted.obs.env, check=True)
            until(lambda asked=asked: asked in stage.asked, 10, f"{key} does it")
            subprocess.run(["xdotool", "keyup", key], env=scripted.obs.env, check=True)
    assert len(stage.asked) == 2  # a key that is held down is one press, and its release none


def test_keys_are_kept_over_restarts(scripted: Scripted, client: ObsClient) -> None:
    with scripted.serve(StageStandIn("ada", "emil")):
        until(lambda: "persona.ada" in hotkeys(client), 20, "ada has a hotkey")
    known = hotkeys(client)
    client.close()
    assert scripted.stop() == 0
    saved = scripted.settings()
    for name, keys in KEYS.items():
        assert [key["key"] for key in saved[name]] == [key["key"] for key in keys]
    assert "Number of memory leaks: 0" in scripted.obs.log()
    scripted.obs.start()
    with ObsClient(address_of(scripted.obs)) as again:
        assert again.wait_connected(20)
        kept = hotkeys(again)  # without a daemon
        assert {"persona.ada", "persona.emil", "clip", "panic"} <= kept <= known
        assert "persona.cleo" not in kept  # she is gone, and no key was hers


def test_the_daemon_may_come_and_go(scripted: Scripted, client: ObsClient) -> None:
    for number in range(3):
        stage = StageStandIn("ada", f"guest-{number}")
        with scripted.serve(stage):
            until(lambda number=number: f"persona.guest-{number}" in hotkeys(client), 20, "it is found again")
            press(client, f"persona.guest-{number}")
            until(lambda stage=stage: len(stage.asked) == 1, 10, "its key works")
    assert scripted.complaints() == []


@pytest.mark.skipif(not all(shutil.which(tool) for tool in ("xdotool", "import")), reason="needs xdotool, imagemagick")
def test_the_settings_page(scripted: Scripted, client: ObsClient, tmp_path: Path) -> None:
    """A persona for a scene is chosen, buttons are pressed; what is merely shown asks for nothing."""
    stage = StageStandIn("ada", "bronze", "ink")
    stage.rules = {"Bronze": "ink"}
    with scripted.serve(stage):
        until(lambda: scripted.connected, 20, "connected")
        page = ScriptsDialog(scripted.obs)
        page.press("panic")
        until(
            lambda: stage.asked == [("panic", True)], 10,
            lambda: f"the button reaches the daemon: {stage.asked}, see {page.picture(tmp_path / 'lost.png')}",
        )  # fmt: skip
        page.press("refresh")
        page.choose(0, 2)
        until(lambda: stage.rules == {"Bronze": "ink", "Ada": "bronze"}, 10, "the scene is bound")
        page.choose(0, 2)  # one more entry is all that is left
        until(lambda: stage.rules["Ada"] == "ink", 10, "bound to the last")
        page.press("become")
        until(lambda: ("switch", "ada") in stage.asked, 10, "the persona on stage is the one that is offered")
        page.press("refresh")
        loads = scripted.obs.log().count("OBS Portrait: connected")
        page.press("defaults")  # OBS forgets the settings and loads the script anew
        until(lambda: scripted.obs.log().count("OBS Portrait: connected") > loads, 20, "connected again")
        page.press("refresh")
        page.press("calibrate")
        until(lambda: ("calibrate",) in stage.asked, 10, "the page works again")
        assert stage.rules == {"Bronze": "ink", "Ada": "ink"}  # and nothing is unbound
        page.picture(tmp_path / "page.png")
        count = len(stage.asked)
        page.close()
        ScriptsDialog(scripted.obs).close()
        assert len(stage.asked) == count
    page = ScriptsDialog(scripted.obs)  # without a daemon: told, and nothing to press
    for button in ("panic", "become", "clip", "refresh"):
        page.press(button)
    page.picture(tmp_path / "absent.png")
    page.close()
    assert client.request("GetVersion")
    assert scripted.complaints() == []


@pytest.mark.slow
def test_a_key_in_obs_changes_the_persona_of_the_real_daemon(
    scripted: Scripted, client: ObsClient, tmp_path: Path
) -> None:
    """No stand-in: `obs-portrait run` with both media processes, steered from OBS."""
    command = [sys.executable, "-m", "daemon.cli", "run", "--source", "performance", "--loop", "--sink", "null",
               "--persona", "ada", "--persona", "ink", "--no-obs"]  # fmt: skip
    env = {**os.environ, "OBS_PORTRAIT_RUNTIME_DIR": str(scripted.run)}
    log = tmp_path / "run.txt"
    with log.open("wb") as out, subprocess.Popen(command, env=env, stdout=out, stderr=out) as daemon:
        try:
            remote = ControlClient(scripted.run)
            until(lambda: remote.running() and remote.status()["state"] == "live", 90, "the daemon is live")
            until(lambda: "persona.ink" in hotkeys(client), 30, "the script knows its personas")
            press(client, "persona.ink")
            until(lambda: remote.status()["persona"] == "ink", 20, "ink is on stage")
            press(client, "panic")
            until(lambda: remote.status()["panic"], 20, "panic")
            press(client, "panic_off")
            until(lambda: not remote.status()["panic"], 20, "no panic any more")
        finally:
            daemon.terminate()
            assert daemon.wait(30) in {0, 130}, log.read_text("utf-8", "replace")
    assert not (scripted.run / "control.json").exists()
    until(lambda: not scripted.connected, 20, "the script sees that it is gone")


def test_whatever_the_daemon_does_obs_does_not_notice(scripted: Scripted, client: ObsClient, tmp_path: Path) -> None:
    """Beside it runs an OBS without the script, under the same load of this machine."""
    other = RealObs(tmp_path / "plain")
    with other, ObsClient(address_of(other)) as plain:
        assert plain.wait_connected(20)
        before = skipped(client), skipped(plain)
        for manner in (None, "silent", "floods"):  # test_link has them all
            disturb(scripted, client, manner)
        with_script, without = skipped(client) - before[0], skipped(plain) - before[1]
    # One call that waited for a hanging daemon would cost all of 60 frames; a frame now and then is this machine's.
    assert with_script <= without + 5, (with_script, without)
    assert scripted.complaints() == []
    client.close()
    with RudeServer(RUDE["silent"]) as server:  # OBS is closed while the script waits for an answer
        control_json(scripted.run, server.port)
        until(lambda: server.visits > 0, 30, "the script waits")
        assert scripted.stop() == 0
    assert "Number of memory leaks: 0" in scripted.obs.log()


def skipped(client: ObsClient) -> int:
    """Frames that OBS has not rendered or not put out in time."""
    stats = client.request("GetStats")
    return int(stats["renderSkippedFrames"]) + int(stats["outputSkippedFrames"])


def disturb(scripted: Scripted, client: ObsClient, manner: str | None) -> None:
    """Two seconds of a daemon that behaves so (None: of no daemon), with keys being pressed."""
    with contextlib.ExitStack() as stack:
        if manner is None:
            (scripted.run / "control.json").unlink(missing_ok=True)
        else:
            server = stack.enter_context(RudeServer(RUDE[manner]))
            control_json(scripted.run, server.port)
            until(lambda: server.visits > 0, 30, "the script has asked")
        begun = client.request("GetStats")["renderTotalFrames"]
        while client.request("GetStats", timeout=20)["renderTotalFrames"] < begun + 60:
            for name in ("calibrate", "panic", "clip"):
                press(client, name)


def test_another_scene_collection_takes_the_script_along(scripted: Scripted) -> None:
    """OBS unloads and loads scripts when the collection changes; here while a request hangs."""
    scripted.obs.stop()
    scenes = scripted.obs.config_dir / "basic" / "scenes"
    (scenes / "Other.json").write_text(json.dumps(collection("Other", ("Red",))), "utf-8")
    assert install_script(scripted.obs.config_dir, target=scripted.script.parent).changed == ["Other"]
    scripted.obs.start()
    with ObsClient(address_of(scripted.obs)) as client, RudeServer(RUDE["silent"]) as server:
        assert client.wait_connected(20)
        control_json(scripted.run, server.port)
        until(lambda: server.visits > 0, 30, "a request hangs")
        for name in ("Other", "Tests", "Other"):
            client.request("SetCurrentSceneCollection", {"sceneCollectionName": name}, timeout=20)
            until(lambda: "panic" in hotkeys(client), 10, f"{name} has the hotkeys")
    assert scripted.complaints() == []
    assert scripted.stop() == 0
