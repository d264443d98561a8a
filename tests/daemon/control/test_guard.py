"""Who is kept out."""

from __future__ import annotations

import contextlib
import gc
import http.client
import socket
import threading
import time
from collections.abc import Callable

import pytest

from daemon.control import connections
from daemon.control.client import ControlClient
from daemon.control.limits import Bucket
from daemon.control.operations import OPERATIONS
from daemon.control.server import ControlServer
from tests.daemon.control.conftest import Knock
from tests.daemon.control.stand_in import StageStandIn
from tests.obs.real_obs import until


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.id)
def test_nothing_works_without_the_token(knock: Knock, stage: StageStandIn, row: object) -> None:
    method, path = row.method, row.path  # type: ignore[attr-defined]
    for wrong in (None, "", "Bearer", "Bearer ", f"Bearer {knock.token}x", f"Basic {knock.token}", knock.token[:-1]):
        answer = knock(method, path, b"{}" if method != "GET" else None, authorization=wrong)
        assert answer.status == 401
        assert "token" in answer.body["error"]
        assert knock.token not in str(answer)
    assert stage.asked == []


def test_a_token_in_the_address_is_none(knock: Knock) -> None:
    assert knock("GET", f"/v1/status?token={knock.token}", authorization=None).status == 401


def test_two_tokens_are_none(knock: Knock) -> None:
    link = http.client.HTTPConnection("127.0.0.1", knock.port, timeout=10)
    link.putrequest("GET", "/v1/status")
    link.putheader("Authorization", f"Bearer {knock.token}")
    link.putheader("Authorization", "Bearer other")
    link.endheaders()
    assert link.getresponse().status == 401
    link.close()


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", "", "[::1]"],
)
def test_a_rebound_name_is_refused(knock: Knock, stage: StageStandIn, host: str) -> None:
    """DNS rebinding: a name of the attacker's that leads to 127.0.0.1. It is refused although the token is right."""
    answer = knock("POST", "/v1/panic", {"on": True}, host=host.format(port=knock.port))
    assert answer.status == 403
    assert stage.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_our_own_names_are_fine(knock: Knock, host: str) -> None:
    assert knock("GET", "/v1/status", host=f"{host}:{knock.port}").status == 200


def test_no_host_at_all_is_refused(knock: Knock) -> None:
    with socket.create_connection(("127.0.0.1", knock.port), 10) as link:
        link.sendall(f"GET /v1/status HTTP/1.0\r\nAuthorization: Bearer {knock.token}\r\n\r\n".encode())
        assert b" 403 " in link.recv(4096).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "file://"],
)
def test_a_page_of_another_site_is_refused(knock: Knock, stage: StageStandIn, origin: str) -> None:
    answer = knock("POST", "/v1/panic", {"on": True}, origin=origin.format(port=knock.port))
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers
    assert stage.asked == []


def test_our_own_page_is_served(knock: Knock) -> None:
    assert knock("GET", "/v1/status", origin=f"http://127.0.0.1:{knock.port}").status == 200
    assert knock("GET", "/v1/status", sec_fetch_site="same-origin").status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_the_browser_says_of_a_request_counts(knock: Knock, site: str) -> None:
    assert knock("GET", "/v1/status", sec_fetch_site=site).status == 403


