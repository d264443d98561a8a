"""The ASGI application: the table of operations, served."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute, compile_path
from starlette.websockets import WebSocket

from daemon.control.answering import answer_of
from daemon.control.asking import RefusalError, check, place, read
from daemon.control.caller import BusyError, Caller
from daemon.control.events import Events
from daemon.control.guard import Guard, refusal
from daemon.control.limits import Bucket
from daemon.control.openapi import schema
from daemon.control.operation import LARGEST_BODY, Operation
from daemon.control.operations import OPERATIONS
from daemon.control.sessions import Sessions
from daemon.control.site import Site
from daemon.control.stage import Stage
from daemon.memory import give_back
from obs_portrait.errors import ControlError, PortraitError

__all__ = ["ControlApp"]

_UPLOADS: Final = 2
"""At once: each holds a picture in memory."""
TURN_S: Final = 10.0
"""Others wait for so long."""
_TIDY_S: Final = 5.0
"""After an upload, which is done with by then, its memory is given back."""
_BUSY: Final = "The daemon is busy: too many calls hang; see `obs-portrait status`."
_OLD_SESSION: Final = (
    "This page signed in before OBS Portrait started, and is not shown the camera: open it anew with "
    "`obs-portrait dock --open`, or type the code of `obs-portrait dock` under Settings."
)
_log = logging.getLogger(__name__)


class ControlApp:
    """`asgi` serves the stage on `port` to who has `token`.

    Calls into the stage run in threads of three pools: 8 for everything, 4 more for what is urgent, and 16 for what is
    slow even if all is well.
    """

    def __init__(
        self, stage: Stage, token: str, port: int, *, sessions: Sessions | None = None, timeout: float | None = None
    ) -> None:
        """sessions: of the page; None keeps them nowhere. timeout: overrides every operation's own, in s."""
        sessions = sessions if sessions is not None else Sessions()
        self._stage, self._timeout = stage, timeout
        self._ordinary, self._urgent, self._slow = Caller(8, "call"), Caller(4, "urgent"), Caller(16, "slow")
        self._rates = {row.id: Bucket(row.per_second, row.per_second) for row in OPERATIONS if row.per_second}
        self._uploads = asyncio.Semaphore(_UPLOADS)
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
        self._slow.close()

    async def _listen(self, websocket: WebSocket) -> None:
        await self.events.serve(websocket)

    def _endpoint(self, row: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                where = place(request, row.parameters)
                bucket = self._rates.get(row.id)
                if bucket is not None and not bucket.take():
                    raise RefusalError(429, "Too many requests; wait a second.")
                body = await self._body(request, row) if row.body is not None else None
                if request.state.old and row.private(body):
                    raise RefusalError(403, _OLD_SESSION, sign_in=True)
                return answer_of(row, await self._call(row, body, where))
            except RefusalError as refused:
                return refusal(refused.status, refused.sentence, sign_in=refused.sign_in)
            except Exception:
                _log.exception("%s failed", row.id)
                return refusal(500, "The daemon failed at this; its log says more.")

        return endpoint

    async def _body(self, request: Request, row: Operation) -> BaseModel:
        model = row.body or BaseModel
        if row.largest <= LARGEST_BODY:
            return check(await read(request), model)
        try:
            async with asyncio.timeout(TURN_S):  # meanwhile what is sent stays with the sender
                await self._uploads.acquire()
        except TimeoutError as error:
            raise RefusalError(429, "Other pictures are being sent; wait until they are done.") from error
        try:
            content = await read(request, row.largest)
            checked = await self._slow.call(lambda: check(content, model), row.timeout)  # megabytes: not in this loop
        except BusyError as error:
            raise RefusalError(503, _BUSY) from error
        finally:
            self._uploads.release()
            asyncio.get_running_loop().call_later(_TIDY_S, give_back)
        return cast(BaseModel, checked)

    async def _call(self, row: Operation, body: Any, where: tuple[Any, ...]) -> Any:
        caller = self._urgent if row.urgent else self._slow if row.slow else self._ordinary
        timeout = row.timeout if self._timeout is None else self._timeout
        try:
            answer = await caller.call(lambda: row.carry_out(self._stage, body, where), timeout)
        except PortraitError as error:
            raise RefusalError(_status(error), str(error)) from error
        except TimeoutError as error:
            raise RefusalError(
                503, f"The daemon did not do this within {timeout:g} s; see `obs-portrait status`."
            ) from error
        except BusyError as error:
            raise RefusalError(503, _BUSY) from error
        if row.method != "GET":
            self.events.poke()
        return answer


def _status(error: PortraitError) -> int:
    """A refusal's own status where it has one."""
    said = error.status if isinstance(error, ControlError) else None
    return said if said is not None and 400 <= said < 500 else 409


async def _openapi(request: Request) -> Response:
    return Response(json.dumps(schema(), indent=1), media_type="application/json")


async def _no_such_thing(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return refusal(404, "There is nothing at this address; /v1/openapi.json lists what there is.")
    if status == 405:
        answer = refusal(405, f"{request.method} cannot be used here; /v1/openapi.json lists what can.")
        answer.headers["Allow"] = ", ".join(_allowed(request)) or "GET"
        return answer
    return refusal(status, "This cannot be served.")


def _allowed(request: Request) -> list[str]:
    """Methods that can be used at the request's path."""
    return [
        method.upper()
        for path, methods in schema()["paths"].items()
        if compile_path(path)[0].fullmatch(request.url.path)
        for method in methods
    ]
