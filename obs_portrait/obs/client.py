"""The client: one link to OBS for ever, whatever OBS does meanwhile."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from obs_portrait.errors import ObsError, PortraitError
from obs_portrait.obs.address import Address
from obs_portrait.obs.connection import ALL_EVENTS, Connection

__all__ = ["LINK_DOWN", "LINK_UP", "Arrival", "ObsClient", "ObsEvent"]

LINK_UP: Final = "LinkUp"
"""An event of our own: connected and identified. `data` is OBS's answer to GetVersion."""
LINK_DOWN: Final = "LinkDown"
"""An event of our own: the link fell. `data["why"]` is a sentence."""
_HIGH_VOLUME: Final = {
    "InputVolumeMeters": 1 << 16,
    "InputActiveStateChanged": 1 << 17,
    "InputShowStateChanged": 1 << 18,
    "SceneItemTransformChanged": 1 << 19,
}
_LOCAL_S: Final = 1.0
"""An OBS of this machine that is away is looked for so often: it may have crashed, and is back in seconds."""
_PATIENT: Final = 60
_QUIET_S: Final = 2.0
"""After so many looks in vain they are rarer: nobody runs OBS now."""
_FAR_S: Final = 10.0
_ROOM: Final = 200
"""High-volume events are dropped while more than so many wait: a slow handler must not make scene changes late."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ObsEvent:
    """name and data as in the obs-websocket 5 protocol; received_ns on the monotonic clock of `pipeline.clock`."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    received_ns: int = 0


class Arrival:
    """An event that somebody waits for; see `ObsClient.expect`."""

    def __init__(self, name: str, predicate: Callable[[ObsEvent], bool] | None) -> None:
        self._name, self._predicate = name, predicate
        self._done = threading.Event()
        self._event: ObsEvent | None = None

    def offer(self, event: ObsEvent) -> None:
        """Called by the client for every event, and for the end of the link."""
        if event.name == LINK_DOWN:
            self._done.set()
        elif event.name == self._name and self._event is None and (self._predicate is None or self._predicate(event)):
            self._event = event
            self._done.set()

    def wait(self, timeout: float) -> ObsEvent:
        """The event. Raises `ObsError` if it does not come within `timeout` s or the link falls before."""
        if not self._done.wait(timeout):
            raise ObsError(f"OBS did not report {self._name} within {timeout:g} s.")
        if self._event is None:
            raise ObsError(f"OBS closed before it reported {self._name}.")
        return self._event


