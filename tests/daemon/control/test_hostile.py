"""Programs that mean harm: of another user on this computer, many requests at once, and bodies that would swell."""

from __future__ import annotations

import gc
import gzip
import http.client
import json
import logging
import os
import shutil
import socket
import stat
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from daemon.control import connections, peer
from daemon.control.limits import Bucket
from daemon.control.operations import OPERATIONS
from daemon.control.server import ControlServer
from daemon.memory import give_back
from tests.daemon.control.conftest import Knock
from tests.daemon.control.rooms_stand_in import CLIP
from tests.daemon.control.stand_in import StageStandIn
from tests.daemon.control.strangers import only_root, stranger
from tests.obs.real_obs import until

_STRANGER = """
import http.client, json, os, sys
port, folder = int(sys.argv[1]), sys.argv[2]
told = {"uid": os.getuid(), "read": [], "answers": []}
for name in ("control.json", "pages.json", "daemon.lock"):
    for how in (os.O_RDONLY, os.O_WRONLY):
        try:
            os.close(os.open(os.path.join(folder, name), how))
            told["read"].append(name)
        except PermissionError:
            pass
for method, path, headers in json.loads(sys.argv[3]):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    link.request(method, path, b"{}", headers)
    answer = link.getresponse()
    told["answers"].append([answer.status, answer.read().decode()])
    link.close()
print(json.dumps(told))
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user may look into, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="obs-portrait-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@only_root
@pytest.mark.parametrize("asks_the_kernel", [True, False], ids=["as it is", "where the kernel tells nothing"])
def test_another_users_program_reads_no_secret_and_is_refused(
    open_folder: Path, stage: StageStandIn, monkeypatch: pytest.MonkeyPatch, asks_the_kernel: bool
) -> None:
    if not asks_the_kernel:
        monkeypatch.setattr(peer, "_line", lambda: None)
    with ControlServer(stage, path=open_folder / "control.json") as server:
        code = server.sign_in_link().partition("#")[2]
        assert Knock(server.port, "")("POST", "/v1/session", {"code": code}, authorization=None).status == 200
        for name in ("control.json", "pages.json"):
            assert stat.S_IMODE((open_folder / name).stat().st_mode) == 0o600
        wrong = ({}, {"Authorization": f"Bearer {'x' * 43}"})
        asked = [(row.method, row.path, headers) for row in OPERATIONS for headers in wrong]
        told = stranger(_STRANGER, str(server.port), str(open_folder), json.dumps(asked))
    assert told["uid"] != os.getuid()
    assert told["read"] == []
    assert len(told["answers"]) == len(asked)
    assert {status for status, _ in told["answers"]} <= ({403} if asks_the_kernel else {401, 429})
    assert stage.asked == []


def _variety(token: str, port: int) -> list[tuple[str, str, bytes | None, dict[str, str]]]:
    """One request of every kind: right ones, wrong ones, and strangers'."""
    right = {"Authorization": f"Bearer {token}"}
    said = {**right, "Content-Type": "application/json"}
    return [
        ("GET", "/v1/status", None, right),
        ("GET", "/v1/personas", None, right),
        ("POST", "/v1/switch", b'{"persona": "ink"}', said),
        ("POST", "/v1/switch", b'{"persona": "ada"}', said),
        ("POST", "/v1/switch", b'{"persona": "nobody"}', said),
        ("PUT", "/v1/settings", b'{"settings": {}}', said),
        ("GET", "/v1/preview", None, right),
        ("GET", f"/v1/clips/{CLIP}/video", None, {**right, "Range": "bytes=5-99"}),
        ("GET", f"/v1/clips/{CLIP}/video", None, {**right, "Range": "bytes=999999-"}),
        ("GET", "/v1/clips/..%2f..%2fetc%2fpasswd/video", None, right),
        ("POST", "/v1/switch", b'{"persona": ', said),
        ("POST", "/v1/switch", b"[" * 30_000, said),
        ("POST", "/v1/switch", b'{"name": "ink"}', said),
        ("POST", "/v1/switch", b'{"persona": "ink"}', right),
        ("POST", "/v1/landmarks", b'{"picture": "%%%"}', said),
        ("POST", "/v1/landmarks", b'{"picture": "' + b"A" * 50_000 + b'"}', said),
        ("DELETE", "/v1/status", None, right),
        ("GET", "/v1/none", None, right),
        ("GET", "/page/../../etc/passwd", None, {}),
        ("GET", "/", None, {}),
        ("POST", "/v1/session", b'{"code": "AAAA-AAAA-AAAA"}', {"Content-Type": "application/json"}),
        ("GET", "/v1/status", None, {"Authorization": "Bearer wrong"}),
        ("GET", "/v1/status", None, {**right, "Origin": "https://example.org"}),
        ("GET", "/v1/status", None, {**right, "Host": f"example.org:{port}"}),
    ]


