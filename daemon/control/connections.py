"""How connections to the control API end that are of no use: silent ones, endless ones, too many of them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto.utilities import LocalProtocolError

__all__ = ["Protocol", "WebSocket"]

_PATIENCE_S: Final = 10.0
_MOST_CONNECTIONS: Final = 150
_MOST_UNHEARD: Final = 32 * 1024 * 1024
"""Bytes of a refused body that are thrown away before the connection is cut: whoever is cut off while they speak does
not hear the answer."""


class Protocol(H11Protocol):
    """Closes a connection on which no request begins for 10 to 20 s, however slowly bytes drip in; one that goes on
    with a body long after it was answered; and, when there are too many, the one that has asked for nothing for
    longest: who opens hundreds locks nobody out."""

    _unheard = 0
    _since = 0.0
    _last: object = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        self._timer = self.loop.call_later(_PATIENCE_S, self._look)
        if len(self.connections) > _MOST_CONNECTIONS:
            idle = [one for one in self.connections if isinstance(one, Protocol) and one is not self and one.is_idle()]
            for one in sorted(idle, key=lambda one: one._since)[: len(self.connections) - _MOST_CONNECTIONS]:
                one.transport.abort()

    def is_idle(self) -> bool:
        """Whether nothing is being answered."""
        return self.cycle is None or bool(self.cycle.response_complete)

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