def test_a_preflight_allows_nothing(knock: Knock) -> None:
    answer = knock(
        "OPTIONS", "/v1/switch", authorization=None, origin="https://evil.example",
        access_control_request_method="POST", access_control_request_headers="authorization",
    )  # fmt: skip
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_answers_may_not_be_kept_or_guessed_at(knock: Knock) -> None:
    for answer in (knock("GET", "/v1/status"), knock("GET", "/v1/status", authorization=None)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


def test_it_listens_on_loopback_only(server: ControlServer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: asks the system for our own outward address
        outward = probe.getsockname()[0]
    if outward.startswith("127."):
        pytest.skip("this machine has loopback alone")
    with pytest.raises(OSError), socket.create_connection((outward, server.port), 2):
        pass


def test_10_000_requests_leave_the_daemon_as_it_is(knock: Knock, client: ControlClient, stage: StageStandIn) -> None:
    """A flood without a token is refused by its own rate; who has the token is served meanwhile."""
    statuses: list[int] = []
    lock = threading.Lock()

    def flood(count: int) -> None:
        link = http.client.HTTPConnection("127.0.0.1", knock.port, timeout=20)
        got = []
        for number in range(count):
            link.request("POST", "/v1/switch", b"{}", {"Authorization": f"Bearer {number}"})
            response = link.getresponse()
            response.read()
            got.append(response.status)
        link.close()
        with lock:
            statuses.extend(got)

    threads = [threading.Thread(target=flood, args=(2_500,)) for _ in range(4)]
    before = threading.active_count()
    for thread in threads:
        thread.start()
    served = 0
    while any(thread.is_alive() for thread in threads):
        client.switch("ink")
        assert client.status()["persona"] == "ink"
        served += 1
        time.sleep(0.05)  # a key that is pressed again and again, not a flood
    assert len(statuses) == 10_000
    assert set(statuses) == {401, 429}
    assert statuses.count(401) < 2_000
    assert served > 0
    assert stage.asked == [("switch", "ink")] * served
    assert threading.active_count() <= before + 12  # the two pools


def test_a_flood_with_the_token_is_held_back_but_panic_gets_through(knock: Knock, stage: StageStandIn) -> None:
    link = http.client.HTTPConnection("127.0.0.1", knock.port, timeout=20)
    statuses = set()
    for _ in range(2_000):
        link.request("GET", "/v1/status", headers={"Authorization": f"Bearer {knock.token}"})
        response = link.getresponse()
        response.read()
        statuses.add(response.status)
        if response.status == 429:
            assert response.getheader("Retry-After") == "1"
            break
    link.close()
    assert statuses == {200, 429}
    assert knock("POST", "/v1/panic", {"on": True}).status == 200
    assert stage.asked == [("panic", True)]


def test_connections_that_say_nothing_are_closed(
    serve: Callable[..., ControlServer], monkeypatch: pytest.MonkeyPatch, folder: object
) -> None:
    monkeypatch.setattr(connections, "_PATIENCE_S", 0.1)
    server = serve()
    links = [socket.create_connection(("127.0.0.1", server.port), 10) for _ in range(20)]
    for number, link in enumerate(links):
        if number % 2:
            link.sendall(b"GET /v1/status HT")  # a request that never ends
    for link in links:
        with contextlib.suppress(ConnectionResetError):  # with half a request unread
            assert link.recv(100) == b""
        link.close()


def test_connections_that_ended_are_forgotten(server: ControlServer, client: ControlClient) -> None:
    for _ in range(150):
        assert client.running()

    def kept() -> int:
        gc.collect()
        # By type, not isinstance: that asks every object of every library for its class, and some warn.
        return sum(issubclass(type(thing), connections.Protocol) for thing in gc.get_objects())

    until(lambda: kept() <= 2, 30, "closed connections leave no protocol behind")


def test_what_is_not_http_harms_nothing(server: ControlServer, client: ControlClient) -> None:
    for rubbish in (
        b"\0" * 5000,
        b"GET / HTTP/9.9\r\n\r\n",
        b"x" * 200_000,
        b"GET /\xff HTTP/1.1\r\nHost: \xff\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port), 10) as link:
            link.settimeout(10)
            with contextlib.suppress(ConnectionError):  # closed while we still sent
                link.sendall(rubbish)
                with contextlib.suppress(OSError):  # ENOTCONN: it was reset between the two
                    link.shutdown(socket.SHUT_WR)
                while link.recv(65536):
                    pass
    assert client.running()


def test_a_bucket_allows_its_rate_and_its_burst() -> None:
    now = 0.0
    bucket = Bucket(10, 5, clock=lambda: now)
    assert [bucket.take() for _ in range(7)] == [True] * 5 + [False] * 2
    now = 0.35
    assert [bucket.take() for _ in range(5)] == [True] * 3 + [False] * 2
    now = 1e6
    assert sum(bucket.take() for _ in range(100)) == 5
