"""The whole way: command line -> daemon -> real OBS -> clips folder; what the daemon knows is in the sidecar."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from daemon.app import App, Doors
from daemon.cli import app as command_line
from daemon.control.client import ControlClient
from obs_portrait.obs import keeping
from obs_portrait.obs.client import ObsClient
from obs_portrait.pipeline.live.options import LiveOptions
from tests.obs.clips.making import decodes_to_its_end
from tests.obs.clips.test_recorder import written
from tests.obs.conftest import address_of
from tests.obs.real_obs import RealObs, until


@pytest.fixture
def at_home(obs: RealObs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RealObs]:
    """An OBS that the program finds by itself."""
    monkeypatch.setenv("OBS_PORTRAIT_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("OBS_PORTRAIT_RUNTIME_DIR", str(tmp_path / "runtime"))
    keeping.remember(address_of(obs))
    yield obs
    keeping.forget()


def clip(*words: str) -> dict[str, Any]:
    result = CliRunner().invoke(command_line, ["clip", *words, "--json"], catch_exceptions=False)
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_a_replay_buffer_needs_a_source(at_home: RealObs) -> None:
    result = CliRunner().invoke(command_line, ["clip", "save"])
    assert "OBS has no source yet" in str(result.exception)


@pytest.mark.slow
def test_through_the_daemon(at_home: RealObs, obs_client: ObsClient) -> None:
    colour = {"sceneName": "Ada", "inputName": "Wall", "inputKind": "color_source_v3"}
    obs_client.request("CreateInput", colour)
    options = LiveOptions(
        source="performance", personas=["ada", "ink"], sinks=["null"], width=256, height=256, loop=True
    )
    with App(options, Doors(obs=True, control=True)):
        daemon = ControlClient()
        until(lambda: daemon.status()["obs"]["connected"], 20, "OBS is connected")
        until(lambda: daemon.status()["latency"]["picture_ms"] is not None, 20, "the latency is known")
        assert "is on now" in clip("save")["message"]
        assert clip("start")["message"].startswith("Recording.")
        until(lambda: daemon.status()["obs"]["recording"], 10, "OBS records")
        written(obs_client, "ffmpeg_muxer", 0.5)
        daemon.switch("ink")
        until(lambda: daemon.status()["persona"] == "ink", 10, "ink is on stage")
        answer = clip("stop")
        assert daemon.status()["last_clip"] == answer["path"]
        saved = clip("save")
    path = Path(answer["path"])
    info = clip("list")
    assert [one["path"] for one in info] == [saved["path"], answer["path"]]
    assert info[1]["persona"] == "ink"
    assert (info[1]["engine"], info[1]["converter"]) == ("mesh", "dsp")
    assert info[1]["timings"]["picture_ms"] > 0
    assert [mark["name"] for mark in info[1]["marks"] if mark["kind"] == "persona"][-1] == "ink"
    assert " ink Ada" in path.name
    assert decodes_to_its_end(path) > 0


def test_without_a_daemon_straight_to_obs(at_home: RealObs) -> None:
    assert clip("start")["message"].startswith("Recording.")
    answer = clip("stop")
    assert decodes_to_its_end(Path(answer["path"])) > 0
    assert clip("last")["path"] == answer["path"]
    assert clip("last")["persona"] is None
