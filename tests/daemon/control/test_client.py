"""The client of the command line, against servers that behave and servers that do not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from daemon.control.client import ControlClient
from daemon.control.server import ControlServer
from obs_portrait.errors import ControlError
from tests.daemon.control.stand_in import StageStandIn
from tests.obs.script.rude import RUDE, RudeServer, control_json


def test_no_daemon_is_one_sentence(tmp_path: Path) -> None:
    client = ControlClient(tmp_path)
    assert not client.running()
    with pytest.raises(
        ControlError, match=r"^OBS Portrait is not running; start it with `obs-portrait run`\.$"
    ) as caught:
        client.status()
    assert caught.value.status is None


def test_a_daemon_that_hangs_is_one_sentence(tmp_path: Path) -> None:
    with RudeServer(RUDE["silent"]) as server:
        control_json(tmp_path, server.port)
        with pytest.raises(ControlError, match="runs but does not answer"):
            ControlClient(tmp_path, timeout=0.3).status()


@pytest.mark.parametrize("manner", sorted(set(RUDE) - {"silent", "drips"}))
def test_a_stranger_on_the_port_is_one_sentence(tmp_path: Path, manner: str) -> None:
    with RudeServer(RUDE[manner]) as server:
        control_json(tmp_path, server.port)
        with pytest.raises(ControlError, match=r"^[^\n]*OBS Portrait[^\n]*$"):
            ControlClient(tmp_path, timeout=5).personas()


def test_it_is_found_by_itself(
    server: ControlServer, folder: Path, stage: StageStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBS_PORTRAIT_RUNTIME_DIR", str(folder))
    ControlClient().switch("ink")
    assert stage.asked == [("switch", "ink")]


def test_a_keys_command_loads_little() -> None:
    """`obs-portrait switch` is run by keys: neither web server nor checks of bodies are loaded for it."""
    code = "import sys, daemon.control.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"starlette", "uvicorn", "pydantic", "anyio", "asyncio", "numpy", "rich"}
