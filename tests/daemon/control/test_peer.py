"""Whose program is at the other end: real connections, real users, the kernel's own answers."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.control import peer
from daemon.control.operations import OPERATIONS
from daemon.control.peer import Peers
from daemon.control.server import ControlServer
from tests.daemon.control.conftest import Knock
from tests.daemon.control.stand_in import StageStandIn
from tests.daemon.control.strangers import only_root, stranger
from tests.obs.real_obs import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose socket it is")


@pytest.fixture
def door() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def peers(door: socket.socket) -> Iterator[Peers]:
    made = Peers(door)
    assert made.known
    yield made
    made.close()


def judged(peers: Peers, door: socket.socket) -> bool:
    """Whether the next one who has come is a stranger."""
    link, address = door.accept()
    with link:
        return peers.stranger(address, link.getsockname())


def test_our_own_programs_are_none(peers: Peers, door: socket.socket) -> None:
    with socket.create_connection(door.getsockname()):
        assert not judged(peers, door)
    with socket.create_connection(door.getsockname()) as link:
        link.sendall(b"GET / HTTP/1.1\r\n\r\n")
        link.shutdown(socket.SHUT_WR)  # it has said all and waits for the answer
        assert not judged(peers, door)
    with socket.socket(socket.AF_INET6) as link:  # as Java does
        link.connect((f"::ffff:{door.getsockname()[0]}", door.getsockname()[1]))
        assert not judged(peers, door)


@pytest.mark.parametrize("linger", [None, struct.pack("ii", 1, 0)], ids=["closed", "reset"])
def test_who_has_left_is_one(peers: Peers, door: socket.socket, linger: bytes | None) -> None:
    """What it said can be read all the same; the kernel tells of a closed socket that it is root's."""
    link = socket.create_connection(door.getsockname())
    link.sendall(b"now")
    if linger is not None:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    link.close()
    assert judged(peers, door)
    assert peers.stranger(None, door.getsockname())
    assert peers.stranger(("127.0.0.1", 9), None)


def test_where_the_kernel_tells_nothing_nobody_is_one(door: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "_BY_FAMILY", 99)  # a question that no kernel knows: it answers with an error
    peers = Peers(door)
    assert not peers.known
    assert not peers.stranger(("127.0.0.1", 9), door.getsockname())
    monkeypatch.setattr(sys, "platform", "win32")
    assert not Peers(door).known
    peers.close()


_OF_NOBODY = """
import importlib.util, json, os, socket, sys
from types import ModuleType
module = ModuleType("peer")
exec(sys.stdin.readline().encode().decode("unicode_escape"), module.__dict__)
door = socket.create_server(("127.0.0.1", 0))
peers = module.Peers(door)
print(json.dumps([os.getuid(), peers.known, door.getsockname()[1]]), flush=True)
own = socket.create_connection(door.getsockname())
for _ in range(3):
    link, address = door.accept()
    print(json.dumps(peers.stranger(address, link.getsockname())), flush=True)
"""
_VISIT = "import json, socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).recv(1); print('[]')"


@only_root
def test_a_daemon_of_another_user_knows_itself_and_root_from_others() -> None:
    nobody = pytest.importorskip("pwd").getpwnam("nobody")
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    with subprocess.Popen(
        [python, "-I", "-c", _OF_NOBODY], user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], cwd="/",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as daemon:  # fmt: skip
        assert daemon.stdin is not None and daemon.stdout is not None
        text = Path(peer.__file__).read_text("utf-8")
        daemon.stdin.write(text.encode("unicode_escape").decode("ascii") + "\n")
        daemon.stdin.flush()
        uid, known, port = json.loads(daemon.stdout.readline())
        assert (uid, known) == (nobody.pw_uid, True)
        assert json.loads(daemon.stdout.readline()) is False  # its own
        with socket.create_connection(("127.0.0.1", port)):
            assert json.loads(daemon.stdout.readline()) is False  # root's
        stranger(_VISIT, str(port), uid=12345)
        assert json.loads(daemon.stdout.readline()) is True


