"""The ASGI application: the table of operations, served."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from daemon.control.caller import BusyError, Caller
from daemon.control.events import Events
from daemon.control.guard import Guard, refusal
from daemon.control.openapi import schema
from daemon.control.operations import OPERATIONS, Operation
from daemon.control.sessions import Sessions
from daemon.control.site import Site
from daemon.control.stage import Stage
from obs_portrait.errors import PortraitError

__all__ = ["ControlApp"]

LARGEST_BODY: Final = 64 * 1024
_BODY_S: Final = 5.0
_log = logging.getLogger(__name__)


class _RefusalError(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        self.status, self.sentence = status, sentence


class ControlApp:
    """`asgi` serves the stage on `port` to who has `token`.

    Calls into the stage run in threads of two pools: 8 for everything, 4 more for what is urgent.
    """

    def __init__(
        self, stage: Stage, token: str, port: int, *, sessions: Sessions | None = None, timeout: float | None = None
    ) -> None:
        """sessions: of the page; None keeps them nowhere. timeout: overrides every operation's own, in s."""
        sessions = sessions if sessions is not None else Sessions()
        self._stage, self._timeout = stage, timeout
        self._ordinary, self._urgent = Caller(8, "call"), Caller(4, "urgent")
        routes = [
            *(Route(row.path, self._endpoint(row), methods=[row.method]) for row in OPERATIONS),
            Route("/v1/openapi.json", _openapi),
            WebSocketRoute("/v1/events", self._listen),
            *Site(sessions, port).routes,
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _no_such_thing})
        self.asgi = Guard(app, port, token, sessions)
        self.events = Events(stage, self._ordinary, self.asgi.is_token, self.asgi.is_page_key)

    def close(self) -> None:
        """Gives the threads back."""
        self._ordinary.close()
        self._urgent.close()

    async def _listen(self, websocket: WebSocket) -> None:
        await self.events.serve(websocket)

    def _endpoint(self, row: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                body = await _body(request, row.body) if row.body is not None else None
                answer = await self._call(row, body)
                return JSONResponse(answer)
            except _RefusalError as refused:
                return refusal(refused.status, refused.sentence)
            except Exception:
                _log.exception("%s failed", row.id)
                return refusal(500, "The daemon failed at this; its log says more.")

        return endpoint

    async def _call(self, row: Operation, body: Any) -> Any:
        caller = self._urgent if row.urgent else self._ordinary
        timeout = row.timeout if self._timeout is None else self._timeout
        try:
            answer = await caller.call(lambda: row.call(self._stage, body), timeout)
        except PortraitError as error:
            raise _RefusalError(409, str(error)) from error
        except TimeoutError as error:
            raise _RefusalError(
                503, f"The daemon did not do this within {timeout:g} s; see `obs-portrait status`."
            ) from error
        except BusyError as error:
            raise _RefusalError(503, "The daemon is busy: too many calls hang; see `obs-portrait status`.") from error
        if row.method != "GET":
            self.events.poke()
        return answer


async def _body(request: Request, model: type[BaseModel]) -> BaseModel:
    """The checked body; an empty one is an object without entries."""
    content = await _read(request)
    if content:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise _RefusalError(415, "The body must be JSON, with 'Content-Type: application/json'.")
    try:
        return model.model_validate_json(content or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(f"'{name}'" for name in model.model_fields)
        needs = f" It may have {known}." if known else " It has no entries."
        raise _RefusalError(
            422, f"The body is wrong{f' at {where!r}' if where else ''}: {first['msg']}.{needs}"
        ) from error


async def _read(request: Request) -> bytes:
    """The body, unless it is too large or too slow."""
    content = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for part in request.stream():
                content += part
                if len(content) > LARGEST_BODY:
                    raise _RefusalError(413, f"The body is larger than {LARGEST_BODY // 1024} KiB.")
    except TimeoutError as error:
        raise _RefusalError(408, f"The body did not come within {_BODY_S:g} s.") from error
    except ClientDisconnect as error:
        raise _RefusalError(400, "The body is not whole.") from error
    return bytes(content)


async def _openapi(request: Request) -> Response:
    return Response(json.dumps(schema(), indent=1), media_type="application/json")


async def _no_such_thing(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return refusal(404, "There is nothing at this address; /v1/openapi.json lists what there is.")
    if status == 405:
        answer = refusal(405, f"{request.method} cannot be used here; /v1/openapi.json lists what can.")
        answer.headers["Allow"] = ", ".join(row.method for row in OPERATIONS if row.path == request.url.path) or "GET"
        return answer
    return refusal(status, "This cannot be served.")
