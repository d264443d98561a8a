"""The way to the daemon: finds control.json, asks over loopback, and keeps a worker thread for it.

Runs inside OBS: the standard library alone, Python 3.6 and later. The command line uses `exchange` and the search for
control.json as well (daemon/control/client.py), so that both find the daemon in the same place.

Nothing that the other side says is trusted: an answer has an overall deadline (a server that sends a byte a second is
not waited for), a largest size, and must be a JSON object.
"""

import http.client
import io
import json
import os
import re
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

__all__ = [
    "CONTROL_FILE", "Endpoint", "Link", "RefusedError", "State", "UnreachableError", "control_folders", "exchange",
    "find_endpoint", "read_endpoint",
]  # fmt: skip

CONTROL_FILE = "control.json"
APP = "obs-portrait"
LARGEST_ANSWER = 1 << 20
_SLICE_S = 0.2
"""A blocking call lasts no longer, so that a worker that shall stop does."""
_TOO_OLD_S = 5.0
"""A switch that could not be carried out for so long would come as a surprise."""
_ALL_S = 5.0
_NEVER = float("-inf")
_ROOM = 15
_URL = re.compile(r"http://127\.0\.0\.1:([0-9]{1,5})")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,256}")

_ABSENT = "OBS Portrait is not running; start it with `obs-portrait run`."
_SILENT = "OBS Portrait runs but does not answer."
_GONE = "OBS Portrait stopped while it was asked."
_STRANGER = "What answers on OBS Portrait's port is not OBS Portrait."

Json = Dict[str, Any]


class UnreachableError(Exception):
    """There is no daemon, or it does not answer as it should. The text is a sentence for the user."""


