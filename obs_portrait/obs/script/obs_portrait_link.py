"""The way to the daemon: finds control.json and asks over loopback.

Runs inside OBS: the standard library alone, Python 3.6 and later. The command line uses it as well
(daemon/control/client.py), so that both find the daemon in the same place.

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
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

__all__ = [
    "CONTROL_FILE", "STRANGER", "Endpoint", "RefusedError", "UnreachableError", "control_folders", "exchange",
    "find_endpoint", "read_endpoint",
]  # fmt: skip

CONTROL_FILE = "control.json"
APP = "obs-portrait"
LARGEST_ANSWER = 1 << 20
_SLICE_S = 0.2
"""A blocking call lasts no longer, so that a worker that shall stop does."""
_URL = re.compile(r"http://127\.0\.0\.1:([0-9]{1,5})")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,256}")

_ABSENT = "OBS Portrait is not running; start it with `obs-portrait run`."
_SILENT = "OBS Portrait runs but does not answer."
_GONE = "OBS Portrait stopped while it was asked."
STRANGER = "What answers on OBS Portrait's port is not OBS Portrait."

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
                raise UnreachableError(STRANGER)


def _answer(received: bytes) -> Json:
    if not received:
        raise UnreachableError(_GONE)
    try:
        response = http.client.HTTPResponse(_Recorded(received))  # type: ignore[arg-type]
        response.begin()
        content = json.loads(response.read().decode("utf-8"))
    except (http.client.HTTPException, OSError, ValueError, RecursionError):
        raise UnreachableError(STRANGER) from None
    if not isinstance(content, dict):
        raise UnreachableError(STRANGER)
    if response.status != 200:
        sentence = content.get("error")
        raise RefusedError(response.status, sentence[:500] if isinstance(sentence, str) else STRANGER)
    return content
