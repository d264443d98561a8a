"""The running daemon with real OBS, real processes and the real API; only camera, engine and voice are doubles."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from daemon.app import App, Doors
from daemon.control.client import ControlClient
from obs_portrait.errors import ControlError, PortraitError
from obs_portrait.obs import setup
from obs_portrait.obs.client import ObsClient
from obs_portrait.pipeline.live.messages import Notice
from obs_portrait.pipeline.live.options import LiveOptions, Makers
from tests.obs.real_obs import RealObs, free_port, until
from tests.pipeline.live import doubles
from tests.pipeline.live.test_faults import Show

RULES = '[[bind]]\nscene = "Ada"\npersona = "red"\n\n[[bind]]\nscene = "Bronze"\npersona = "green"\n'


def _options(show: Show, port: int) -> LiveOptions:
    return LiveOptions(
        source=doubles.Camera(show.faults),
        personas=doubles.PERSONAS,
        sinks=(doubles.VideoCatch(show.frames_path), f"obs:{port}"),
        audio=doubles.Microphone(show.faults),
        audio_sinks=(doubles.AudioCatch(show.blocks_path),),
        width=96,
        height=96,
        makers=Makers(doubles.MakeFace(show.faults), doubles.MakeVoice(show.faults), doubles.Tracker(show.faults)),
    )


def _visible(client: ObsClient, scene: str) -> bool:
    item = client.request("GetSceneItemId", {"sceneName": scene, "sourceName": setup.STREAM})["sceneItemId"]
    asked = {"sceneName": scene, "sceneItemId": item}
    return bool(client.request("GetSceneItemEnabled", asked)["sceneItemEnabled"])


def test_a_show_with_obs_from_start_to_stop(
    obs: RealObs, obs_client: ObsClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "bindings.toml").write_text(RULES)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(obs.config_dir.parent))
    monkeypatch.setenv("OBS_PORTRAIT_CONFIG_DIR", str(config))
    monkeypatch.setenv("OBS_PORTRAIT_RUNTIME_DIR", str(tmp_path / "run"))
    port = free_port()
    for step in setup.plan(obs_client, ["Ada", "Bronze"], port=port):
        step.do()  # before anybody serves the stream: OBS has given it up by the time that the show begins
    obs_client.request("SetCurrentProgramScene", {"sceneName": "Bronze"})
    before = threading.active_count()
    show, notices = Show(tmp_path), list[Notice]()
    with App(_options(show, port), Doors(), notices.append) as app:
        client = ControlClient()
        until(lambda: client.status()["obs"].get("connected") is True, 20, "OBS is connected")
        until(lambda: client.status()["persona"] == "green", 20, "the scene's persona is on stage")
        until(lambda: app.session.status().video.cells["players"] == 1, 20, "OBS plays the stream")
        assert client.status()["obs"]["scene"] == "Bronze"
        assert [row["name"] for row in client.personas() if row["ready"]] == ["red", "green", "blue"]
        assert client.scenes() == ["Ada", "Bronze", "Ink", "Empty"]

        client.bind("Ink", "blue")
        obs_client.request("SetCurrentProgramScene", {"sceneName": "Ink"})
        until(lambda: client.status()["persona"] == "blue", 10, "the new rule holds at once")
        client.switch("red")
        until(lambda: client.status()["persona"] == "red", 10, "a switch by hand")
        with pytest.raises(PortraitError, match="no persona 'nobody-here'"):
            client.switch("nobody-here")
        with pytest.raises(ControlError, match="already runs"):
            App(_options(show, free_port()), Doors(obs=False)).start()

        client.panic(on=True)
        assert client.status()["panic"] is True
        until(lambda: app.session.status().video.cells["cards"] > 2, 10, "the card is shown")
        until(lambda: not _visible(obs_client, "Ada") and not _visible(obs_client, "Bronze"), 10, "hidden in OBS")
        client.panic(on=False)
        until(lambda: _visible(obs_client, "Ada") and _visible(obs_client, "Bronze"), 10, "shown again")
        until(lambda: client.status()["state"] == "live", 20, "live again")

        obs.kill()
        until(lambda: client.status()["obs"].get("connected") is False, 20, "the fall is noticed")
        assert client.status()["state"] == "live"
        obs.start()
        until(lambda: client.status()["obs"].get("connected") is True, 30, "OBS is back")
        until(lambda: app.session.status().video.cells["players"] == 1, 30, "OBS plays the stream again")
    report = app.stop()
    assert report.video["leaks"] == report.video["refused"] == 0
    assert any("is connected" in notice.text for notice in notices)
    assert any("the show goes on" in notice.text for notice in notices)
    until(lambda: threading.active_count() <= before, 20, "no thread is left")
    with pytest.raises(ControlError):
        ControlClient().status()
