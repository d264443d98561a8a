"""What is pushed over the WebSocket, and to whom."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websocket

from daemon.control.server import ControlServer
from obs_portrait.errors import ObsError
from tests.daemon.control.conftest import Knock
from tests.daemon.control.stand_in import StageStandIn
from tests.obs.real_obs import until

Listen = Callable[..., "websocket.WebSocket"]


@pytest.fixture
def listen(knock: Knock) -> Iterator[Listen]:
    """Opens WebSockets to /v1/events."""
    opened: list[websocket.WebSocket] = []

    def connect(token: str | None = None, **options: Any) -> websocket.WebSocket:
        header = [] if token is None else [f"Authorization: Bearer {token}"]
        options = {"suppress_origin": True, "timeout": 10, **options}
        made = websocket.create_connection(f"ws://127.0.0.1:{knock.port}/v1/events", header=header, **options)
        opened.append(made)
        return made

    yield connect
    for one in opened:
        one.shutdown()


def wait_for(events: websocket.WebSocket, topic: str, condition: Callable[[Any], bool] = lambda data: True) -> Any:
    """The data of the next event of this kind that fulfils the condition."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        message = json.loads(events.recv())
        if message["event"] == topic and condition(message["data"]):
            return message["data"]
    raise AssertionError(f"no such {topic}")


def refused(connect: Callable[[], Any]) -> int:
    """The HTTP status with which a handshake was refused."""
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        connect()
    return int(caught.value.status_code)


def test_a_listener_hears_everything_at_first_and_then_what_changes(
    listen: Listen, knock: Knock, stage: StageStandIn
) -> None:
    events = listen(knock.token)
    first = {message["event"]: message["data"] for message in (json.loads(events.recv()) for _ in range(3))}
    assert first["status"]["persona"] == "ada"
    assert [row["name"] for row in first["personas"]["personas"]] == stage.names
    assert first["bindings"] == {"bindings": []}
    assert knock("POST", "/v1/switch", {"persona": "ink"}).status == 200
    wait_for(events, "status", lambda data: data["persona"] == "ink")
    assert knock("PUT", "/v1/bindings", {"scene": "Ada", "persona": "bronze"}).status == 200
    wait_for(events, "bindings", lambda data: data["bindings"][0]["persona"] == "bronze")
    stage.persona = "ada"  # by itself: a scene change, for instance
    wait_for(events, "status", lambda data: data["persona"] == "ada")


def test_a_page_may_send_the_token_first(listen: Listen, knock: Knock) -> None:
    events = listen(origin=f"http://127.0.0.1:{knock.port}", suppress_origin=False)
    events.send(json.dumps({"token": knock.token}))
    assert wait_for(events, "status")["running"] is True


@pytest.mark.parametrize(
    "said", ['{"token": "wrong"}', '{"token": 7}', "[]", "{", "[" * 3000, '{"token": null}', "x" * 5000]
)
def test_a_wrong_first_message_closes(listen: Listen, said: str) -> None:
    events = listen()
    events.send(said)
    assert closing(events) in {4401, 1009}