class RefusedError(Exception):
    """The daemon answered with an error. `status` is the HTTP status; the text is the daemon's own sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Endpoint(NamedTuple):
    """Where a daemon listens, on 127.0.0.1. The token is a secret: never put an Endpoint into a log."""

    port: int
    token: str
    pid: int

    def __repr__(self) -> str:
        return f"Endpoint(port={self.port}, pid={self.pid})"


# ---- control.json ------------------------------------------------------------------------------------------------


def control_folders(environ: Optional[Mapping[str, str]] = None, platform: Optional[str] = None) -> List[Path]:
    """Folders in which control.json may be; the daemon writes it into the first.

    platformdirs' user_state_path. Not the runtime folder: OBS as a Flatpak does not see the one of the user's session,
    Windows and macOS tidy theirs up during a long stream, and a login without a session has none.
    """
    environ = os.environ if environ is None else environ
    platform = sys.platform if platform is None else platform
    own = environ.get("OBS_PORTRAIT_RUNTIME_DIR")
    if own:
        return [Path(own)]
    home = Path("~").expanduser()
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return [(Path(local) if local else home / "AppData" / "Local") / APP]
    if platform == "darwin":
        return [home / "Library" / "Application Support" / APP]
    # A Flatpak sets XDG_STATE_HOME to a folder of its own, a Snap HOME; the daemon runs outside of both.
    states = [Path(environ.get("XDG_STATE_HOME", "")), home / ".local" / "state"]
    if environ.get("SNAP_REAL_HOME"):
        states.append(Path(environ["SNAP_REAL_HOME"]) / ".local" / "state")
    found: List[Path] = []
    for state in states:
        if state.is_absolute() and state / APP not in found:
            found.append(state / APP)
    return found


def read_endpoint(path: Path) -> Endpoint:
    """What a control.json says. Raises UnreachableError if it is not ours, not readable or not one."""
    try:
        with path.open("rb") as file:
            if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid != os.getuid():
                raise UnreachableError(f"{path} belongs to another user and is not used.")
            content = json.loads(file.read(4096).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        raise UnreachableError(_ABSENT) from None
    if isinstance(content, dict) and content.get("version") == 1:
        url, token, pid = content.get("url"), content.get("token"), content.get("pid")
        port = _URL.fullmatch(url) if isinstance(url, str) else None
        if port and isinstance(token, str) and _TOKEN.fullmatch(token) and isinstance(pid, int):
            return Endpoint(int(port.group(1)), token, pid)
    raise UnreachableError(f"{path} is not understood; restart OBS Portrait, and update what is older.")


def find_endpoint(folders: Optional[Sequence[Path]] = None) -> Endpoint:
    """The daemon's endpoint, read anew each time: a daemon that was restarted has another one.

    Raises UnreachableError.
    """
    problem = UnreachableError(_ABSENT)
    for folder in control_folders() if folders is None else folders:
        path = folder / CONTROL_FILE
        if path.exists():
            try:
                return read_endpoint(path)
            except UnreachableError as error:
                problem = error
    raise problem


# ---- one request ------------------------------------------------------------------------------------------------


class _Recorded:
    """What was received, in the shape that http.client reads from."""

    def __init__(self, received: bytes) -> None:
        self._file = io.BytesIO(received)

    def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
        return self._file


def exchange(
    endpoint: Endpoint,
    method: str,
    path: str,
    body: Optional[Json] = None,
    timeout: float = 3.0,
    stop: Optional[threading.Event] = None,
) -> Json:
    """One request to the daemon and its answer, within `timeout` s in all; `stop` ends it early.

    Never through a proxy. Raises UnreachableError and RefusedError.
    """
    content = b"" if body is None else json.dumps(body).encode("utf-8")
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{endpoint.port}",
        f"Authorization: Bearer {endpoint.token}",
        "Connection: close",
        f"Content-Length: {len(content)}",
    ]
    if body is not None:
        lines.append("Content-Type: application/json")
    request = "\r\n".join([*lines, "", ""]).encode("ascii") + content
    try:
        received = _converse(endpoint.port, request, time.monotonic() + timeout, stop)
    except ConnectionRefusedError:
        raise UnreachableError(_ABSENT) from None
    except ConnectionError:
        raise UnreachableError(_GONE) from None
    except OSError as error:
        raise UnreachableError(f"OBS Portrait cannot be reached ({error}).") from None
    return _answer(received)


def _converse(port: int, request: bytes, deadline: float, stop: Optional[threading.Event]) -> bytes:
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), max(0.05, min(1.0, deadline - time.monotonic()))) as link:
        link.settimeout(_SLICE_S)
        link.sendall(request)  # a few hundred bytes: they fit into the socket's buffer
        while True:
            if time.monotonic() > deadline or (stop is not None and stop.is_set()):
                raise UnreachableError(_SILENT)
            try:
                more = link.recv(65536)
            except socket.timeout:
                continue
            if not more:
                return bytes(received)
            received += more
            if len(received) > LARGEST_ANSWER:
                raise UnreachableError(_STRANGER)


def _answer(received: bytes) -> Json:
    if not received:
        raise UnreachableError(_GONE)
    try:
        response = http.client.HTTPResponse(_Recorded(received))  # type: ignore[arg-type]
        response.begin()
        content = json.loads(response.read().decode("utf-8"))
    except (http.client.HTTPException, OSError, ValueError, RecursionError):
        raise UnreachableError(_STRANGER) from None
    if not isinstance(content, dict):
        raise UnreachableError(_STRANGER)
    if response.status != 200:
        sentence = content.get("error")
        raise RefusedError(response.status, sentence[:500] if isinstance(sentence, str) else _STRANGER)
    return content


# ---- the worker --------------------------------------------------------------------------------------------------


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


class Link:
    """A thread that takes orders and asks for the daemon's state; no method waits for the daemon.

    poll: seconds between two looks at a daemon that answers; away: at most between two looks for one that does not.
    """

    def __init__(self, folders: Optional[Sequence[Path]] = None, poll: float = 1.0, away: float = 4.0) -> None:
        self._folders, self._poll, self._away = folders, poll, away
        self._orders: List[Order] = []
        self._wake = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="obs-portrait link")
        self._thread.daemon = True
        self._known: Optional[Endpoint] = None
        self._all_at = _NEVER
        self._hurry = False
        self.state = State(False, "OBS Portrait has not been looked for yet.", {}, (), {}, 0)

    def start(self) -> None:
        """Begins to look for the daemon."""
        self._thread.start()

    def stop(self, timeout: float = 3.0) -> bool:
        """Ends the thread, at most a fraction of a second later; whether it is gone."""
        self._stop.set()
        with self._wake:
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def order(self, kind: str, path: str, body: Json, timeout: float = 4.0, method: str = "POST") -> None:
        """Asks for a change, soon, from the thread. `kind` "panic" goes before all others and is never too old."""
        new = Order(kind, method, path, body, timeout, time.monotonic())
        with self._wake:
            kept = [order for order in self._orders if order.kind != kind][-_ROOM:]
            self._orders = [new, *kept] if kind == "panic" else [*kept, new]
            self._wake.notify_all()

    def refresh(self) -> None:
        """Asks for everything anew, soon."""
        with self._wake:
            self._hurry = True
            self._wake.notify_all()

    # ---- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.is_set():
            with self._wake:
                if pause and not self._orders and not self._hurry:
                    self._wake.wait(pause)
                orders, self._orders = self._orders, []
                if self._hurry:
                    self._hurry, self._all_at = False, _NEVER
            if self._stop.is_set():
                return
            pause = self._poll if self._turn(orders) else min(self._away, max(self._poll, pause * 1.5))

    def _turn(self, orders: Sequence[Order]) -> bool:
        """Carries out orders and looks at the daemon; whether it answers. Never raises."""
        try:
            endpoint = find_endpoint(self._folders)
            problem = None
            for order in orders:
                problem = self._carry_out(endpoint, order)
            self._look(endpoint, problem)
        except UnreachableError as error:
            self._known = None
            self.state = self.state._replace(connected=False, problem=str(error), status={})
            return False
        except RefusedError as error:
            self.state = self.state._replace(problem=str(error))
        except Exception as error:  # whatever it is, the thread goes on: OBS would tell nobody that it ended
            self.state = self.state._replace(problem=f"OBS Portrait's script failed ({error!r}).")
            return False
        return True

    def _carry_out(self, endpoint: Endpoint, order: Order) -> str:
        """What went wrong, or ""."""
        if order.kind != "panic" and time.monotonic() - order.born > _TOO_OLD_S:
            return f"OBS Portrait was away when '{order.kind}' was asked for; ask again."
        try:
            exchange(endpoint, order.method, order.path, order.body, order.timeout, self._stop)
        except RefusedError as error:
            return str(error)
        finally:
            if order.method == "PUT":
                self._all_at = _NEVER
        return ""

    def _look(self, endpoint: Endpoint, problem: Optional[str]) -> None:
        """Replaces the state. problem: None keeps the one of the last order, unless this is another daemon."""
        state = self.state
        if problem is None:
            problem = state.problem if state.connected and endpoint == self._known else ""
        status = exchange(endpoint, "GET", "/v1/status", stop=self._stop)
        state = state._replace(connected=True, status=status, problem=problem)
        if endpoint != self._known or time.monotonic() - self._all_at > _ALL_S:
            personas = tuple(_column(exchange(endpoint, "GET", "/v1/personas", stop=self._stop), "personas", "name"))
            rows = exchange(endpoint, "GET", "/v1/bindings", stop=self._stop)
            scenes, bound = _column(rows, "bindings", "scene"), _column(rows, "bindings", "persona", optional=True)
            bindings = dict(reversed(list(zip(scenes, bound))))  # the first rule for a scene is the one that holds
            if (personas, bindings) != (state.personas, state.bindings):
                state = state._replace(personas=personas, bindings=bindings, revision=state.revision + 1)
            self._all_at = time.monotonic()
        self._known = endpoint
        self.state = state


def _column(answer: Json, rows: str, name: str, optional: bool = False) -> List[Any]:
    """One entry of each row of an answer; at most 200 rows, texts of at most 300 characters."""
    found = answer.get(rows)
    if not isinstance(found, list) or len(found) > 200:
        raise UnreachableError(_STRANGER)
    values = [row.get(name) if isinstance(row, dict) else 0 for row in found]
    for value in values:
        if not (isinstance(value, str) and len(value) <= 300) and not (optional and value is None):
            raise UnreachableError(_STRANGER)
    return values
