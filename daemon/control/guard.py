"""Who may come in: ASGI middleware in front of everything else.

On loopback three kinds of strangers can knock: web pages in the streamer's browser (cross-site requests carry a foreign
Origin, DNS rebinding a foreign Host), programs of other users on the same computer (they cannot read the token; where
the system tells whose they are they do not come so far, see `peer`), and anything that simply knocks too often. Each is
told in one sentence, before the body is read.

Programs show the token. Our page shows its cookie and its page key (`sessions`), and whatever changes something must
also say that it comes from our address. The one thing that the cookie opens alone is a clip's video, because a player
sends no headers of ours; its id, which nobody can guess, is what takes the key's place there.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from typing import Any, Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.control.jsontext import as_json
from daemon.control.limits import Bucket
from daemon.control.sessions import Sessions

__all__ = ["COOKIE", "PAGE_KEY", "Guard", "cookie_of", "refusal"]

COOKIE: Final = "obs_portrait"
PAGE_KEY: Final = "X-Page-Key"
_KEY_HEADER: Final = PAGE_KEY.lower().encode()
_ENTRY: Final = ("POST", "/v1/session")
_OPEN: Final = frozenset({("GET", "/v1/openapi.json"), ("HEAD", "/v1/openapi.json"), _ENTRY})
"""Needs no token: it says nothing that is not in the source, or is where a code is checked."""
_SAFE: Final = frozenset({"GET", "HEAD"})
_BY_COOKIE: Final = re.compile(r"/v1/clips/[^/]+/video")
_EVENTS: Final = "/v1/events"
"""Browsers cannot send headers with a WebSocket: its token may come in its first message (`events`)."""
_URGENT: Final = "/v1/panic"
_SAFE_HEADERS: Final = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


def refusal(status: int, sentence: str, *, sign_in: bool = False) -> Response:
    """An error as the API tells it. sign_in: a page that signs in anew may ask again."""
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "1"}}.get(status)
    text = as_json({"error": sentence, **({"sign_in": True} if sign_in else {})})
    return Response(text, status, headers, "application/json")


class Guard:
    """Checks Host, Origin, rate and token of every HTTP request and WebSocket.

    With a right token a request has a rate of its own, so that no stranger can lock the streamer out; panic has
    another. What a page asks for before it can show anything has one each that is far beyond what is ever needed: its
    files, which lie in memory, and signing in, where nobody guesses a code of 58 bits. The scope's state tells the
    application: `authorised`, `page` if it is by a page's session, `old` if that is from before this start of the
    daemon, and `cookie` if a WebSocket comes from a browser that is signed in and may be ours.
    """

    def __init__(self, app: ASGIApp, port: int, token: str, sessions: Sessions | None = None) -> None:
        self._app = app
        self._sessions = sessions if sessions is not None else Sessions()
        self._hosts = frozenset(f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost", "[::1]"))
        self._origins = frozenset(b"http://" + host for host in self._hosts)
        self._token = token.encode()
        self._strangers = Bucket(10, 40)
        self._friends = Bucket(100, 200)
        self._urgent = Bucket(20, 40)
        self._files = Bucket(1000, 2000)
        self._entry = Bucket(500, 1000)

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

    def _check(self, scope: Scope) -> Response | None:
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return refusal(403, "This is reached as http://127.0.0.1 only, with the port in control.json.")
        if any(origin.lower() not in self._origins for origin in _values(scope, b"origin")):
            return refusal(403, "Pages of other sites may not use this.")
        path, method = scope["path"], scope.get("method", "GET")
        is_file = method in _SAFE and (path == "/" or path.startswith("/page/"))
        # A link may lead to the page itself: it knows nothing before it asks, and nobody may frame it.
        by_link = is_file and path == "/" and _values(scope, b"sec-fetch-dest") == [b"document"]
        if not by_link and any(site not in {b"same-origin", b"none"} for site in _values(scope, b"sec-fetch-site")):
            return refusal(403, "Pages of other sites may not use this.")
        offered = _values(scope, b"authorization")
        by_token = len(offered) == 1 and self._is_bearer(offered[0])
        by_page = not offered and not is_file and self._is_page(scope, method)
        right = by_token or by_page
        old = by_page and not self._sessions.new(cookie_of(scope) or "")
        cookie = self._of_browser(scope) if path == _EVENTS and not offered else None
        scope.setdefault("state", {}).update(authorised=right, page=by_page, old=old, cookie=cookie)
        if right:
            bucket = self._urgent if path == _URGENT else self._friends
        elif is_file:
            bucket = self._files
        else:
            bucket = self._entry if (method, path) == _ENTRY else self._friends if cookie else self._strangers
        if not bucket.take():
            return refusal(429, "Too many requests; wait a second.")
        if right or is_file or (method, path) in _OPEN:
            return None
        if scope["type"] == "websocket" and path == _EVENTS and not offered:
            return None
        if not offered:
            return refusal(
                401,
                "The token is missing; send the one in control.json as 'Authorization: Bearer TOKEN'. "
                "A page signs in with the link of `obs-portrait dock`.",
            )
        return refusal(401, "The token is wrong; read control.json again, OBS Portrait was restarted since.")

    def _is_page(self, scope: Scope, method: str) -> bool:
        """Whether this comes from our page, signed in. A WebSocket shows its page key later (`events`)."""
        cookie, keys = cookie_of(scope), _values(scope, _KEY_HEADER)
        if cookie is None or scope["type"] != "http":
            return False
        if method not in _SAFE and not _values(scope, b"origin"):
            return False  # a browser always sends it with these, and `_check` has seen that it is ours
        if len(keys) == 1:
            return self._sessions.matches(cookie, keys[0].decode("latin-1"))
        return method in _SAFE and _BY_COOKIE.fullmatch(scope["path"]) is not None and self._sessions.knows(cookie)

    def _of_browser(self, scope: Scope) -> str | None:
        """The cookie of a WebSocket that comes from a signed-in browser, and from our address."""
        cookie = cookie_of(scope)
        if scope["type"] != "websocket" or cookie is None or not _values(scope, b"origin"):
            return None
        return cookie if self._sessions.knows(cookie) else None

    def is_page_key(self, scope: Scope, offered: str) -> bool:
        """Whether a WebSocket's handshake carried the cookie to which this page key belongs."""
        cookie = cookie_of(scope)
        return cookie is not None and bool(_values(scope, b"origin")) and self._sessions.matches(cookie, offered)

    def _is_bearer(self, header: bytes) -> bool:
        scheme, _, offered = header.partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(offered.strip(), self._token)


def _values(scope: Scope, name: bytes) -> list[bytes]:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return [value for key, value in headers if key == name]


def cookie_of(scope: Scope) -> str | None:
    """The value of our cookie; None if there is none, or more than one."""
    pairs = [part.strip().partition(b"=") for header in _values(scope, b"cookie") for part in header.split(b";")]
    found = [value for name, _, value in pairs if name == COOKIE.encode()]
    return found[0].decode("latin-1") if len(found) == 1 else None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: list[Any] = list(message.get("headers", []))
            message = {**message, "headers": [*headers, *_SAFE_HEADERS]}
        await send(message)

    return sending
