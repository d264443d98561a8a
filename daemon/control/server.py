"""`ControlServer`: the control API in a thread of the daemon, on loopback alone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn

from daemon.control.app import ControlApp
from daemon.control.connections import Doorstep, Protocol, WebSocket
from daemon.control.instance import InstanceLock
from daemon.control.peer import Peers
from daemon.control.sessions import Sessions
from daemon.control.stage import Stage
from daemon.control.token import control_file, new_token, publish, running, withdraw
from obs_portrait.errors import ControlError
from obs_portrait.loopback_socket import bound

__all__ = ["DEFAULT_PORT", "PAGES_FILE", "ControlServer"]

DEFAULT_PORT: Final = 47651
"""The page's address stays the same, so that OBS's dock finds it again after a restart."""
PAGES_FILE: Final = "pages.json"
_NEIGHBOURS: Final = 9
_TURNS: Final = 6
_START_S: Final = 15.0


class _Server(uvicorn.Server):
    """Sleeps until it shall end; uvicorn's own wakes ten times a second to look."""

    def __init__(self, config: uvicorn.Config, doorstep: Doorstep, started: threading.Event) -> None:
        super().__init__(config)
        self._doorstep = doorstep
        self._told = started
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    async def main_loop(self) -> None:
        """Called when requests are served."""
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)  # sets what uvicorn adds to every answer: nothing, with our options
        self._told.set()
        if not self.should_exit:  # it was told to end before there was something to wake
            await self._end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Leaves no connection open, also none that was accepted meanwhile: uvicorn looks at them once.

        asyncio's server, once closed, drops what it has accepted and not yet made a connection of, and closes it
        nowhere: the client waits until a garbage collection. So first nothing more is accepted, then what was accepted
        arrives, then the server closes.
        """
        for listening in sockets or []:
            asyncio.get_running_loop().remove_reader(listening)
        for _ in range(_TURNS):  # an accepted socket becomes a connection turns later
            await asyncio.sleep(0)
        self._doorstep.close()
        await super().shutdown(sockets)
        for _ in range(_TURNS):  # an aborted one is lost a turn later
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)

    def end(self) -> None:
        """From any thread."""
        self.should_exit = True  # in case it has not come so far
        self.soon(lambda: self._end.set() if self._end is not None else None)

    def soon(self, call: Callable[[], None]) -> None:
        """Calls in the event loop's thread, if it runs."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(call)


