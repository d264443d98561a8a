"""Servers on the daemon's port that do not behave as the daemon does."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["RUDE", "RudeServer", "control_json"]

TOKEN = "t" * 43


def control_json(folder: Path, port: int, **more: Any) -> Path:
    """A control.json that leads to `port`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "control.json"
    content = {"version": 1, "url": f"http://127.0.0.1:{port}", "token": TOKEN, "pid": os.getpid(), **more}
    path.write_text(json.dumps(content), "utf-8")
    return path


class RudeServer:
    """Listens on a free port; `manner(link, stop)` is called for each connection in a thread of its own."""

    def __init__(self, manner: Callable[[socket.socket, threading.Event], None]) -> None:
        self._manner = manner
        self._stop = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listening.getsockname()[1])
        self.visits = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                link, _ = self._listening.accept()
                self.visits += 1
                thread = threading.Thread(target=self._serve, args=(link,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, link: socket.socket) -> None:
        with link, contextlib.suppress(OSError):
            self._manner(link, self._stop)

    def close(self) -> None:
        """Ends all of it."""
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)

    def __enter__(self) -> RudeServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _answers(content: bytes, head: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n") -> Any:
    def manner(link: socket.socket, stop: threading.Event) -> None:
        link.recv(65536)
        link.sendall(head + b"Content-Length: %d\r\n\r\n" % len(content) + content)

    return manner


def _silent(link: socket.socket, stop: threading.Event) -> None:
    """Accepts, reads, and never says a word."""
    stop.wait(600)


def _drips(link: socket.socket, stop: threading.Event) -> None:
    """A byte now and then, for ever."""
    while not stop.wait(0.05):
        link.sendall(b"H")


def _floods(link: socket.socket, stop: threading.Event) -> None:
    """A body that never ends."""
    link.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while not stop.is_set():
        link.sendall(b"[" * 65536)


def _hangs_up(link: socket.socket, stop: threading.Event) -> None:
    link.recv(65536)


def _lies_about_length(link: socket.socket, stop: threading.Event) -> None:
    link.recv(65536)
    link.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n{"running": true}')


def _noise(link: socket.socket, stop: threading.Event) -> None:
    link.sendall(os.urandom(5000))


RUDE: dict[str, Callable[[socket.socket, threading.Event], None]] = {
    "silent": _silent,
    "drips": _drips,
    "floods": _floods,
    "hangs up": _hangs_up,
    "noise": _noise,
    "lies about the length": _lies_about_length,
    "not JSON": _answers(b"<html>hello</html>"),
    "a list": _answers(b"[1, 2, 3]"),
    "deeply nested": _answers(b"[" * 200_000),
    "not UTF-8": _answers(b"\xff\xfe\x00"),
    "a thousand headers": _answers(b"{}", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000),
    "wrong shapes": _answers(
        b'{"persona": [], "state": 7, "fps": "fast", "latency": [], "problems": 3, "personas": "x", "bindings": {}}'
    ),
    "wrong rows": _answers(b'{"personas": [1, null, {"name": []}], "bindings": [[]]}'),
    "refuses with nothing": _answers(b"{}", b"HTTP/1.1 500 No\r\n"),
    "refuses with rubbish": _answers(b'{"error": {"a": [1]}}', b"HTTP/1.1 403 No\r\n"),
    "redirects": _answers(b"{}", b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\n"),
}
"""Name -> what it does with a connection."""