class ObsClient:
    """Requests and events of one OBS. All methods may be called from any thread.

    address: where OBS is, or a function that finds out; a function is asked again before every attempt, so that a
    changed port or password is noticed without a restart. It may raise `PortraitError`; its sentence is `problem`
    until the next attempt.
    """

    def __init__(self, address: Address | Callable[[], Address], *, timeout: float = 3.0) -> None:
        self._find = address if callable(address) else lambda: address
        self._timeout = timeout
        self._connection: Connection | None = None
        self._version: dict[str, Any] = {}
        self._handlers: list[tuple[Callable[[ObsEvent], None], frozenset[str]]] = []
        self._arrivals: list[Arrival] = []
        self._lock = threading.Lock()
        self._up = threading.Event()
        self._stop = threading.Event()
        self._events: queue.SimpleQueue[ObsEvent | None] = queue.SimpleQueue()
        self._keeper = threading.Thread(target=self._keep, name="obs link", daemon=True)
        self._dispatcher = threading.Thread(target=self._dispatch, name="obs events", daemon=True)
        self.problem: str | None = "OBS has not been tried yet."
        """Why there is no link now, in one sentence; None while there is one."""
        self.links = 0
        """How often a link has come about."""

    # ---- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to connect, and goes on for ever."""
        self._dispatcher.start()
        self._keeper.start()

    def close(self) -> None:
        """Ends link and threads. May be called twice, and without `start`."""
        self._stop.set()
        connection = self._connection
        if connection is not None:
            connection.close()
        if self._keeper.is_alive():
            self._keeper.join(self._timeout + 2)
        self._events.put(None)
        if self._dispatcher.is_alive() and threading.current_thread() is not self._dispatcher:
            self._dispatcher.join(2)

    def __enter__(self) -> ObsClient:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ObsClient({'connected' if self.connected else self.problem})"

    @property
    def connected(self) -> bool:
        """True while requests can be answered."""
        return self._up.is_set()

    def wait_connected(self, timeout: float) -> bool:
        """Waits until there is a link, at most `timeout` s."""
        return self._up.wait(timeout)

    @property
    def version(self) -> Mapping[str, Any]:
        """OBS's answer to GetVersion: obsVersion, obsWebSocketVersion, availableRequests, platform …; or empty."""
        return self._version

    def supports(self, kind: str) -> bool:
        """Does this OBS know the request?"""
        return kind in self._version.get("availableRequests", ())

    # ---- use -----------------------------------------------------------------------------------------------------

    def request(self, kind: str, data: Mapping[str, Any] | None = None, timeout: float | None = None) -> dict[str, Any]:
        """OBS's answer (`responseData`) to a request, both as in the obs-websocket 5 protocol.

        Raises `ObsError` if there is no link, no answer in time, or a refusal (then with its `code`).
        """
        connection = self._connection
        if connection is None or not self._up.is_set():
            raise ObsError(self.problem or "OBS is not connected.")
        return connection.request(kind, data, timeout or self._timeout)

    def subscribe(self, handler: Callable[[ObsEvent], None], *names: str) -> Callable[[], None]:
        """`handler` is called for each event of these names (all but the high-volume ones if none is given).

        One dispatcher thread calls all handlers, in the order of the events; what one raises is logged and the rest
        go on. Returns a function that ends the subscription.
        """
        entry = (handler, frozenset(names))
        with self._lock:
            self._handlers.append(entry)
        self._resubscribe()

        def end() -> None:
            with self._lock, contextlib.suppress(ValueError):
                self._handlers.remove(entry)
            self._resubscribe()

        return end

    @contextlib.contextmanager
    def expect(self, name: str, predicate: Callable[[ObsEvent], bool] | None = None) -> Iterator[Arrival]:
        """`with client.expect("ReplayBufferSaved") as arrival: client.request("SaveReplayBuffer"); arrival.wait(10)`:
        an event that comes before the request is answered is not missed."""
        arrival = Arrival(name, predicate)
        with self._lock:
            self._arrivals.append(arrival)
        try:
            yield arrival
        finally:
            with self._lock:
                self._arrivals.remove(arrival)

    # ---- the keeper's thread -------------------------------------------------------------------------------------

    def _keep(self) -> None:
        failures = 0
        while not self._stop.is_set():
            local = True
            try:
                address = self._find()
                local = address.local
                connection = Connection(address, self._timeout)
            except PortraitError as error:
                self.problem = str(error)
            except Exception as error:  # a surprise of a library is no reason to stop trying
                self.problem = f"OBS cannot be reached ({type(error).__name__}: {error})."
            else:
                if self._serve(connection):
                    failures = 0
            if not self._stop.is_set():
                failures += 1
                most = (_LOCAL_S if failures < _PATIENT else _QUIET_S) if local else _FAR_S
                self._stop.wait(min(0.2 * 1.6 ** min(failures, 20), most))

    def _serve(self, connection: Connection) -> bool:
        """Lives with one link until it ends. False if it was never of use."""
        greeter = threading.Thread(target=self._greet, args=(connection,), name="obs greeting", daemon=True)
        self._connection = connection
        if self._stop.is_set():
            connection.close()
        greeter.start()
        why = connection.read(self._heard)
        greeter.join(self._timeout + 1)
        was_up = self._up.is_set()
        self._up.clear()
        self._connection = None
        self.problem = why
        if was_up:
            self._publish(ObsEvent(LINK_DOWN, {"why": why}))
        return was_up

    def _greet(self, connection: Connection) -> None:
        """The first request, by a thread of its own because the keeper's is the one that reads the answer."""
        try:
            self._version = connection.request("GetVersion", timeout=self._timeout)
            mask = self._mask()
            if mask != connection.subscriptions:
                connection.subscribe(mask)
        except ObsError:
            connection.close()
            return
        self.links += 1
        self.problem = None
        self._up.set()
        self._publish(ObsEvent(LINK_UP, dict(self._version)))

    def _mask(self) -> int:
        with self._lock:
            names = {name for _, wanted in self._handlers for name in wanted}
        return ALL_EVENTS | sum(bit for name, bit in _HIGH_VOLUME.items() if name in names)

    def _resubscribe(self) -> None:
        connection, mask = self._connection, self._mask()
        if connection is not None and self._up.is_set() and connection.subscriptions != mask:
            with contextlib.suppress(ObsError):
                connection.subscribe(mask)

    def _heard(self, name: str, data: dict[str, Any], received_ns: int) -> None:
        if name in _HIGH_VOLUME and self._events.qsize() > _ROOM:
            return
        self._publish(ObsEvent(name, data, received_ns))

    def _publish(self, event: ObsEvent) -> None:
        with self._lock:
            arrivals = list(self._arrivals)
        for arrival in arrivals:
            arrival.offer(event)
        self._events.put(event)

    # ---- the dispatcher's thread ---------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        while (event := self._events.get()) is not None:
            with self._lock:
                handlers = list(self._handlers)
            for handler, names in handlers:
                if event.name in names or (not names and event.name not in _HIGH_VOLUME):
                    try:
                        handler(event)
                    except Exception:
                        _log.exception("A handler of OBS's event %s failed.", event.name)
