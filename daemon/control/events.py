"""The WebSocket /v1/events: what changes is pushed to who listens.

Messages to the listener are {"event": "status" | "personas" | "bindings" | "problem", "data": …}: the shapes of the
GET requests of the same name; for "problem" a sentence about one of them that cannot be told, null when all of them can
again. A listener that is slow gets the newest of each kind. It says nothing itself but, as a page that cannot send
headers, {"token": "…"} first, or {"key": "…"}: its page key.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from daemon.control.caller import BusyError, Caller
from daemon.control.jsontext import as_json
from daemon.control.stage import Stage
from obs_portrait.errors import PortraitError

__all__ = ["Events"]

_TOPICS: Final = ("status", "personas", "bindings")
_LISTENERS: Final = 32
_WAITING: Final = 8
"""Strangers at once of whom it is not yet known whether they may listen."""
_WAITING_OF_ONE: Final = 4
"""Of each signed-in browser: strangers take no place from it, nor it from the others."""
_TOKEN_S: Final = 3.0
_SEND_S: Final = 10.0
_LOOK_S: Final = 3.0
_AGAIN: Final = 20
"""Of so many looks one is at everything, the others are at the status."""
_log = logging.getLogger(__name__)


class _Listener:
    """A mailbox that holds the newest message of each kind."""

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}
        self._some = asyncio.Event()

    def put(self, topic: str, text: str) -> None:
        self._waiting[topic] = text
        self._some.set()

    async def take(self) -> list[str]:
        await self._some.wait()
        self._some.clear()
        waiting, self._waiting = self._waiting, {}
        return list(waiting.values())


class Events:
    """Looks at the stage while somebody listens, and passes on what differs from the last look.

    interval: s between two looks at the status; personas and bindings are looked at every 20th time, or when told.
    """

    def __init__(
        self,
        stage: Stage,
        caller: Caller,
        is_token: Callable[[str], bool],
        is_page_key: Callable[[Scope, str], bool],
        interval: float = 0.25,
    ) -> None:
        self._stage, self._caller, self._interval = stage, caller, interval
        self._is_token, self._is_page_key = is_token, is_page_key
        self._listeners: set[_Listener] = set()
        self._waiting: Counter[str] = Counter()
        self._last: dict[str, str] = {}
        self._problems: dict[str, str] = {}
        """Topics that cannot be told, and why."""
        self._due: set[str] = set()
        self._poked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def poke(self) -> None:
        """Something changed: look at everything at once. In the event loop's thread."""
        self._due.update(_TOPICS)
        self._poked.set()

    async def serve(self, websocket: WebSocket) -> None:
        """One listener, from the handshake to the end."""
        cookie: str = websocket.state.cookie or ""
        crowded = self._waiting[cookie] >= (_WAITING_OF_ONE if cookie else _WAITING)
        if len(self._listeners) >= _LISTENERS or (crowded and not websocket.state.authorised):
            await websocket.close(1013)
            return
        await websocket.accept()
        still: Callable[[], bool] | None = (lambda: True) if websocket.state.authorised else None
        if still is None:
            still = await self._identified(websocket, cookie)
        if still is None:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await websocket.close(4401, "the token is missing or wrong")
            return
        listener = _Listener()
        for topic, text in self._last.items():
            if self._task is not None:  # otherwise they are from the last time that somebody listened
                listener.put(topic, text)
        self._listeners.add(listener)
        if self._task is None:
            self._last.clear()
            self._problems.clear()
            self.poke()
            self._task = asyncio.create_task(self._look())
        try:
            await self._talk(websocket, listener, still)
        finally:
            self._listeners.discard(listener)
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _identified(self, websocket: WebSocket, cookie: str) -> Callable[[], bool] | None:
        """What tells whether it may go on listening; None if it may not begin. cookie: of a browser that is signed
        in."""
        self._waiting[cookie] += 1
        try:
            async with asyncio.timeout(_TOKEN_S):
                said = json.loads(await websocket.receive_text())
        except (TimeoutError, WebSocketDisconnect, ValueError, KeyError, RecursionError):
            return None
        finally:
            self._waiting[cookie] -= 1
            self._waiting += Counter()  # who waits no more is forgotten
        token, key = (said.get("token"), said.get("key")) if isinstance(said, dict) else (None, None)
        if isinstance(token, str):
            return (lambda: True) if self._is_token(token) else None
        if isinstance(key, str) and self._is_page_key(websocket.scope, key):
            return lambda: self._is_page_key(websocket.scope, key)  # until that page is signed out
        return None

    async def _talk(self, websocket: WebSocket, listener: _Listener, still: Callable[[], bool]) -> None:
        """Sends until either side ends it, or the listener may no longer listen."""
        ended = asyncio.create_task(_until_it_leaves(websocket))
        try:
            while not ended.done():
                taken = asyncio.create_task(listener.take())
                await asyncio.wait({taken, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not taken.done():
                    taken.cancel()
                    return
                if not still():
                    await websocket.close(4401, "signed out")
                    return
                for text in taken.result():
                    async with asyncio.timeout(_SEND_S):
                        await websocket.send_text(text)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            return
        finally:
            ended.cancel()

    # ---- looking -------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        count = 0
        while True:
            self._due.add("status")
            if count % _AGAIN == 0:
                self._due.update(_TOPICS)
            count += 1
            due, self._due = self._due, set()
            for topic in _TOPICS:
                if topic in due:
                    await self._look_at(topic)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._poked.wait()
            self._poked.clear()

    async def _look_at(self, topic: str) -> None:
        ask: Callable[[], Any] = {
            "status": self._stage.status,
            "personas": lambda: {"personas": self._stage.personas()},
            "bindings": lambda: {"bindings": self._stage.bindings()},
        }[topic]
        try:
            self._tell(topic, await self._caller.call(ask, _LOOK_S))
        except PortraitError as error:
            self._problems[topic] = str(error)
        except (TimeoutError, BusyError):
            self._problems[topic] = f"The daemon did not tell its {topic} in time."
        except Exception:
            _log.exception("the daemon could not tell its %s", topic)
            self._problems[topic] = f"The daemon failed to tell its {topic}; its log says more."
        else:
            self._problems.pop(topic, None)
        problem = next((self._problems[one] for one in _TOPICS if one in self._problems), None)
        if problem is not None or "problem" in self._last:  # that all is well needs no telling at first
            self._tell("problem", problem)

    def _tell(self, topic: str, data: Any) -> None:
        text = as_json({"event": topic, "data": data})
        if self._last.get(topic) == text:
            return
        self._last[topic] = text
        for listener in self._listeners:
            listener.put(topic, text)


async def _until_it_leaves(websocket: WebSocket) -> None:
    """Reads and ignores what a listener says; ends when it goes."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