class ControlServer:
    """Serves a stage from `start` to `stop`, and tells where in control.json. Runs once.

    One daemon a user: `start` refuses while another one runs. uvicorn runs outside the main thread and touches no
    signal handler.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        port: int = 0,
        yielding: bool = False,
        path: Path | None = None,
        timeout: float | None = None,
    ) -> None:
        """port: 0 takes any that is free. yielding: take another port if this one is taken, and say so in `moved`.

        path: of control.json. timeout: overrides every operation's own, in s.
        """
        self._stage, self._wanted, self._yielding, self._timeout = stage, port, yielding, timeout
        self._path = path if path is not None else control_file()
        self._lock = InstanceLock(self._path.with_name("daemon.lock"))
        self._token = new_token()
        self._app: ControlApp | None = None
        self._sessions: Sessions | None = None
        self._server: _Server | None = None
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="control api", daemon=True)
        self._socket: socket.socket | None = None
        self._peers: Peers | None = None
        self.port = 0
        """The port that is served, once it is."""
        self.moved: str | None = None
        """A sentence if another port is served than was wanted."""

    def __repr__(self) -> str:
        return f"ControlServer(port={self.port})"

    @property
    def url(self) -> str:
        """ "http://127.0.0.1:PORT"."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def serving(self) -> bool:
        """Whether the API's thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Returns when requests are served. Raises `ControlError` if another daemon runs or the port is taken."""
        if not self._lock.acquire():
            pid = running(self._path)
            raise ControlError(
                f"OBS Portrait already runs{f' (process {pid})' if pid else ''}; `obs-portrait status` shows it."
            )
        try:
            self._socket = self._listen()
            self.port = int(self._socket.getsockname()[1])
            if self._wanted not in {0, self.port}:
                self.moved = (
                    f"Port {self._wanted} is taken by another program, so the page is at {self.url} this time; docks "
                    "in OBS that show the old address stay empty, and every page signs in anew."
                )
            self._sessions = Sessions(self._path.with_name(PAGES_FILE), self.port, moved=self.moved is not None)
            self._app = ControlApp(self._stage, self._token, self.port, sessions=self._sessions, timeout=self._timeout)
            self._peers = Peers(self._socket)
            doorstep = Doorstep(self._peers)
            self._server = _Server(_config(self._app, doorstep), doorstep, self._up)
            self._thread.start()
            if not self._up.wait(_START_S):
                raise ControlError(f"The control API did not start within {_START_S:.0f} s.")
            publish(self._path, self.url, self._token)
        except BaseException:
            self.stop()
            raise

    def sign_in_link(self) -> str:
        """The page's address with a one-time code, which is valid for two minutes. For a browser of this user's."""
        if self._sessions is None:
            raise ControlError("The control API does not run, so there is no page.")
        return f"{self.url}/#{self._sessions.new_code()}"

    def _listen(self) -> socket.socket:
        """On the wanted port or, if we may, the next that is free."""
        try:
            return _listen(self._wanted)
        except ControlError:
            if not self._yielding:
                raise
        for port in (*range(self._wanted + 1, self._wanted + 1 + _NEIGHBOURS), 0):
            with contextlib.suppress(ControlError):
                return _listen(port)
        raise ControlError("The control API finds no free port on 127.0.0.1.")

    def notify(self) -> None:
        """Something changed: listeners of /v1/events are told at once. From any thread."""
        if self._server is not None and self._app is not None:
            self._server.soon(self._app.events.poke)

    def stop(self, timeout: float = 5.0) -> None:
        """Ends it; calls that hang are left behind. May be called twice, and without `start`."""
        withdraw(self._path, self._token)
        if self._server is not None:
            self._server.end()
        if self._thread.is_alive():
            self._thread.join(timeout)
        if self._socket is not None:
            self._socket.close()
        if self._peers is not None and not self._thread.is_alive():
            self._peers.close()
        if self._app is not None:
            self._app.close()
        self._lock.release()

    def _run(self) -> None:
        if self._server is not None and self._socket is not None:
            # Windows' own loop closes the door when one client hangs up early, and leaves Nagle's algorithm on.
            loop = asyncio.SelectorEventLoop if sys.platform == "win32" else None
            with asyncio.Runner(loop_factory=loop) as runner:
                runner.run(self._server.serve(sockets=[self._socket]))

    def __enter__(self) -> ControlServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _config(app: ControlApp, doorstep: Doorstep) -> uvicorn.Config:
    options: dict[str, Any] = {
        "http": partial(Protocol, doorstep),
        "ws": WebSocket,
        "loop": "asyncio",
        "lifespan": "off",
        "interface": "asgi3",
        "log_config": None,
        "log_level": "error",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "date_header": False,
        "limit_concurrency": 200,
        "timeout_keep_alive": 10,
        "timeout_graceful_shutdown": 1,
        "ws_max_size": 4096,
        "ws_per_message_deflate": False,
        "ws_ping_interval": 10.0,
        "ws_ping_timeout": 10.0,
        "h11_max_incomplete_event_size": 16 * 1024,
    }
    return uvicorn.Config(app.asgi, **options)


def _listen(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1: one that is bound only may still lose its port. Raises `ControlError`."""
    door = None
    try:
        door = bound(port)
        door.listen()
        return door
    except OSError as error:
        if door is not None:
            door.close()
        raise ControlError(
            f"The control API cannot use port {port} ({error.strerror}); give it another one, or 0 for any."
        ) from error