def test_10_000_requests_of_every_kind_leave_nothing_behind(
    knock: Knock, stage: StageStandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Memory, threads and open files are as before, and panic is answered all the while."""
    monkeypatch.setattr(Bucket, "take", lambda _: True)  # the worst case: the rates hold nothing back
    kinds = _variety(knock.token, knock.port)
    statuses: set[int] = set()
    faults: list[BaseException] = []
    switched: Counter[str] = Counter()

    def flood(count: int, offset: int) -> None:
        link = http.client.HTTPConnection("127.0.0.1", knock.port, timeout=30)
        try:
            for number in range(count):
                method, path, body, headers = kinds[(number + offset) % len(kinds)]
                link.request(method, path, body, headers)
                response = link.getresponse()
                response.read()
                statuses.add(response.status)
        except BaseException as fault:
            faults.append(fault)
        finally:
            link.close()

    def waves(count: int) -> int:
        threads = [threading.Thread(target=flood, args=(count // 4, 5 * n)) for n in range(4)]
        for thread in threads:
            thread.start()
        panics = 0
        while any(thread.is_alive() for thread in threads):
            for on in (True, False):
                assert knock("POST", "/v1/panic", {"on": on}).status == 200
                panics += 1
            threads[0].join(0.1)
        switched.update(name for what, name in stage.asked if what == "switch")
        stage.asked.clear()
        return panics

    me = psutil.Process()

    def files() -> int:
        return me.num_fds() if hasattr(me, "num_fds") else me.num_handles()

    with caplog.at_level(logging.ERROR):
        waves(1_000)
        until(lambda: not _open_links(me, knock.port), 20, "the first connections are closed")
        gc.collect()
        give_back()
        before, memory = files(), me.memory_info().rss
        assert waves(10_000) > 0
    assert not faults
    assert not caplog.records
    assert statuses >= {200, 206, 401, 403, 404, 405, 409, 415, 416, 422}
    assert set(switched) == {"ada", "ink", "nobody"}  # of each kind as many, but for the ends of the waves
    assert min(switched.values()) > 11_000 // len(kinds) - 40
    assert not {status for status in statuses if status >= 500}
    until(lambda: files() <= before, 20, "no file is left open")
    pools = Counter(thread.name for thread in threading.enumerate())
    assert max(pools.values()) <= 5, pools  # as many threads of a kind as there were requests at once
    gc.collect()
    give_back()
    assert me.memory_info().rss - memory < 8_000_000  # 800 bytes a request


def _open_links(me: psutil.Process, port: int) -> list[Any]:
    return [one for one in me.net_connections("tcp") if one.status == "ESTABLISHED" and one.laddr.port == port]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"picture": "' + b"A" * (9 << 20) + b'"}', {}, 413),
        (gzip.compress(b'{"picture": "' + b"A" * (64 << 20) + b'"}'), {"content_encoding": "gzip"}, 422),
        (b'{"picture": ' + b"[" * 1_000_000, {}, 422),
        (b'{"picture": ' + b'{"a":' * 500_000, {}, 422),
        (b'{"picture": ' + b"9" * 4_000_000 + b"}", {}, 422),
        (b'{"picture": "\\ud800"}', {}, 422),
        (b'{"picture": "\xff\xfe"}', {}, 422),
        (b'{"picture": "QUFB", "picture": 1}', {}, 422),
        (b"\0" * 1_000_000, {}, 422),
    ],
    ids=["large", "gzip", "lists", "objects", "digits", "half a letter", "no UTF-8", "twice", "zeros"],
)
def test_bodies_that_would_swell_are_one_sentence(
    knock: Knock, stage: StageStandIn, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = knock("POST", "/v1/landmarks", body, **headers)
    assert answer.status == status
    assert len(answer.body["error"]) < 300
    assert stage.rooms.asked == []


def test_a_body_that_never_ends_is_cut_off(knock: Knock, stage: StageStandIn) -> None:
    """In chunks, so that nobody was told how long it is."""
    head = (
        f"POST /v1/switch HTTP/1.1\r\nHost: 127.0.0.1:{knock.port}\r\nAuthorization: Bearer {knock.token}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b"A" * 0x10000 + b"\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", knock.port), 10) as link:
        link.sendall(head.encode())
        try:
            while sent < 256 << 20:
                link.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
    assert sent < 128 << 20  # what lies in the system's buffers was sent too
    assert stage.asked == []
    assert knock("GET", "/v1/status").status == 200


def test_who_holds_hundreds_of_connections_locks_nobody_out(knock: Knock, stage: StageStandIn) -> None:
    held = []
    me = psutil.Process()
    try:
        for number in range(400):
            link = socket.create_connection(("127.0.0.1", knock.port), 10)
            held.append(link)
            if number % 2:
                link.sendall(b"POST /v1/panic HTTP/1.1\r\nHo")  # and no more
            if number % 100 == 99:
                assert knock("POST", "/v1/panic", {"on": True}).status == 200
        until(lambda: len(_open_links(me, knock.port)) <= 151, 20, "the oldest are closed")
        assert knock("GET", "/v1/status").status == 200
    finally:
        for link in held:
            link.close()
    assert stage.asked == [("panic", True)] * 4


def test_who_asks_for_the_page_and_never_reads_it_locks_nobody_out(
    knock: Knock, stage: StageStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections that are being answered for ever are not idle, and yet nobody needs them."""
    monkeypatch.setattr(connections, "_MOST_CONNECTIONS", 4)
    asked = f"GET /page/strings/en.json HTTP/1.1\r\nHost: 127.0.0.1:{knock.port}\r\n\r\n".encode() * 400
    me = psutil.Process()
    held = []
    try:
        for _ in range(8):
            link = socket.socket()
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # 8 MB do not fit into the system's buffers
            link.settimeout(20)
            link.connect(("127.0.0.1", knock.port))
            held.append(link)
            link.sendall(asked)
            assert link.recv(1) == b"H"  # it is being answered, and hears no more
        until(lambda: len(_open_links(me, knock.port)) <= 5, 20, "the oldest are closed")
        assert knock("POST", "/v1/panic", {"on": True}).status == 200
    finally:
        for link in held:
            link.close()
    assert stage.asked == [("panic", True)]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/clips/../../../etc/passwd/video",
        "/v1/clips/..%2F..%2Fetc%2Fpasswd/video",
        "/v1/clips/%2e%2e/video",
        f"/v1/clips/{CLIP}%00.mkv/video",
        f"/v1/clips/{CLIP.upper()}/video",
        f"/v1/clips/{CLIP}%0a/video",
        "/v1/clips/%ff%fe/thumbnail",
        "/v1/personas/..%2f..%2fada/picture",
        "/v1/personas/%2e%2e/picture",
        "/v1/personas/" + "a" * 61 + "/picture",
    ],
)
def test_an_id_is_no_path(knock: Knock, stage: StageStandIn, path: str) -> None:
    assert knock("GET", path).status == 404
    assert stage.rooms.asked == []


@pytest.mark.parametrize(
    "target", [b"/\xff", b"//evil/v1/status", b"http://example.org/v1/status", b"*", b"/v1/%", b"/v1/status?\xff"]
)
def test_a_strange_target_is_answered_and_logs_nothing(
    knock: Knock, caplog: pytest.LogCaptureFixture, target: bytes
) -> None:
    with caplog.at_level(logging.ERROR), socket.create_connection(("127.0.0.1", knock.port), 10) as link:
        link.sendall(
            b"GET " + target + f" HTTP/1.1\r\nHost: 127.0.0.1:{knock.port}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = link.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 4")
    assert not caplog.records
