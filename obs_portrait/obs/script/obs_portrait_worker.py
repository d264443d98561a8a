"""The threads that talk to the daemon for OBS's script: nothing that OBS calls ever waits.

Runs inside OBS: the standard library alone, Python 3.6 and later.
"""

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

if TYPE_CHECKING or __package__:
    from obs_portrait.obs.script import obs_portrait_link as link
else:  # inside OBS, which knows no packages: the file beside this one
    import obs_portrait_link as link

__all__ = ["Order", "State", "Worker"]

_TOO_OLD_S = 5.0
"""A switch that could not be carried out for so long would come as a surprise."""
_ALL_S = 5.0
_BREATH_S = 0.05
"""Between two looks at least: many keys at once shall not be many looks."""
_NEVER = float("-inf")
_ROOM = 15

Json = Dict[str, Any]


class State(NamedTuple):
    """What the worker knows.

    connected: the daemon answered the last time. problem: why it did not, or what went wrong with the last order; a
    sentence or "". status: the daemon's own (`daemon.control.stage.Status`), empty without one. bindings: scene ->
    persona, exact names and globs. revision: grows with every change of personas or bindings.
    """

    connected: bool
    problem: str
    status: Json
    personas: Tuple[str, ...]
    bindings: Dict[str, Optional[str]]
    revision: int


class Order(NamedTuple):
    """A request that changes something. A later order of the same `kind` replaces one that still waits."""

    kind: str
    method: str
    path: str
    body: Json
    timeout: float
    born: float


class _Lane:
    """A thread that carries out orders one after the other."""

    def __init__(self, name: str, carry_out: Callable[[Order], None]) -> None:
        self._carry_out = carry_out
        self._orders: List[Order] = []
        self._wake = threading.Condition()
        self._ended = False
        self.thread = threading.Thread(target=self._run, name=f"obs-portrait {name}")
        self.thread.daemon = True

    def put(self, order: Order) -> None:
        with self._wake:
            self._orders = [*[waiting for waiting in self._orders if waiting.kind != order.kind][-_ROOM:], order]
            self._wake.notify()

    def end(self) -> None:
        with self._wake:
            self._ended = True
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._orders and not self._ended:
                    self._wake.wait()
                if self._ended:
                    return
                order = self._orders.pop(0)
            self._carry_out(order)


