"""The threads of OBS's script: what they do, and what they survive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.control.server import ControlServer
from obs_portrait.obs.script.obs_portrait_worker import Worker
from tests.daemon.control.stand_in import StageStandIn
from tests.obs.real_obs import until
from tests.obs.script.rude import RUDE, RudeServer, control_json


@pytest.fixture
def stage() -> Iterator[StageStandIn]:
    made = StageStandIn()
    yield made
    made.go.set()


@pytest.fixture
def make_worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Workers that look into `tmp_path`, quickly."""
    made: list[Worker] = []

    def make(**options: float) -> Worker:
        worker = Worker([tmp_path], **{"poll": 0.05, "away": 0.05, **options})
        made.append(worker)
        worker.start()
        return worker

    yield make
    for worker in made:
        assert worker.stop(10)


def test_orders_reach_the_daemon_and_the_state_comes_back(
    make_worker: Callable[..., Worker], stage: StageStandIn, tmp_path: Path
) -> None:
    worker = make_worker()
    until(lambda: "not running" in worker.state.problem, 10, "the absence is noticed")
    with ControlServer(stage, path=tmp_path / "control.json"):
        until(lambda: worker.state.connected, 10, "connected")
        assert worker.state.personas == ("ada", "bronze", "ink")
        assert worker.state.problem == ""
        worker.order("switch", "/v1/switch", {"persona": "ink"})
        until(lambda: worker.state.status.get("persona") == "ink", 10, "the switch is seen")
        worker.order("bind Ada", "/v1/bindings", {"scene": "Ada", "persona": "ink"}, method="PUT")
        until(lambda: worker.state.bindings == {"Ada": "ink"}, 10, "the binding is seen")
        worker.order("switch", "/v1/switch", {"persona": "nobody"})
        until(lambda: "There is no persona 'nobody'" in worker.state.problem, 10, "the refusal is told")
        worker.order("switch", "/v1/switch", {"persona": "ada"})
        until(lambda: worker.state.problem == "", 10, "the next order takes the sentence away")
    until(lambda: not worker.state.connected, 10, "the end is noticed")
    assert worker.state.status == {}
    assert worker.state.personas == ("ada", "bronze", "ink")  # still known, for the keys


def test_a_daemon_that_was_restarted_is_found_on_its_new_port(
    make_worker: Callable[..., Worker], tmp_path: Path
) -> None:
    worker = make_worker()
    for names in (("ada",), ("bronze", "ink"), ("emil",)):
        with ControlServer(StageStandIn(*names), path=tmp_path / "control.json"):
            until(lambda names=names: worker.state.personas == names, 10, f"{names} are known")
        until(lambda: not worker.state.connected, 10, "gone")


def test_a_persona_that_comes_later_is_learnt(
    make_worker: Callable[..., Worker], stage: StageStandIn, tmp_path: Path
) -> None:
    with ControlServer(stage, path=tmp_path / "control.json"):
        worker = make_worker()
        until(lambda: worker.state.connected, 10, "connected")
        revision = worker.state.revision
        stage.names.append("emil")
        worker.refresh()
        until(lambda: "emil" in worker.state.personas, 10, "emil is known")
        assert worker.state.revision == revision + 1


def test_keys_that_are_hammered_leave_no_backlog_and_panic_gets_through(
    make_worker: Callable[..., Worker], stage: StageStandIn, tmp_path: Path
) -> None:
    """The daemon hangs in a switch; of 500 more only the last counts, and of the bindings one for each scene."""
    with ControlServer(stage, path=tmp_path / "control.json"):
        worker = make_worker()
        until(lambda: worker.state.connected, 10, "connected")
        stage.go.clear()
        worker.order("switch", "/v1/switch", {"persona": "bronze"})
        until(lambda: ("switch", "bronze") in stage.asked, 10, "the switch hangs")
        for number in range(500):
            worker.order("switch", "/v1/switch", {"persona": stage.names[number % 3]})
            worker.order(f"bind {number}", "/v1/bindings", {"scene": str(number), "persona": "ada"}, method="PUT")
        worker.order("panic", "/v1/panic", {"on": True})
        until(lambda: ("panic", True) in stage.asked, 10, "panic")
        assert stage.asked == [("switch", "bronze"), ("panic", True)]
        stage.go.set()
        until(lambda: "499" in stage.rules, 10, "the last binding")
        until(lambda: worker.state.status.get("panic") is True, 10, "the state follows")
    assert 1 <= len([asked for asked in stage.asked if asked[0] == "switch"]) <= 2
    assert len([asked for asked in stage.asked if asked[0] == "bind"]) <= 17


def test_a_clip_that_takes_its_time_holds_up_no_switch(
    make_worker: Callable[..., Worker], stage: StageStandIn, tmp_path: Path
) -> None:
    with ControlServer(stage, path=tmp_path / "control.json"):
        worker = make_worker()
        until(lambda: worker.state.connected, 10, "connected")
        stage.go.clear()
        worker.order("clip", "/v1/clip", {"action": "save"}, timeout=30.0)
        until(lambda: ("clip", "save") in stage.asked, 10, "the clip is being saved")
        worker.order("switch", "/v1/switch", {"persona": "ink"})
        worker.order("panic", "/v1/panic", {"on": True})
        until(lambda: {("switch", "ink"), ("panic", True)} <= set(stage.asked), 10, "both get through")


def test_an_order_that_is_too_old_is_not_carried_out(
    make_worker: Callable[..., Worker], stage: StageStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("obs_portrait.obs.script.obs_portrait_worker._TOO_OLD_S", -1.0)
    with ControlServer(stage, path=tmp_path / "control.json"):
        worker = make_worker()
        until(lambda: worker.state.connected, 10, "connected")
        worker.order("switch", "/v1/switch", {"persona": "ink"})
        worker.order("panic", "/v1/panic", {"on": True})
        until(lambda: stage.asked == [("panic", True)], 10, "panic is never too old")
        worker.order("switch", "/v1/switch", {"persona": "ink"})
        until(lambda: "ask again" in worker.state.problem, 10, "it is told")
    assert stage.asked == [("panic", True)]


@pytest.mark.parametrize("manner", RUDE)
def test_the_thread_survives_every_server_and_finds_the_daemon_afterwards(
    make_worker: Callable[..., Worker], stage: StageStandIn, tmp_path: Path, manner: str
) -> None:
    worker = make_worker()
    with RudeServer(RUDE[manner]) as server:
        control_json(tmp_path, server.port)
        until(lambda: server.visits > 0, 10, "it was asked")
        worker.order("panic", "/v1/panic", {"on": True})
        worker.refresh()
        if manner in {"silent", "drips"}:
            assert worker.state.connected is False
        else:
            until(
                lambda: "port is not" in worker.state.problem or "stopped" in worker.state.problem,
                10,
                "the user is told",
            )
    (tmp_path / "control.json").unlink(missing_ok=True)
    with ControlServer(stage, path=tmp_path / "control.json"):
        until(
            lambda: worker.state.connected and worker.state.personas == ("ada", "bronze", "ink"),
            10,
            "the daemon is found",
        )


@pytest.mark.parametrize("manner", ["silent", "drips", "floods"])
def test_stop_is_quick_whatever_hangs(tmp_path: Path, manner: str) -> None:
    with RudeServer(RUDE[manner]) as server:
        control_json(tmp_path, server.port)
        worker = Worker([tmp_path])
        worker.start()
        until(lambda: server.visits > 0, 10, "it hangs")
        assert worker.stop(2.0)


def test_stop_without_start(tmp_path: Path) -> None:
    assert Worker([tmp_path]).stop()
