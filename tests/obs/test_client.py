"""The client against real OBS, and against what is not OBS."""

from __future__ import annotations

import http.server
import json
import logging
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from obs_portrait.errors import ObsError
from obs_portrait.obs.address import Address, Secret
from obs_portrait.obs.client import LINK_DOWN, LINK_UP, ObsClient, ObsEvent
from tests.obs.conftest import address_of
from tests.obs.real_obs import RealObs, free_port, until


def problem_of(address: Address) -> str:
    """The sentence that a client without a link has for its user."""
    with ObsClient(address, timeout=1.0) as client:
        until(lambda: client.problem != "OBS has not been tried yet.", 20, "a first try")
        assert not client.connected
        with pytest.raises(ObsError) as refused:
            client.request("GetVersion")
        assert str(refused.value) == client.problem
        return str(client.problem)


@contextmanager
def fake_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A FAKE of what may sit on OBS's port: `serve` is given each connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    yield int(listener.getsockname()[1])
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_six_threads_each_get_the_answers_to_their_own_questions(obs_client: ObsClient) -> None:
    wrong: list[str] = []

    def ask(number: int) -> None:
        for turn in range(200):
            scene = ("Ada", "Bronze", "Ink")[(number + turn) % 3]
            if number % 2:
                answer = obs_client.request("GetSceneItemList", {"sceneName": scene})
                fine = "sceneItems" in answer
            else:
                fine = "cpuUsage" in obs_client.request("GetStats")
            if not fine:
                wrong.append(f"{number}/{turn}")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_refusal_is_a_sentence_with_its_code_and_nothing_else_stops(obs_client: ObsClient) -> None:
    with pytest.raises(ObsError, match=r"^OBS refuses SetCurrentProgramScene: .*nowhere.*\.$") as refused:
        obs_client.request("SetCurrentProgramScene", {"sceneName": "nowhere"})
    assert refused.value.code == 600
    with pytest.raises(ObsError, match="OBS refuses NoSuchRequest") as unknown:
        obs_client.request("NoSuchRequest")
    assert unknown.value.code == 204
    assert not obs_client.supports("NoSuchRequest")
    assert obs_client.supports("GetVersion")
    assert obs_client.request("GetVersion")["obsVersion"] == obs_client.version["obsVersion"]


@pytest.mark.parametrize(
    "name", ["Emoji 😀🎮", "\"quotes\" and 'more' \\ / %s {}", "x" * 300], ids=["emoji", "quotes", "300"]
)
def test_names_come_back_as_they_went(obs_client: ObsClient, name: str) -> None:
    obs_client.request("CreateScene", {"sceneName": name})
    try:
        assert name in [scene["sceneName"] for scene in obs_client.request("GetSceneList")["scenes"]]
    finally:
        obs_client.request("RemoveScene", {"sceneName": name})

    def refused() -> bool:  # OBS takes a moment to forget a scene
        try:
            obs_client.request("GetSceneItemList", {"sceneName": name})
        except ObsError as error:
            return "refuses" in str(error)
        return False

    until(refused, 20, "the scene is forgotten")


