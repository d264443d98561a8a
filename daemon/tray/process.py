"""The line to the tray's process: started, told, heard and ended from the daemon."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any, Final

__all__ = ["TrayProcess"]

_PATIENCE_S: Final = 2.0
if sys.platform == "win32":
    _NO_WINDOW: Final = subprocess.CREATE_NO_WINDOW
else:
    _NO_WINDOW: Final = 0


class TrayProcess:
    """Runs from its making on. heard: called, from a thread, whenever it said something or ended."""

    def __init__(self, heard: Callable[[], None]) -> None:
        """Raises OSError if it cannot be started."""
        self._heard = heard
        self._said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "daemon.tray.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
            # Ctrl-C in the terminal is for the daemon, which then ends the icon in order.
            start_new_session=True, creationflags=_NO_WINDOW,
        )  # fmt: skip
        threading.Thread(target=self._listen, args=(self._process.stdout,), name="tray's words", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def tell(self, message: dict[str, Any]) -> None:
        """Sends one message; one that has died is noticed by `alive`."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.write(json.dumps(message) + "\n")
                self._process.stdin.flush()

    def said(self) -> list[dict[str, Any]]:
        """What it said since the last call."""
        messages = []
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(self._said.get_nowait())
        return messages

    def end(self) -> None:
        """It ends by itself when nobody is left to tell it anything; if not, it is ended. May be called twice."""
        process = self._process
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _listen(self, lines: IO[str] | None) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in lines or ():
                with contextlib.suppress(ValueError):
                    message = json.loads(line)
                    if isinstance(message, dict):
                        self._said.put(message)
                self._heard()
        if lines is not None:
            lines.close()
        self._heard()
