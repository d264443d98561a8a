"""The page: its files, and how a browser signs in and out.

The files hold no secret and need no token; they are read once, when the daemon starts, and lie in memory. What they may
do is narrow: scripts and styles of this address alone, no frame of anybody else's around them, no text ever taken for
HTML (Trusted Types).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from pathlib import Path
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from daemon.control.guard import COOKIE, cookie_of, refusal
from daemon.control.sessions import CODE_S, SESSION_S, Sessions

__all__ = ["FOLDER", "Site"]

FOLDER: Final = Path(__file__).resolve().parents[1] / "page"
_KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
_CODE_BYTES: Final = 256
_CODE_WAIT_S: Final = 5.0
_HEARD_AT_ONCE: Final = 16


def _policy(port: int) -> str:
    hosts = " ".join(f"ws://{name}:{port}" for name in ("127.0.0.1", "localhost"))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob:",
            "media-src 'self'",
            f"connect-src 'self' {hosts}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",  # a dock of OBS is a window of its own, not a frame
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


class Site:
    """`routes` serve the page at / and /page/…, and /v1/session, where it signs in."""

    def __init__(self, sessions: Sessions, port: int, folder: Path = FOLDER) -> None:
        self._sessions = sessions
        # What is served is decided here; no address of a request ever becomes a path.
        self._files = {
            f"/page/{path.relative_to(folder).as_posix()}": (path.read_bytes(), _KINDS[path.suffix])
            for path in sorted(folder.rglob("*"))
            if path.suffix in _KINDS and path.is_file()
        }
        self._files["/"] = self._files["/page/index.html"]
        self._reading: deque[asyncio.Timeout] = deque()
        self._headers = {
            "Content-Security-Policy": _policy(port),
            "Referrer-Policy": "no-referrer",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=(), display-capture=()",
        }
        self.routes = [
            Route("/", self._file),
            Route("/page/{path:path}", self._file),
            Route("/v1/session/code", self._code, methods=["POST"]),
            Route("/v1/session", self._enter, methods=["POST"]),
            Route("/v1/session", self._leave, methods=["DELETE"]),
        ]

    async def _file(self, request: Request) -> Response:
        found = self._files.get(request.url.path)
        if found is None:
            return refusal(404, "The page has no such file.")
        content, kind = found
        return Response(content, headers={**self._headers, "Content-Type": kind})

    async def _code(self, request: Request) -> Response:
        """A one-time code, for who has the token; a page cannot invite others."""
        if request.state.page:
            return refusal(403, "Codes are given to programs with the token only; type `obs-portrait dock`.")
        return JSONResponse({"code": self._sessions.new_code(), "seconds": CODE_S})

    async def _enter(self, request: Request) -> Response:
        code = await self._said_code(request)
        if code is None:
            return refusal(422, 'The body must be {"code": "…"}, as JSON.')
        given = self._sessions.enter(code)
        if given is None:
            return refusal(
                403, "This code is wrong, used or older than two minutes; `obs-portrait dock` makes a new one."
            )
        answer = JSONResponse({"key": given.key, "first": given.first})
        answer.set_cookie(COOKIE, given.cookie, max_age=SESSION_S, path="/v1", httponly=True, samesite="strict")
        return answer

    async def _said_code(self, request: Request) -> str | None:
        """None if it is none."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return None
        try:
            async with asyncio.timeout(_CODE_WAIT_S) as limit:
                said: Any = json.loads(await self._heard(request, limit))
        except (TimeoutError, ClientDisconnect, ValueError, RecursionError):
            return None
        code = said.get("code") if isinstance(said, dict) else None
        return code if isinstance(code, str) else None

    async def _heard(self, request: Request, limit: asyncio.Timeout) -> bytes:
        """A short body, "" if it is longer. Anybody is heard here, so who is slow gives way to who comes."""
        self._reading.append(limit)
        if len(self._reading) > _HEARD_AT_ONCE:
            with contextlib.suppress(RuntimeError):  # its time is over already
                self._reading.popleft().reschedule(0.0)
        content = b""
        try:
            async for part in request.stream():
                content += part
                if len(content) > _CODE_BYTES:
                    return b""
        finally:
            if limit in self._reading:
                self._reading.remove(limit)
        return content

    async def _leave(self, request: Request) -> Response:
        """A page signs itself out, who has the token all pages."""
        cookie = cookie_of(request.scope)
        if not request.state.page:
            self._sessions.leave_all()
        elif cookie is not None:
            self._sessions.leave(cookie)
        answer = JSONResponse({"ok": True})
        answer.delete_cookie(COOKIE, path="/v1", httponly=True, samesite="strict")
        return answer
