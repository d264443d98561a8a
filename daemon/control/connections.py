"""How connections that are of no use end: strangers', silent ones, endless ones, too many of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto.utilities import LocalProtocolError

from daemon.control.peer import Peers

__all__ = ["Doorstep", "Protocol", "WebSocket"]

_PATIENCE_S: Final = 10.0
_MOST_CONNECTIONS: Final = 150
_MOST_UNHEARD: Final = 32 * 1024 * 1024
"""Bytes of a refused body that are thrown away before the connection is cut: whoever is cut off while they speak does
not hear the answer."""
_FAREWELL_S: Final = 1.0
_MOST_STRANGERS: Final = 16
_STRANGER: Final = json.dumps(
    {"error": "Only programs of the user who runs OBS Portrait may use it, and this one is another user's."}
).encode()
_SENT_AWAY: Final = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n"
    b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n%s" % (len(_STRANGER), _STRANGER)
)


class Doorstep:
    """Other users' programs come so far and no further: each is told one sentence, and nothing of it is read.

    peers: tells who they are. They count among no connections, and only a few are listened out at a time.
    """

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._leaving: dict[asyncio.Transport, asyncio.TimerHandle] = {}

    def sends_away(self, transport: asyncio.Transport) -> bool:
        """Whether somebody who has just come may not come in; that has been seen to, then."""
        if not self._peers.stranger(transport.get_extra_info("peername"), transport.get_extra_info("sockname")):
            return False
        transport.set_protocol(_Leaving(self, transport))
        while len(self._leaving) >= _MOST_STRANGERS:
            self._end(next(iter(self._leaving)))
        self._leaving[transport] = asyncio.get_running_loop().call_later(_FAREWELL_S, self._end, transport)
        transport.write(_SENT_AWAY)
        with contextlib.suppress(OSError):  # it has left already
            transport.write_eof()
        return True

    def close(self) -> None:
        """Nobody is left standing there."""
        for transport in list(self._leaving):
            self._end(transport)

    def left(self, transport: asyncio.Transport) -> None:
        """One has gone."""
        timer = self._leaving.pop(transport, None)
        if timer is not None:
            timer.cancel()

    def _end(self, transport: asyncio.Transport) -> None:
        self.left(transport)
        transport.abort()


class _Leaving(asyncio.Protocol):
    """Hears nothing. Who is cut off while they speak would not hear the sentence: they may speak for a moment."""

    def __init__(self, doorstep: Doorstep, transport: asyncio.Transport) -> None:
        self._doorstep, self._transport = doorstep, transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._doorstep.left(self._transport)


class Protocol(H11Protocol):
    """Lets strangers not in (`Doorstep`). Closes a connection on which no request begins for 10 to 20 s, however slowly
    bytes drip in; one that goes on with a body long after it was answered; and, when there are too many, those that
    have shown nothing that opens the API, then those that are idle, the oldest first: who opens hundreds locks nobody
    out."""

    _unheard = 0
    _since = 0.0
    _last: object = None
    _timer: asyncio.TimerHandle | None = None

    def __init__(self, doorstep: Doorstep, **options: Any) -> None:
        super().__init__(**options)
        self._doorstep = doorstep

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if self._doorstep.sends_away(transport):
            return
        super().connection_made(transport)
        self._since = self.loop.time()
        self._timer = self.loop.call_later(_PATIENCE_S, self._look)
        if len(self.connections) > _MOST_CONNECTIONS:
            others = [one for one in self.connections if isinstance(one, Protocol) and one is not self]
            useless = [one for one in others if one.is_idle() or not one.is_known()]
            useless.sort(key=lambda one: (one.is_known(), one._since))
            for one in useless[: len(self.connections) - _MOST_CONNECTIONS]:
                one.transport.abort()

    def is_idle(self) -> bool:
        """Whether nothing is being answered."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def is_known(self) -> bool:
        """Whether the last request showed the token or a page's session (`guard`)."""
        state: dict[str, Any] = self.scope.get("state", {}) if self.scope is not None else {}
        return bool(state.get("authorised"))

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._since = self.loop.time()
        answered = self.cycle is not None and self.cycle.response_complete
        self._unheard = self._unheard + len(data) if answered and self.conn.their_state is h11.SEND_BODY else 0
        if self._unheard > _MOST_UNHEARD:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._timer is not None:  # it would keep all of this alive
            self._timer.cancel()

    def _look(self) -> None:
        if self.transport.is_closing() or self.transport.get_protocol() is not self:  # a WebSocket by now
            return
        if self._last is self.cycle and self.is_idle():
            self.transport.abort()
            return
        self._last = self.cycle
        self._timer = self.loop.call_later(_PATIENCE_S, self._look)


class WebSocket(WSProtocol):
    """One whose browser has just left can be shut down too; uvicorn's own raises, and the others are left open."""

    def shutdown(self) -> None:
        with contextlib.suppress(LocalProtocolError):
            super().shutdown()
            return
        self.transport.close()
