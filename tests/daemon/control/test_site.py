"""The page's files and the sign-in, by hand."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.control.guard import COOKIE
from daemon.control.limits import Bucket
from daemon.control.server import ControlServer
from daemon.control.site import FOLDER
from tests.daemon.control.conftest import Knock
from tests.daemon.control.stand_in import StageStandIn


def test_every_file_is_served_as_what_it_is(knock: Knock) -> None:
    kinds = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json",
             ".svg": "image/svg+xml"}  # fmt: skip
    files = [path for path in sorted(FOLDER.rglob("*")) if path.is_file()]
    assert len(files) > 30
    for path in files:
        answer = knock("GET", f"/page/{path.relative_to(FOLDER).as_posix()}", authorization=None)
        assert answer.status == 200, path
        assert answer.headers["content-type"].startswith(kinds[path.suffix])
    assert knock("GET", "/", authorization=None).body == (FOLDER / "index.html").read_bytes()


@pytest.mark.parametrize(
    "path",
    ["/page/", "/page", "/page/../control/site.py", "/page/%2e%2e/control/site.py", "/page//etc/passwd", "/page/js",
     "/page/..%2fcontrol%2fsite.py", "/index.html", "/page/js/none.js", "/page/strings/en.json/"],
)  # fmt: skip
def test_nothing_else_is(knock: Knock, path: str) -> None:
    assert knock("GET", path, authorization=None).status in {401, 404}


def test_who_loads_the_page_again_and_again_locks_nobody_out(knock: Knock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_bytes", None)  # nothing is read any more
    link = http.client.HTTPConnection("127.0.0.1", knock.port, timeout=20)
    for _ in range(1_500):
        link.request("GET", "/page/icons/mark.svg")
        answer = link.getresponse()
        answer.read()
        assert answer.status == 200
    link.close()
    assert knock("GET", "/", authorization=None).status == 200
    assert knock("GET", "/v1/status").status == 200
    assert knock("POST", "/v1/session", {"code": "x"}, authorization=None).status == 403


def test_the_page_has_a_rate_all_the_same(serve: Callable[..., ControlServer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bucket, "take", lambda bucket: bucket._burst != 2000)  # that of the files is used up
    knock = Knock(serve().port, "")
    assert knock("GET", "/", authorization=None).status == 429
    assert knock("GET", "/v1/openapi.json", authorization=None).status == 200


def test_a_code_is_given_to_the_token_and_exchanged_for_a_session(knock: Knock) -> None:
    assert knock("POST", "/v1/session/code", {}, authorization=None).status == 401
    given = knock("POST", "/v1/session/code", {}).body
    assert given["seconds"] == 120
    entered = knock("POST", "/v1/session", {"code": given["code"]}, authorization=None)
    assert entered.status == 200
    assert entered.body["first"] is True
    cookie = entered.headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/v1", "Max-Age="):
        assert attribute in cookie
    signed = {"authorization": None, "cookie": cookie.partition(";")[0], "x_page_key": entered.body["key"]}
    own = f"http://127.0.0.1:{knock.port}"
    assert knock("GET", "/v1/status", **signed).status == 200
    assert knock("POST", "/v1/search", {}, **signed).status == 401  # nobody knows from where
    assert knock("POST", "/v1/search", {}, **signed, origin=own).status == 200
    assert knock("POST", "/v1/search", {}, **signed, origin="http://evil.example").status == 403
    assert knock("POST", "/v1/search", {}, **signed, origin=own, host="evil.example").status == 403
    two = f"{signed['cookie']}; {signed['cookie']}"
    assert knock("GET", "/v1/status", **{**signed, "cookie": two}).status == 401
    assert knock("GET", "/v1/status", **{**signed, "x_page_key": "x"}).status == 401
    assert knock("DELETE", "/v1/session", **signed, origin=own).status == 200
    assert knock("GET", "/v1/status", **signed).status == 401


def test_a_wrong_bearer_is_not_saved_by_a_cookie(knock: Knock) -> None:
    code = knock("POST", "/v1/session/code", {}).body["code"]
    entered = knock("POST", "/v1/session", {"code": code}, authorization=None)
    signed = {"cookie": entered.headers["set-cookie"].partition(";")[0], "x_page_key": entered.body["key"]}
    assert knock("GET", "/v1/status", authorization="Bearer wrong", **signed).status == 401


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"code": 7}', b'{"code": "%s"}' % (b"x" * 300), b"[" * 250, b"\xff\xfe"]
)
def test_what_is_no_code_is_refused_in_one_sentence(knock: Knock, body: bytes) -> None:
    answer = knock("POST", "/v1/session", body, authorization=None)
    assert answer.status == 422
    assert "code" in answer.body["error"]


def test_who_guesses_codes_keeps_nobody_from_signing_in(server: ControlServer, knock: Knock) -> None:
    """Eight codes of 58 bits at a time, for two minutes: a rate has nothing to protect there."""
    for number in range(300):
        assert knock("POST", "/v1/session", {"code": f"{number:012}"}, authorization=None).status == 403
    for _ in range(60):  # what a stranger asks for otherwise has another rate
        knock("GET", "/v1/status", authorization=None)
    assert knock("GET", "/v1/status", authorization=None).status == 429
    signed_in(server)


def test_who_never_says_the_code_keeps_nobody_from_signing_in(
    server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.control.site._CODE_WAIT_S", 300.0)
    head = (
        f"POST /v1/session HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
        'Content-Length: 24\r\n\r\n{"code"'
    )
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 20)) for _ in range(40)]
        for link in links:
            link.sendall(head.encode())
        for link in links[:24]:  # others have come
            assert link.recv(13) == b"HTTP/1.1 422 "
        signed_in(server)


def test_links_lead_to_the_page_and_nowhere_else(knock: Knock) -> None:
    from_afar = {"authorization": None, "sec_fetch_site": "cross-site"}
    assert knock("GET", "/", **from_afar, sec_fetch_dest="document").status == 200
    assert knock("GET", "/", **from_afar, sec_fetch_dest="iframe").status == 403
    assert knock("GET", "/page/js/main.js", **from_afar, sec_fetch_dest="script").status == 403
    assert knock("GET", "/v1/status", sec_fetch_site="cross-site", sec_fetch_dest="document").status == 403


def test_a_port_that_is_taken_is_given_up_and_said(serve: Callable[..., ControlServer]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = serve(port=port, yielding=True)
        assert server.port != port
        assert server.moved is not None
        assert str(port) in server.moved
        assert str(server.port) in server.moved
        assert server.sign_in_link().startswith(f"http://127.0.0.1:{server.port}/#")


def test_a_port_of_ones_own_is_not_moved(serve: Callable[..., ControlServer]) -> None:
    assert serve(yielding=True).moved is None


def signed_in(server: ControlServer) -> dict[str, Any]:
    """What a page that has just signed in sends with every request."""
    code = server.sign_in_link().partition("#")[2]
    entered = Knock(server.port, "")("POST", "/v1/session", {"code": code}, authorization=None)
    cookie = entered.headers["set-cookie"].partition(";")[0]
    assert cookie.startswith(f"{COOKIE}=")
    own = f"http://127.0.0.1:{server.port}"
    return {"authorization": None, "cookie": cookie, "x_page_key": entered.body["key"], "origin": own}


def test_sessions_are_kept_beside_the_token(serve: Callable[..., ControlServer]) -> None:
    first = serve()
    page = signed_in(first)
    first.stop()
    second = Knock(serve(port=first.port).port, "")
    assert second("GET", "/v1/status", **page).status == 200


def test_where_another_program_takes_the_port_no_session_from_before_holds(serve: Callable[..., ControlServer]) -> None:
    """It may be somebody who was shown cookie and key by the dock: neither the next port nor the old one takes them."""
    first = serve()
    page = signed_in(first)
    first.stop()
    with socket.create_server(("127.0.0.1", first.port)):
        moved = serve(port=first.port, yielding=True)
        assert moved.moved is not None
        own = {**page, "origin": f"http://127.0.0.1:{moved.port}"}
        assert Knock(moved.port, "")("GET", "/v1/status", **own).status == 401
        fresh = signed_in(moved)
        assert Knock(moved.port, "")("GET", "/v1/status", **fresh).status == 200
        moved.stop()
    again = serve(port=first.port, yielding=True)
    assert again.moved is None
    assert Knock(again.port, "")("GET", "/v1/status", **page).status == 401


def test_a_session_from_before_the_start_does_not_show_the_camera(
    serve: Callable[..., ControlServer], stage: StageStandIn
) -> None:
    first = serve()
    page = signed_in(first)
    knock = Knock(first.port, "")
    assert knock("POST", "/v1/preview/camera", {"on": True}, **page).status == 200
    assert knock("GET", "/v1/preview/camera", **page).status == 200
    first.stop()
    second = serve(port=first.port)
    knock = Knock(second.port, "")
    for refused in (
        knock("GET", "/v1/preview/camera", **page),
        knock("POST", "/v1/preview/camera", {"on": True}, **page),
    ):
        assert refused.status == 403
        assert refused.body["sign_in"] is True
        assert "`obs-portrait dock --open`" in refused.body["error"]
    assert stage.rooms.asked == [("allow_camera", True)]  # before
    assert knock("POST", "/v1/preview/camera", {"on": False}, **page).status == 200  # what ends it is always allowed
    assert knock("GET", "/v1/preview", **page).status == 200
    assert knock("GET", "/v1/status", **page).status == 200
    new = signed_in(second)
    assert knock("GET", "/v1/preview/camera", **new).body == {"error": "The camera is not shown unless you ask for it."}
    assert knock("POST", "/v1/preview/camera", {"on": True}, **new).status == 200
    assert knock("GET", "/v1/preview/camera", **new).status == 200
    assert knock("GET", "/v1/preview/camera", **page).status == 403  # also while somebody else may look