def test_who_does_not_say_the_token_in_time_is_closed(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.control.events._TOKEN_S", 0.2)
    assert closing(listen()) == 4401


def closing(events: websocket.WebSocket) -> int:
    """The code with which the server closes; nothing else may come before it."""
    code, data = events.recv_data()
    assert code == websocket.ABNF.OPCODE_CLOSE, data
    return int.from_bytes(data[:2], "big")


def test_a_wrong_token_a_foreign_host_or_page_is_refused_at_the_door(listen: Listen, knock: Knock) -> None:
    assert refused(lambda: listen("wrong")) == 403
    assert refused(lambda: listen(knock.token, host="evil.example")) == 403
    assert refused(lambda: listen(knock.token, origin="https://evil.example", suppress_origin=False)) == 403
    assert refused(lambda: listen(origin="null", suppress_origin=False)) == 403


def test_a_token_in_the_address_opens_nothing(knock: Knock) -> None:
    events = websocket.create_connection(
        f"ws://127.0.0.1:{knock.port}/v1/events?token={knock.token}", suppress_origin=True, timeout=10
    )
    events.send("{}")
    assert closing(events) == 4401
    events.shutdown()


def test_what_a_listener_says_later_is_ignored(listen: Listen, knock: Knock, stage: StageStandIn) -> None:
    events = listen(knock.token)
    wait_for(events, "status")
    for said in ("{", '{"switch": "ink"}', "x" * 3000):
        events.send(said)
    stage.persona = "bronze"
    wait_for(events, "status", lambda data: data["persona"] == "bronze")
    assert stage.asked == []


def test_many_listeners_one_look(listen: Listen, knock: Knock, stage: StageStandIn, server: ControlServer) -> None:
    several = [listen(knock.token) for _ in range(10)]
    for events in several:
        wait_for(events, "status")
    stage.persona = "ink"
    server.notify()
    for events in several:
        wait_for(events, "status", lambda data: data["persona"] == "ink")
    for events in several[1:]:
        events.shutdown()
    stage.persona = "ada"
    wait_for(several[0], "status", lambda data: data["persona"] == "ada")


def test_a_hanging_or_failing_stage_is_told_and_recovers(
    listen: Listen, knock: Knock, stage: StageStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.control.events._LOOK_S", 0.2)
    events = listen(knock.token)
    wait_for(events, "status")
    stage.go.clear()
    assert "in time" in wait_for(events, "problem")
    stage.persona = "ink"
    stage.go.set()
    wait_for(events, "status", lambda data: data["persona"] == "ink")
    wait_for(events, "problem", lambda data: data is None)
    stage.status_error = RuntimeError("a secret of the inside")
    assert "secret" not in wait_for(events, "problem", lambda data: data is not None)
    stage.status_error = None
    stage.persona = "ada"
    wait_for(events, "status", lambda data: data["persona"] == "ada")
    wait_for(events, "problem", lambda data: data is None)
    stage.status_error = ObsError("OBS is away.")
    assert wait_for(events, "problem", lambda data: data is not None) == "OBS is away."


def heard(events: websocket.WebSocket, looks: int) -> list[tuple[str, Any]]:
    """What comes until the status has come so often."""
    found: list[tuple[str, Any]] = []
    while sum(event == "status" for event, _ in found) < looks:
        message = json.loads(events.recv())
        found.append((message["event"], message["data"]))
    return found


def test_what_cannot_be_told_is_said_once_and_so_is_its_end(
    listen: Listen, knock: Knock, stage: StageStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever shows it would flicker otherwise: the status comes four times a second, whatever else fails."""
    monkeypatch.setattr("daemon.control.events._AGAIN", 1)  # personas and bindings are looked at each time
    count = itertools.count()
    status, personas, bindings = stage.status, stage.personas, stage.bindings
    failing: set[str] = set()

    def told(name: str, tell: Callable[[], Any]) -> Any:
        if name in failing:
            raise ObsError(f"No {name}.")
        return tell()

    monkeypatch.setattr(stage, "status", lambda: {**status(), "uptime_s": float(next(count))})
    monkeypatch.setattr(stage, "personas", lambda: told("personas", personas))
    monkeypatch.setattr(stage, "bindings", lambda: told("bindings", bindings))
    events = listen(knock.token)
    assert "problem" not in dict(heard(events, 3))
    failing.add("personas")
    assert wait_for(events, "problem") == "No personas."
    assert "problem" not in dict(heard(events, 6))
    late = listen(knock.token)
    assert wait_for(late, "problem") == "No personas."
    failing.add("bindings")  # one at a time
    assert "problem" not in dict(heard(events, 6))
    failing.discard("personas")
    assert wait_for(events, "problem") == "No bindings."
    failing.clear()
    assert wait_for(events, "problem") is None
    assert wait_for(late, "problem", lambda data: data != "No bindings.") is None
    assert "problem" not in dict(heard(events, 6))


def test_a_name_that_is_no_utf_8_is_told_as_far_as_it_can_be(listen: Listen, knock: Knock, stage: StageStandIn) -> None:
    stage.extra = {"last_clip": "/clips/caf\udce9.mkv"}
    assert knock("GET", "/v1/status").body["last_clip"] == "/clips/caf\ufffd.mkv"
    assert wait_for(listen(knock.token), "status")["last_clip"] == "/clips/caf\ufffd.mkv"
    stage.error = ObsError("/clips/caf\udce9.mkv is open in another program.")
    assert knock("POST", "/v1/clip").body == {"error": "/clips/caf\ufffd.mkv is open in another program."}


def sign_in(server: ControlServer, knock: Knock) -> tuple[dict[str, Any], str]:
    """(options of a handshake from a page that is signed in, what it says first)."""
    code = server.sign_in_link().partition("#")[2]
    entered = knock("POST", "/v1/session", {"code": code}, authorization=None)
    cookie = entered.headers["set-cookie"].partition(";")[0]
    return page_with(cookie, knock.port), json.dumps({"key": entered.body["key"]})


def page_with(cookie: str, port: int) -> dict[str, Any]:
    return {"origin": f"http://127.0.0.1:{port}", "suppress_origin": False, "cookie": cookie}


def test_strangers_take_no_place_from_a_page(listen: Listen, knock: Knock, server: ControlServer) -> None:
    """They hold all places of those who wait, and use up the strangers' rate; a page that is signed in comes in."""
    page, key = sign_in(server, knock)
    waiting = [listen() for _ in range(8)]
    assert refused(listen) == 403
    until(lambda: knock("GET", "/v1/status", authorization=None).status == 429, 20, "strangers are too many")
    assert refused(lambda: listen(**page_with("obs_portrait=x", knock.port))) == 403
    for _ in range(3):
        events = listen(**page)
        events.send(key)
        wait_for(events, "status")
    assert all(one.connected for one in waiting)


def test_a_browser_that_says_nothing_has_few_places(listen: Listen, knock: Knock, server: ControlServer) -> None:
    one, _ = sign_in(server, knock)
    other, key = sign_in(server, knock)
    silent = [listen(**one) for _ in range(4)]
    assert refused(lambda: listen(**one)) == 403
    events = listen(**other)
    events.send(key)
    wait_for(events, "status")
    silent[0].close()

    def comes_in() -> bool:
        try:
            return listen(**one).connected
        except websocket.WebSocketBadStatusException:
            return False

    until(comes_in, 10, "a place that was given up is somebody else's")


def test_a_listener_that_never_reads_holds_up_nobody(
    listen: Listen, knock: Knock, stage: StageStandIn, server: ControlServer
) -> None:
    deaf = listen(knock.token, sockopt=((socket.SOL_SOCKET, socket.SO_RCVBUF, 1024),))
    events = listen(knock.token)
    for number in range(100):
        told = [f"{number} " + "x" * 60_000]
        stage.extra = {"problems": told}
        server.notify()
        wait_for(events, "status", lambda data, told=told: data["problems"] == told)
    assert deaf.connected
    assert knock("GET", "/v1/status").status == 200


def test_listeners_that_leave_are_forgotten(listen: Listen, knock: Knock, server: ControlServer) -> None:
    for number in range(60):  # twice as many as may listen at once
        events = listen(knock.token)
        wait_for(events, "status")
        if number % 2:
            events.close()
        else:
            events.sock.close()  # without a word
    assert knock("GET", "/v1/status").status == 200


def test_the_server_stops_while_somebody_listens(listen: Listen, knock: Knock, server: ControlServer) -> None:
    events = listen(knock.token)
    wait_for(events, "status")
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    with contextlib.suppress(websocket.WebSocketException, OSError):
        while events.recv():
            pass
    stopping.join(20)
    assert not stopping.is_alive()
    assert not server.serving