# ---- the daemon ------------------------------------------------------------------------------------------------------

_WITH_EVERYTHING = """
import http.client, json, socket, struct, sys
port, asked = int(sys.argv[1]), json.loads(sys.argv[2])
told = []
for method, path, headers in asked:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    body = None if method == "GET" else b'{"persona": "ink", "on": true}'
    link.request(method, path, body, headers)
    answer = link.getresponse()
    told.append([answer.status, json.loads(answer.read())["error"], answer.getheader("set-cookie")])
    link.close()
for number in range(200):  # says it and leaves: by an end, or by a reset
    link = socket.create_connection(("127.0.0.1", port), 20)
    lines = [f"{name}: {value}" for name, value in asked[0][2].items()]
    body = '{"persona": "ink"}'
    link.sendall("\\r\\n".join(["POST /v1/switch HTTP/1.1", *lines, f"Content-Length: {len(body)}", "", body]).encode())
    if number % 2:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()
print(json.dumps(told))
"""


def secrets_of(server: ControlServer, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The headers of a program, and of a page, that is let in."""
    own = f"127.0.0.1:{server.port}"
    token = json.loads((folder / "control.json").read_text("utf-8"))["token"]
    code = server.sign_in_link().partition("#")[2]
    entered = Knock(server.port, token)("POST", "/v1/session", {"code": code}, authorization=None)
    said = {"Host": own, "Content-Type": "application/json"}
    cookie = entered.headers["set-cookie"].partition(";")[0]
    page = {"Cookie": cookie, "X-Page-Key": entered.body["key"], "Origin": f"http://{own}"}
    return {**said, "Authorization": f"Bearer {token}"}, {**said, **page}


@only_root
def test_no_secret_lets_another_users_program_in(server: ControlServer, folder: Path, stage: StageStandIn) -> None:
    program, page = secrets_of(server, folder)
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }  # fmt: skip
    code = server.sign_in_link().partition("#")[2]
    asked: list[tuple[str, str, dict[str, str]]] = [
        *((row.method, row.path, headers) for headers in (program, page) for row in OPERATIONS),
        *(("GET", "/v1/events", {**headers, **upgrade}) for headers in (program, page)),
        ("GET", "/", page), ("GET", "/v1/openapi.json", program), ("POST", "/v1/session/code", program),
    ]  # fmt: skip
    told = stranger(_WITH_EVERYTHING, str(server.port), json.dumps(asked))
    assert len(told) == len(asked)
    assert {tuple(one) for one in told} == {
        (403, "Only programs of the user who runs OBS Portrait may use it, and this one is another user's.", None)
    }
    until(lambda: Knock(server.port, "")("GET", "/", authorization=None).status == 200, 20, "all of them have left")
    assert stage.asked == []
    assert server._sessions is not None
    assert server._sessions.enter(code) is not None
    for headers in (program, page):  # they were the right ones
        extra = {name.lower().replace("-", "_"): value for name, value in headers.items()}
        assert Knock(server.port, "")("POST", "/v1/switch", {"persona": "ink"}, **{"authorization": None, **extra})
    assert stage.asked == [("switch", "ink")] * 2


_CROWD = """
import json, socket, sys
links = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20) for _ in range(400)]
said = [link.recv(12) for link in links[-10:]]
print(json.dumps([one.decode() for one in said]), flush=True)
"""


@only_root
def test_a_crowd_of_them_costs_nobody_his_place(
    server: ControlServer, knock: Knock, stage: StageStandIn, serve: Callable[..., Any]
) -> None:
    assert stranger(_CROWD, str(server.port)) == ["HTTP/1.1 403"] * 10
    assert knock("POST", "/v1/panic", {"on": True}).status == 200
    assert stage.asked == [("panic", True)]
