"""The way from OBS to the daemon: what the thread does, and what it survives."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.control.server import ControlServer
from obs_portrait.obs.script.obs_portrait_link import Endpoint, Link, UnreachableError, exchange
from tests.daemon.control.stand_in import StageStandIn
from tests.obs.real_obs import until
from tests.obs.script.rude import RUDE, TOKEN, RudeServer, control_json


@pytest.fixture
def stage() -> Iterator[StageStandIn]:
    made = StageStandIn()
    yield made
    made.go.set()


@pytest.fixture
def make_link(tmp_path: Path) -> Iterator[Callable[..., Link]]:
    """Links that look into `tmp_path`, quickly."""
    made: list[Link] = []

    def make(**options: float) -> Link:
        link = Link([tmp_path], **{"poll": 0.05, "away": 0.05, **options})
        made.append(link)
        link.start()
        return link

    yield make
    for link in made:
        assert link.stop(10)


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


def test_orders_reach_the_daemon_and_the_state_comes_back(
    make_link: Callable[..., Link], stage: StageStandIn, tmp_path: Path
) -> None:
    link = make_link()
    until(lambda: "not running" in link.state.problem, 10, "the absence is noticed")
    with ControlServer(stage, path=tmp_path / "control.json"):
        until(lambda: link.state.connected, 10, "connected")
        assert link.state.personas == ("ada", "bronze", "ink")
        assert link.state.problem == ""
        link.order("switch", "/v1/switch", {"persona": "ink"})
        until(lambda: link.state.status.get("persona") == "ink", 10, "the switch is seen")
        link.order("bind Ada", "/v1/bindings", {"scene": "Ada", "persona": "ink"}, method="PUT")
        until(lambda: link.state.bindings == {"Ada": "ink"}, 10, "the binding is seen")
        link.order("switch", "/v1/switch", {"persona": "nobody"})
        until(lambda: "There is no persona 'nobody'" in link.state.problem, 10, "the refusal is told")
        link.order("switch", "/v1/switch", {"persona": "ada"})
        until(lambda: link.state.problem == "", 10, "the next order takes the sentence away")
    until(lambda: not link.state.connected, 10, "the end is noticed")
    assert link.state.status == {}
    assert link.state.personas == ("ada", "bronze", "ink")  # still known, for the keys


def test_a_daemon_that_was_restarted_is_found_on_its_new_port(make_link: Callable[..., Link], tmp_path: Path) -> None:
    link = make_link()
    for names in (("ada",), ("bronze", "ink"), ("emil",)):
        with ControlServer(StageStandIn(*names), path=tmp_path / "control.json"):
            until(lambda names=names: link.state.personas == names, 10, f"{names} are known")
        until(lambda: not link.state.connected, 10, "gone")


def test_a_persona_that_comes_later_is_learnt(
    make_link: Callable[..., Link], stage: StageStandIn, tmp_path: Path
) -> None:
    with ControlServer(stage, path=tmp_path / "control.json"):
        link = make_link()
        until(lambda: link.state.connected, 10, "connected")
        revision = link.state.revision
        stage.names.append("emil")
        link.refresh()
        until(lambda: "emil" in link.state.personas, 10, "emil is known")
        assert link.state.revision == revision + 1


def test_only_the_last_of_many_switches_waits(
    make_link: Callable[..., Link], stage: StageStandIn, tmp_path: Path
) -> None:
    """A key that is hammered while the daemon hangs leaves no backlog; panic goes first and gets through."""
    with ControlServer(stage, path=tmp_path / "control.json"):
        link = make_link()
        until(lambda: link.state.connected, 10, "connected")
        stage.go.clear()
        stage.entered.clear()
        until(stage.entered.is_set, 10, "the thread is held up by a status that hangs")
        for number in range(500):
            link.order("switch", "/v1/switch", {"persona": stage.names[number % 3]})
            link.order(f"bind {number}", "/v1/bindings", {"scene": str(number), "persona": "ada"}, method="PUT")
        link.order("panic", "/v1/panic", {"on": True})
        assert len(link._orders) <= 18
        stage.go.set()
        until(lambda: ("panic", True) in stage.asked, 10, "panic")
        until(lambda: link.state.status.get("panic") is True, 10, "the state follows")
    assert stage.asked[0] == ("panic", True)
    assert len([asked for asked in stage.asked if asked[0] == "switch"]) <= 1


def test_an_order_that_is_too_old_is_not_carried_out(
    make_link: Callable[..., Link], stage: StageStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("obs_portrait.obs.script.obs_portrait_link._TOO_OLD_S", -1.0)
    with ControlServer(stage, path=tmp_path / "control.json"):
        link = make_link()
        link.order("switch", "/v1/switch", {"persona": "ink"})
        link.order("panic", "/v1/panic", {"on": True})
        until(lambda: "ask again" in link.state.problem, 10, "it is told")
    assert stage.asked == [("panic", True)]


@pytest.mark.parametrize("manner", RUDE)
def test_the_thread_survives_every_server_and_finds_the_daemon_afterwards(
    make_link: Callable[..., Link], stage: StageStandIn, tmp_path: Path, manner: str
) -> None:
    link = make_link()
    with RudeServer(RUDE[manner]) as server:
        control_json(tmp_path, server.port)
        until(lambda: server.visits > 0, 10, "it was asked")
        link.order("panic", "/v1/panic", {"on": True})
        link.refresh()
        if manner in {"silent", "drips"}:
            assert link.state.connected is False
        else:
            until(
                lambda: "port is not" in link.state.problem or "stopped" in link.state.problem, 10, "the user is told"
            )
    (tmp_path / "control.json").unlink(missing_ok=True)
    with ControlServer(stage, path=tmp_path / "control.json"):
        until(
            lambda: link.state.connected and link.state.personas == ("ada", "bronze", "ink"), 10, "the daemon is found"
        )


@pytest.mark.parametrize("manner", ["silent", "drips", "floods"])
def test_stop_is_quick_whatever_hangs(tmp_path: Path, manner: str) -> None:
    with RudeServer(RUDE[manner]) as server:
        control_json(tmp_path, server.port)
        link = Link([tmp_path])
        link.start()
        until(lambda: server.visits > 0, 10, "it hangs")
        assert link.stop(2.0)


def test_stop_without_start(tmp_path: Path) -> None:
    assert Link([tmp_path]).stop()