def test_the_password_is_nowhere_to_be_seen(obs: RealObs, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = Secret("a wrong password of one's own")
    with ObsClient(address_of(obs)) as client:
        assert client.wait_connected(20)
        seen = [repr(client), repr(address_of(obs)), str(address_of(obs)), repr(Secret(obs.password)), caplog.text]
    told = problem_of(Address(port=obs.port, password=wrong))
    assert "does not accept the password" in told
    assert "obs-portrait obs password" in told
    for text in (*seen, told, caplog.text):
        assert obs.password not in text
        assert wrong.reveal() not in text
    with pytest.raises(TypeError):
        pickle.dumps(Secret(obs.password))


def test_no_password_where_one_is_asked_for(obs: RealObs) -> None:
    assert "asks for a password" in problem_of(Address(port=obs.port))


def test_nobody_there() -> None:
    assert problem_of(Address(port=free_port())).startswith("Nobody listens at 127.0.0.1:")


def test_another_program_on_the_port() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        told = problem_of(Address(port=server.server_port))
        server.shutdown()
        thread.join()
    assert "cannot be reached" in told
    assert "\n" not in told


def test_a_mute_program_on_the_port() -> None:
    kept: list[socket.socket] = []
    with fake_server(kept.append) as port:
        told = problem_of(Address(port=port))
    for connection in kept:
        connection.close()
    assert "does not greet as obs-websocket 5" in told


def _as_old_obs(connection: socket.socket) -> None:
    """A FAKE of OBS 27: a WebSocket server that says something else than hello."""
    import base64
    import hashlib

    with connection:
        request = connection.recv(4096).decode()
        key = next(
            line.split(": ")[1] for line in request.split("\r\n") if line.lower().startswith("sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())  # noqa: S324
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        connection.sendall(head.encode() + accept + b"\r\n\r\n")
        text = json.dumps({"update-type": "Heartbeat"}).encode()
        connection.sendall(bytes([0x81, len(text)]) + text)
        connection.settimeout(5)
        try:
            connection.recv(4096)
        except OSError:
            return


def test_an_obs_that_is_too_old() -> None:
    with fake_server(_as_old_obs) as port:
        assert "OBS 28 or later is needed" in problem_of(Address(port=port))


def test_it_comes_back_after_a_crash_and_after_a_clean_end(make_obs: Callable[..., RealObs], tmp_path: Path) -> None:
    obs = make_obs(tmp_path / "obs")
    events: list[str] = []
    threads = threading.active_count()
    client = ObsClient(address_of(obs))
    client.subscribe(lambda event: events.append(event.name), LINK_UP, LINK_DOWN)
    try:
        with client:  # before OBS is started
            obs.start()
            assert client.wait_connected(30)
            with client.expect("NeverSent") as arrival:
                waiter: list[str] = []
                thread = threading.Thread(target=lambda: waiter.append(_failure(lambda: arrival.wait(30))))
                thread.start()
                obs.kill()
                thread.join(20)
                assert waiter == ["OBS closed before it reported NeverSent."]
            until(lambda: not client.connected, 10, "the crash is noticed")
            obs.start()
            assert client.wait_connected(30)
            obs.stop()
            until(lambda: not client.connected, 10, "the end is noticed")
            obs.start()
            assert client.wait_connected(30)
            assert client.links == 3
            until(lambda: events == [LINK_UP, LINK_DOWN, LINK_UP, LINK_DOWN, LINK_UP], 10, "events in order")
            calls = [threading.Thread(target=lambda: _failure(lambda: client.request("GetStats"))) for _ in range(20)]
            for call in calls:
                call.start()
            obs.kill()
            for call in calls:
                call.join(10)
                assert not call.is_alive()
    finally:
        obs.close()
    until(lambda: threading.active_count() <= threads, 10, "no thread is left")


def _failure(call: Callable[[], object]) -> str:
    try:
        call()
    except ObsError as error:
        return str(error)
    return ""


def test_a_handler_that_breaks_disturbs_nobody(obs_client: ObsClient, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[ObsEvent] = []

    def broken(event: ObsEvent) -> None:
        raise RuntimeError("a handler of ours")

    end = obs_client.subscribe(broken, "SceneCreated")
    end_other = obs_client.subscribe(heard.append, "SceneCreated")
    with obs_client.expect("SceneCreated") as arrival:
        obs_client.request("CreateScene", {"sceneName": "for the handlers"})
        assert arrival.wait(10).data["sceneName"] == "for the handlers"
    until(lambda: len(heard) == 1, 10, "the other handler has it")
    assert "a handler of ours" in caplog.text
    end()
    end_other()
    obs_client.request("RemoveScene", {"sceneName": "for the handlers"})
    with (
        pytest.raises(ObsError, match=r"did not report SceneCreated within 0\.1 s"),
        obs_client.expect("SceneCreated") as none,
    ):
        none.wait(0.1)
    assert len(heard) == 1


def test_high_volume_events_come_only_while_they_are_asked_for(obs_client: ObsClient) -> None:
    heard: list[ObsEvent] = []
    end = obs_client.subscribe(heard.append, "InputVolumeMeters")
    until(lambda: len(heard) > 2, 10, "meters")
    end()
    connection = obs_client._connection
    assert connection is not None
    until(lambda: connection.subscriptions == (1 << 11) - 1, 30, "they are ordered off")
