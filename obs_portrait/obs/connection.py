"""One connection to obs-websocket: handshake by obsws-python, traffic by us.

obsws-python's own request client takes the next message for the answer to its request whatever it is, is not safe
from several threads, never reconnects, and logs the password. So it does here what it does well, the handshake with
its authentication (obs-websocket 5 protocol, "Connecting to obs-websocket"), with its logger shut; requests and
events go over the same socket, read by one thread, and every reply is matched by its `requestId`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from obs_portrait.clock import now_ns
from obs_portrait.errors import ObsError
from obs_portrait.obs.address import Address

__all__ = ["ALL_EVENTS", "Connection"]

ALL_EVENTS: Final = (1 << 11) - 1
"""EventSubscription::All: everything but the high-volume events."""
_EVENT, _REIDENTIFY, _REQUEST, _RESPONSE = 5, 3, 6, 7
_POLL_S: Final = 1.0
_QUIET_S: Final = 5.0
"""After so long without a word the link is tried with a request; after twice that it counts as broken."""
_MOST_BYTES: Final = 64 << 20
_CHANGING, _CHANGED = "CurrentSceneCollectionChanging", "CurrentSceneCollectionChanged"
_CHANGE_S: Final = 20.0
"""A change of the collection whose end is not told within so long is taken for over."""
_NOT_READY: Final = 207
"""RequestStatus::NotReady."""


class _Reply:
    """What a caller waits for: an answer, or the end of the link."""

    __slots__ = ("arrived", "data", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.arrived = threading.Event()
        self.data: dict[str, Any] | None = None


class Connection:
    """An open and identified link. `read()` must run in one thread until it returns; `request` may be called by any.

    on_event(name, data, received_ns) is called from the reading thread and must return quickly.
    """

    def __init__(self, address: Address, timeout: float = 3.0) -> None:
        """Connects and identifies. Raises `ObsError` with one sentence."""
        self.address = address
        self._ws = _handshake(address, timeout)
        self._ws.settimeout(_POLL_S)
        self._numbers = itertools.count(1)
        self._replies: dict[str, _Reply] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._calm = threading.Event()
        self._calm.set()
        self._change_began = 0.0
        self.subscriptions = ALL_EVENTS

    @property
    def closed(self) -> bool:
        """True once the link has ended; it never comes back, make another."""
        return self._closed

    def request(self, kind: str, data: Mapping[str, Any] | None = None, timeout: float = 3.0) -> dict[str, Any]:
        """Asks OBS and waits for its answer, at most `timeout` s. Raises `ObsError`.

        While OBS changes its scene collection nothing is asked: the protocol's description of
        CurrentSceneCollectionChanging calls that undefined, and 29.0.2 crashes. It is waited for, at most as long
        again.
        """
        self._wait_for_calm(kind, timeout)
        number = str(next(self._numbers))
        reply = _Reply(kind)
        with self._lock:
            if self._closed:
                raise ObsError(f"OBS closed before it could be asked for {kind}.")
            self._replies[number] = reply
        try:
            self._send(_REQUEST, {"requestType": kind, "requestId": number, "requestData": dict(data or {})})
            if not reply.arrived.wait(timeout):
                raise ObsError(f"OBS did not answer {kind} within {timeout:g} s.")
        finally:
            with self._lock:
                self._replies.pop(number, None)
        if reply.data is None:
            raise ObsError(f"OBS closed while it was asked for {kind}.")
        return _outcome(kind, reply.data)

    def _wait_for_calm(self, kind: str, timeout: float) -> None:
        if self._calm.wait(timeout):
            return
        if time.monotonic() - self._change_began < _CHANGE_S:
            raise ObsError(f"OBS changes its scene collection and cannot be asked for {kind} now.", _NOT_READY)
        self._calm.set()

    def subscribe(self, mask: int) -> None:
        """Asks for other events (an EventSubscription mask)."""
        self.subscriptions = mask
        self._send(_REIDENTIFY, {"eventSubscriptions": mask})

    def read(self, on_event: Callable[[str, dict[str, Any], int], None]) -> str:
        """Reads until the link ends, and returns why, as a sentence."""
        import websocket

        heard, asked = time.monotonic(), False
        why = "OBS closed the connection."
        while not self._closed:
            try:
                text = self._ws.recv()
            except websocket.WebSocketTimeoutException:
                if not self._calm.is_set() and time.monotonic() - self._change_began < _CHANGE_S:
                    continue
                quiet = time.monotonic() - heard
                if quiet > 2 * _QUIET_S:
                    why = f"OBS has not said a word for {quiet:.0f} s."
                    break
                if quiet > _QUIET_S and not asked:
                    asked = True
                    self._poke()
                continue
            except (OSError, ValueError, websocket.WebSocketException):
                break
            received_ns = now_ns()
            if not text:
                break
            heard, asked = time.monotonic(), False
            self._acknowledge()
            self._take(text, on_event, received_ns)
        self.close()
        return why

    def _acknowledge(self) -> None:
        """An unsolicited pong (RFC 6455, 5.5.3), for the TCP acknowledgement that it carries.

        OBS sends each event by itself and leaves Nagle's algorithm on: the second of two small packets waits for the
        acknowledgement of the first, which our system delays by 40 ms (Linux) to 200 ms (Windows) unless something is
        sent. Measured here: scene change to event 40 ms without it, 2 ms with it.
        """
        with contextlib.suppress(Exception):
            self._ws.pong(b"")

    def _poke(self) -> None:
        try:
            self._send(_REQUEST, {"requestType": "GetVersion", "requestId": "poke", "requestData": {}})
        except ObsError:
            return

    def _take(self, text: str | bytes, on_event: Callable[[str, dict[str, Any], int], None], now: int) -> None:
        if len(text) > _MOST_BYTES:
            return
        try:
            message = json.loads(text)
            op, data = message["op"], message["d"]
            if op == _RESPONSE:
                with self._lock:
                    reply = self._replies.get(str(data["requestId"]))
                if reply is not None:
                    reply.data = data
                    reply.arrived.set()
            elif op == _EVENT:
                given, name = data.get("eventData"), str(data["eventType"])
                if name == _CHANGING:
                    self._change_began = time.monotonic()
                    self._calm.clear()
                elif name == _CHANGED:
                    self._calm.set()
                on_event(name, given if isinstance(given, dict) else {}, now)
        except (KeyError, TypeError, ValueError, AttributeError):
            logging.getLogger(__name__).warning("OBS sent something that is not obs-websocket 5; it was ignored.")

    def _send(self, op: int, data: dict[str, Any]) -> None:
        import websocket

        try:
            self._ws.send(json.dumps({"op": op, "d": data}))
        except (OSError, websocket.WebSocketException):
            self.close()
            raise ObsError("OBS closed the connection.") from None

    def close(self) -> None:
        """Ends the link; everybody who waits for an answer is told. May be called twice, from any thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waiting = list(self._replies.values())
        self._calm.set()
        for reply in waiting:
            reply.arrived.set()
        self._ws.shutdown()


