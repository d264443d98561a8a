"""`obs-portrait obs …` and the doctor against real OBS: found by OBS's own configuration, as a user has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from daemon.cli import app
from obs_portrait.errors import ObsError
from obs_portrait.media.sinks.obs_stream import DEFAULT_PORT, input_settings
from obs_portrait.obs import setup
from obs_portrait.obs.client import ObsClient
from obs_portrait.obs.revive import Reviver, revive
from obs_portrait.obs.setup_record import SetupRecord, record_path
from tests.obs.real_obs import RealObs, free_port, until


@pytest.fixture(autouse=True)
def _home(obs: RealObs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whose OBS this is."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(obs.config_dir.parent))
    monkeypatch.setenv("OBS_PORTRAIT_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def clean(obs_client: ObsClient) -> Iterator[ObsClient]:
    """OBS without our source, before and after."""
    _clear(obs_client)
    yield obs_client
    _clear(obs_client)


def _clear(client: ObsClient) -> None:
    for one in client.request("GetInputList")["inputs"]:
        setup.remove_input(client, str(one["inputName"]))


def _inputs(client: ObsClient) -> list[str]:
    return [str(one["inputName"]) for one in client.request("GetInputList")["inputs"]]


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def _where(client: ObsClient, name: str) -> list[str]:
    scenes = [str(scene["sceneName"]) for scene in client.request("GetSceneList")["scenes"]]
    return sorted(
        scene
        for scene in scenes
        for item in client.request("GetSceneItemList", {"sceneName": scene})["sceneItems"]
        if item["sourceName"] == name
    )


def test_setup_and_undo_from_the_command_line(clean: ObsClient) -> None:
    planned = _run("obs", "setup", "--dry-run", "--scene", "Ada", "--scene", "Ink")
    assert planned.exit_code == 0, planned.output
    assert "make the source 'OBS Portrait' in scene 'Ada'" in planned.output
    assert _inputs(clean) == []
    refused = CliRunner().invoke(app, ["obs", "setup"], input="n\n")
    assert "Nothing was changed" in refused.output
    assert _inputs(clean) == []

    done = _run("obs", "setup", "--yes", "--scene", "Ada", "--scene", "Ink")
    assert done.exit_code == 0, done.output
    assert _where(clean, setup.STREAM) == ["Ada", "Ink"]
    settings = clean.request("GetInputSettings", {"inputName": setup.STREAM})
    assert settings["inputKind"] == "ffmpeg_source"
    assert settings["inputSettings"].items() >= input_settings(DEFAULT_PORT).items()
    monitor = clean.request("GetInputAudioMonitorType", {"inputName": setup.STREAM})["monitorType"]
    assert monitor == "OBS_MONITORING_TYPE_NONE"

    again = _run("obs", "setup", "--yes", "--scene", "Ada", "--scene", "Ink")
    assert "nothing to do" in again.output
    shown = _run("obs", "status")
    assert "OBS Portrait" in shown.output
    assert "Ada" in shown.output
    told = json.loads(_run("obs", "status", "--json").output)
    assert told["sources"] == ["OBS Portrait"]

    undone = _run("obs", "undo", "--yes")
    assert undone.exit_code == 0, undone.output
    assert _inputs(clean) == []
    assert SetupRecord.load() == SetupRecord()
    assert "nothing of ours" in _run("obs", "undo", "--yes").output


def test_what_the_user_changed_is_mended_and_what_he_arranged_is_left(clean: ObsClient) -> None:
    for step in setup.plan(clean, ["Ada"]):
        step.do()
    item = clean.request("GetSceneItemId", {"sceneName": "Ada", "sourceName": setup.STREAM})["sceneItemId"]
    where = {"sceneName": "Ada", "sceneItemId": item}
    clean.request("SetSceneItemTransform", {**where, "sceneItemTransform": {"positionX": 33.0}})
    broken = {"inputName": setup.STREAM, "inputSettings": {"input": "tcp://127.0.0.1:1"}, "overlay": True}
    clean.request("SetInputSettings", broken)
    clean.request("SetInputAudioSyncOffset", {"inputName": setup.STREAM, "inputAudioSyncOffset": 100})
    steps = setup.plan(clean, ["Ada"])
    assert len(steps) == 2
    for step in steps:
        step.do()
    assert setup.plan(clean, ["Ada"]) == []
    assert clean.request("GetSceneItemTransform", where)["sceneItemTransform"]["positionX"] == 33.0
    assert clean.request("GetInputAudioSyncOffset", {"inputName": setup.STREAM})["inputAudioSyncOffset"] == 0


def test_a_source_of_the_users_that_has_our_name_is_left_alone(clean: ObsClient) -> None:
    given = {"sceneName": "Ada", "inputName": setup.STREAM, "inputKind": "color_source_v3"}
    clean.request("CreateInput", given)
    with pytest.raises(ObsError, match="something else"):
        setup.plan(clean, ["Ada"])
    with pytest.raises(ObsError, match="OBS has no scene 'Adda'"):
        setup.plan(clean, ["Adda"])
    steps, others = setup.plan_undo(clean)
    assert (steps, others) == ([], [])


def test_a_stream_of_the_users_own_gets_its_settings_back(clean: ObsClient) -> None:
    own = {"is_local_file": False, "input": "tcp://127.0.0.1:9", "reconnect_delay_sec": 1}
    given = {"sceneName": "Ada", "inputName": setup.STREAM, "inputKind": "ffmpeg_source", "inputSettings": own}
    clean.request("CreateInput", given)
    for step in setup.plan(clean, ["Ada"]):
        step.do()
    steps, _ = setup.plan_undo(clean)
    for step in steps:
        step.do()
    assert clean.request("GetInputSettings", {"inputName": setup.STREAM})["inputSettings"]["input"] == own["input"]
    assert _inputs(clean) == [setup.STREAM]


def test_a_device_that_is_not_there_leaves_nothing_behind(clean: ObsClient) -> None:
    steps = setup.plan(clean, ["Ada"], kind="devices", camera="no such camera")
    with pytest.raises(ObsError, match="OBS sees no device 'no such camera'"):
        steps[0].do()
    assert _inputs(clean) == []
    assert SetupRecord.load() == SetupRecord()


def test_a_broken_record_is_one_sentence(clean: ObsClient) -> None:
    record_path().parent.mkdir(parents=True, exist_ok=True)
    record_path().write_text("[]")
    assert "cannot be read" in str(_run("obs", "status").exception)


def test_a_stream_that_obs_gave_up_is_opened_again(clean: ObsClient) -> None:
    assert not revive(clean)
    for step in setup.plan(clean, ["Ada"]):
        step.do()
    assert revive(clean)
    waiting = [True]
    reviver = Reviver(clean, lambda: waiting[0])
    reviver.start()
    until(lambda: reviver.revived > 0, 20, "OBS was told")
    waiting[0] = False
    reviver.stop()
    assert not reviver.is_alive()


def test_bindings_are_shown_with_obs_and_its_scenes(clean: ObsClient) -> None:
    assert _run("bindings", "set", "Ada", "bronze").exit_code == 0
    assert _run("bindings", "set", "Ink", "leave", "--cut", "end").exit_code == 0
    shown = json.loads(_run("bindings", "--json").output)
    decided = {one["scene"]: one["persona"] for one in shown["scenes"]}
    assert decided["Ada"] == "bronze"
    assert decided["Ink"] is None
    assert "Scenes of 'Tests'" in _run("bindings").output
    assert "Removed" in _run("bindings", "remove", "Ink").output
    assert "There is no rule" in _run("bindings", "remove", "Ink").output
    assert "Did you mean" in str(_run("bindings", "set", "Ada", "bronce").exception)


def test_the_doctor_looks_at_obs(clean: ObsClient) -> None:
    rows = {(row["area"], row["what"]): row for row in json.loads(_run("doctor", "--json").output)}
    assert rows["obs", "link"]["status"] == "ok"
    assert "29" in rows["obs", "link"]["detail"] or "OBS" in rows["obs", "link"]["detail"]
    assert rows["obs", "our source"]["todo"] == "obs-portrait obs setup"
    assert rows["obs", "replay buffer"]["status"] == "ok"


def test_without_obs_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "obs-studio").mkdir()
    (tmp_path / "obs-studio" / "global.ini").write_text("[OBSWebSocket]\nServerEnabled=false\nServerPort=4455\n")
    failed = _run("obs", "status")
    assert "Enable WebSocket server" in str(failed.exception)
    assert "OBS's scenes are not known" in _run("bindings").output


def test_a_password_is_kept_and_forgotten(tmp_path: Path) -> None:
    kept = CliRunner().invoke(app, ["obs", "password", "--address", "studio-pc:4460"], input="hush-hush\n")
    assert kept.exit_code == 0, kept.output
    assert "hush-hush" not in kept.output
    assert "Forgotten" in _run("obs", "password", "--forget").output
    assert "nothing to forget" in _run("obs", "password", "--forget").output


@pytest.mark.slow
def test_latency_is_measured_and_nothing_is_left_in_obs(clean: ObsClient, tmp_path: Path) -> None:
    clean.request("SetCurrentProgramScene", {"sceneName": "Bronze"})
    plot = tmp_path / "plot.png"
    port = str(free_port())
    done = _run("obs", "latency", "--seconds", "2", "--json", "--no-write", "--port", port, "--plot", str(plot))
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["picture"]["count"] > 5
    assert 0 < found["picture"]["median"] < 5000
    assert found["skew_ms"] is not None
    with Image.open(plot) as picture:
        assert picture.size == (900, 420)
        assert len(picture.getcolors(1 << 20) or []) > 10
    assert _inputs(clean) == []
    assert clean.request("GetCurrentProgramScene")["currentProgramSceneName"] == "Bronze"
    assert not any("measure" in str(scene["sceneName"]) for scene in clean.request("GetSceneList")["scenes"])
