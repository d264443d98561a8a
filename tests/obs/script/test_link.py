"""The way from OBS to the daemon, against a real one and against servers that do not behave."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.control.server import ControlServer
from obs_portrait.obs.script.obs_portrait_link import Endpoint, UnreachableError, exchange
from tests.daemon.control.stand_in import StageStandIn
from tests.obs.script.rude import RUDE, TOKEN, RudeServer


@pytest.fixture
def stage() -> Iterator[StageStandIn]:
    made = StageStandIn()
    yield made
    made.go.set()


@pytest.mark.parametrize("manner", RUDE)
def test_whatever_answers_an_exchange_ends_with_a_sentence(manner: str) -> None:
    with RudeServer(RUDE[manner]) as server:
        begun = time.monotonic()
        try:
            answer = exchange(Endpoint(server.port, TOKEN, 1), "GET", "/v1/status", timeout=0.5)
        except Exception as error:
            sentence = str(error)
            assert type(error).__name__ in {"UnreachableError", "RefusedError"}
            assert "OBS Portrait" in sentence
            assert len(sentence) < 300
            assert TOKEN not in sentence
        else:
            assert isinstance(answer, dict)
        assert time.monotonic() - begun < 10


def test_nobody_there_is_said_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError, match="not running; start it with `obs-portrait run`"):
            exchange(Endpoint(unused.getsockname()[1], TOKEN, 1), "GET", "/v1/status")


def test_a_proxy_is_never_asked(monkeypatch: pytest.MonkeyPatch, stage: StageStandIn, tmp_path: Path) -> None:
    with RudeServer(RUDE["silent"]) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        with ControlServer(stage, path=tmp_path / "control.json") as server:
            token = server._token
            assert exchange(Endpoint(server.port, token, 1), "GET", "/v1/status")["persona"] == "ada"
        assert proxy.visits == 0


def test_a_stop_ends_an_exchange_that_hangs() -> None:
    with RudeServer(RUDE["drips"]) as server:
        stop = threading.Event()
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(UnreachableError):
            exchange(Endpoint(server.port, TOKEN, 1), "GET", "/v1/status", timeout=600, stop=stop)
