"""Who may come in: ASGI middleware in front of everything else.

On loopback three kinds of strangers can knock: web pages in the streamer's browser (cross-site requests carry a foreign
Origin, DNS rebinding a foreign Host), programs of other users on the same computer (they cannot read the token), and
anything that simply knocks too often. Each is told in one sentence, before the body is read.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Any, Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.control.limits import Bucket

__all__ = ["Guard", "refusal"]

_OPEN: Final = frozenset({"/v1/openapi.json"})
"""Needs no token: it says nothing that is not in the source."""
_EVENTS: Final = "/v1/events"
"""Browsers cannot send headers with a WebSocket: its token may come in its first message (`events`)."""
_URGENT: Final = "/v1/panic"
_SAFE_HEADERS: Final = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


def refusal(status: int, sentence: str) -> JSONResponse:
    """An error as the API tells it."""
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "1"}}.get(status)
    return JSONResponse({"error": sentence}, status, headers)


class Guard:
    """Checks Host, Origin, rate and token of every HTTP request and WebSocket.

    With a right token a request has a rate of its own, so that no stranger can lock the streamer out; panic has
    another.
    """

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app = app
        self._hosts = frozenset(f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost", "[::1]"))
        self._origins = frozenset(b"http://" + host for host in self._hosts)
        self._token = token.encode()
        self._strangers = Bucket(10, 40)
        self._friends = Bucket(100, 200)
        self._urgent = Bucket(20, 40)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        if scope["type"] not in {"http", "websocket"}:
            return
        refused = self._check(scope)
        if refused is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "http":
            await refused(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    def is_token(self, offered: str) -> bool:
        """Whether this is the token; takes equally long whatever is offered."""
        return hmac.compare_digest(offered.encode("utf-8", "replace"), self._token)

    def _check(self, scope: Scope) -> JSONResponse | None:
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return refusal(403, "This is reached as http://127.0.0.1 only, with the port in control.json.")
        if any(origin.lower() not in self._origins for origin in _values(scope, b"origin")):
            return refusal(403, "Pages of other sites may not use this.")
        if any(site not in {b"same-origin", b"none"} for site in _values(scope, b"sec-fetch-site")):
            return refusal(403, "Pages of other sites may not use this.")
        offered = _values(scope, b"authorization")
        right = len(offered) == 1 and self._is_bearer(offered[0])
        scope.setdefault("state", {})["authorised"] = right
        path = scope["path"]
        bucket = self._strangers if not right else self._urgent if path == _URGENT else self._friends
        if not bucket.take():
            return refusal(429, "Too many requests; wait a second.")
        if right or path in _OPEN or (scope["type"] == "websocket" and path == _EVENTS and not offered):
            return None
        if not offered:
            return refusal(401, "The token is missing; send the one in control.json as 'Authorization: Bearer TOKEN'.")
        return refusal(401, "The token is wrong; read control.json again, OBS Portrait was restarted since.")

    def _is_bearer(self, header: bytes) -> bool:
        scheme, _, offered = header.partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(offered.strip(), self._token)


def _values(scope: Scope, name: bytes) -> list[bytes]:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return [value for key, value in headers if key == name]


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: list[Any] = list(message.get("headers", []))
            message = {**message, "headers": [*headers, *_SAFE_HEADERS]}
        await send(message)

    return sending