def _outcome(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    status = data.get("requestStatus")
    if not isinstance(status, dict) or not isinstance(status.get("code"), int):
        raise ObsError(f"OBS answered {kind} with something that is not obs-websocket 5.")
    if not status.get("result"):
        comment = str(status.get("comment") or "").strip().rstrip(".")
        raise ObsError(
            f"OBS refuses {kind}: {comment or _CODES.get(status['code'], 'no reason given')}.", status["code"]
        )
    answer = data.get("responseData")
    return answer if isinstance(answer, dict) else {}


_CODES: Final = {
    203: "it took too long",
    204: "this OBS does not know it, it is too old",
    207: "OBS is not ready, it is starting, closing or changing its scene collection",
    500: "the output runs already",
    501: "the output does not run",
    502: "the output is paused",
    503: "the output is not paused",
    600: "there is nothing by that name",
    601: "there is something by that name already",
    604: "it is in a state that does not allow that",
    605: "there is no such kind of input here",
    700: "it failed to be made",
    702: "it failed inside OBS",
    703: "OBS cannot do that in its present state",
}
"""RequestStatus codes that come without a comment."""


def _handshake(address: Address, timeout: float) -> Any:
    import websocket
    from obsws_python.baseclient import ObsClient
    from obsws_python.error import OBSSDKError

    logging.getLogger("obsws_python").disabled = True
    logging.getLogger(f"{ObsClient.__module__}.{ObsClient.__name__}").disabled = True  # it logs the password at INFO
    where = str(address)
    try:
        link = ObsClient(
            host=f"[{address.host}]" if ":" in address.host else address.host,
            port=address.port, password=address.password.reveal(), subs=ALL_EVENTS, timeout=timeout,
        )  # fmt: skip
    except ConnectionRefusedError:
        raise ObsError(_closed(address)) from None
    except (TimeoutError, websocket.WebSocketTimeoutException):
        raise ObsError(
            f"What listens at {where} does not greet as obs-websocket 5 does: OBS 28 or later is needed, or the port "
            "belongs to another program."
        ) from None
    except (OSError, ValueError, websocket.WebSocketException) as error:
        raise ObsError(
            f"OBS cannot be reached at {where} ({type(error).__name__}): is that obs-websocket's address and port?"
        ) from None
    try:
        hello = link.server_hello.get("d") if isinstance(link.server_hello, dict) else None
        if not isinstance(hello, dict) or not isinstance(hello.get("rpcVersion"), int):
            raise ObsError(f"What listens at {where} is not obs-websocket 5: OBS 28 or later is needed.")
        if hello.get("authentication") and not address.password:
            raise ObsError(
                f"OBS at {where} asks for a password: copy it from Tools > WebSocket Server Settings > Show Connect "
                "Info, and type: obs-portrait obs password"
            )
        try:
            link.authenticate()
        except (OBSSDKError, KeyError, TypeError, OSError, ValueError, websocket.WebSocketException):
            if hello.get("authentication"):
                raise ObsError(
                    f"OBS at {where} does not accept the password{_from(address)}: copy it from Tools > WebSocket "
                    "Server Settings > Show Connect Info, and type: obs-portrait obs password"
                ) from None
            raise ObsError(f"OBS at {where} did not finish the greeting; it may be closing.") from None
    except BaseException:
        link.ws.shutdown()
        raise
    return link.ws


def _closed(address: Address) -> str:
    return (
        f"Nobody listens at {address}: start OBS, and switch on Tools > WebSocket Server Settings > Enable WebSocket "
        "server."
    )


def _from(address: Address) -> str:
    return f" from {address.found_in}" if address.found_in else ""