class Worker:
    """Takes orders and looks at the daemon; no method waits for it.

    Panic, what is quick, and what takes its time (clip, calibrate) have a thread each, so that none waits for another;
    a fourth looks at the daemon. poll: seconds between two looks at a daemon that answers; away: at most between two
    looks for one that does not. folders: where control.json may be.
    """

    def __init__(self, folders: Optional[Sequence[Path]] = None, poll: float = 1.0, away: float = 4.0) -> None:
        self._folders, self._poll, self._away = folders, poll, away
        self._stop = threading.Event()
        self._wake = threading.Condition()
        self._hurry = False
        self._known: Optional[link.Endpoint] = None
        self._all_at = _NEVER
        self._trouble = ""
        lanes = {name: _Lane(name, self._carry_out) for name in ("panic", "quick", "clip", "calibrate")}
        self._lanes = lanes
        self._watch = threading.Thread(target=self._run, name="obs-portrait watch")
        self._watch.daemon = True
        self.state = State(False, "Looking for OBS Portrait …", {}, (), {}, 0)

    @property
    def threads(self) -> List[threading.Thread]:
        """All of them."""
        return [self._watch, *(lane.thread for lane in self._lanes.values())]

    def start(self) -> None:
        """Begins to look for the daemon."""
        for thread in self.threads:
            thread.start()

    def stop(self, timeout: float = 3.0) -> bool:
        """Ends the threads, at most a fraction of a second later; whether they are gone."""
        self._stop.set()
        self.refresh()
        for lane in self._lanes.values():
            lane.end()
        deadline = time.monotonic() + timeout
        for thread in self.threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self.threads)

    def order(self, kind: str, path: str, body: Json, timeout: float = 4.0, method: str = "POST") -> None:
        """Asks for a change, soon."""
        lane = kind if kind in self._lanes else "quick"  # what takes seconds holds up nothing else
        self._lanes[lane].put(Order(kind, method, path, body, timeout, time.monotonic()))

    def refresh(self) -> None:
        """Looks at everything anew, soon."""
        with self._wake:
            self._hurry = True
            self._wake.notify_all()

    # ---- the lanes' threads --------------------------------------------------------------------------------------

    def _carry_out(self, order: Order) -> None:
        """Never raises."""
        if order.kind != "panic" and time.monotonic() - order.born > _TOO_OLD_S:
            self._trouble = f"OBS Portrait was away when '{order.kind}' was asked for; ask again."
        else:
            try:
                endpoint = link.find_endpoint(self._folders)
                link.exchange(endpoint, order.method, order.path, order.body, order.timeout, self._stop)
                self._trouble = ""
            except (link.UnreachableError, link.RefusedError) as error:
                self._trouble = str(error)
            except Exception as error:  # the thread goes on: OBS would tell nobody that it ended
                self._trouble = f"OBS Portrait's script failed ({error!r})."
        self.refresh()

    # ---- the watching thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.is_set():
            with self._wake:
                if pause and not self._hurry:
                    self._wake.wait(pause)
                if self._hurry:
                    self._hurry, self._all_at = False, _NEVER
            if not self._stop.is_set():
                pause = self._poll if self._turn() else min(self._away, max(self._poll, pause * 1.5))
                self._stop.wait(_BREATH_S)

    def _turn(self) -> bool:
        """Looks at the daemon; whether it answers. Never raises."""
        try:
            self._look(link.find_endpoint(self._folders))
        except link.UnreachableError as error:
            self._known = None
            self.state = self.state._replace(connected=False, problem=str(error), status={})
            return False
        except link.RefusedError as error:
            self.state = self.state._replace(problem=str(error))
        except Exception as error:
            self.state = self.state._replace(problem=f"OBS Portrait's script failed ({error!r}).")
            return False
        return True

    def _look(self, endpoint: link.Endpoint) -> None:
        """Replaces the state."""
        new = endpoint != self._known
        if new:
            self._trouble = ""  # it was another daemon's, or there was none
        status = link.exchange(endpoint, "GET", "/v1/status", stop=self._stop)
        state = self.state._replace(connected=True, status=status, problem=self._trouble)
        if new or time.monotonic() - self._all_at > _ALL_S:
            personas = tuple(_column(self._rows(endpoint, "personas"), "name"))
            rules = self._rows(endpoint, "bindings")
            scenes, bound = _column(rules, "scene"), _column(rules, "persona", optional=True)
            bindings = dict(reversed(list(zip(scenes, bound))))  # the first rule for a scene is the one that holds
            if (personas, bindings) != (state.personas, state.bindings):
                state = state._replace(personas=personas, bindings=bindings, revision=state.revision + 1)
            self._all_at = time.monotonic()
        self._known = endpoint
        self.state = state

    def _rows(self, endpoint: link.Endpoint, name: str) -> List[Json]:
        rows = link.exchange(endpoint, "GET", f"/v1/{name}", stop=self._stop).get(name)
        if not isinstance(rows, list) or len(rows) > 200 or not all(isinstance(row, dict) for row in rows):
            raise link.UnreachableError(link.STRANGER)
        return rows


def _column(rows: Sequence[Json], name: str, optional: bool = False) -> List[Any]:
    """One entry of each row: texts of at most 1000 characters, None where that is allowed."""
    values = [row.get(name) for row in rows]
    for value in values:
        if not (isinstance(value, str) and len(value) <= 1000) and not (optional and value is None):
            raise link.UnreachableError(link.STRANGER)
    return values
