"""The line to the tray's process: started, told, asked for a sign of life, heard and ended from the daemon.

That process may hang in a library of the desktop's at any moment, or be stopped: nobody here waits for it.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any, Final

__all__ = ["TrayProcess"]

_PATIENCE_S: Final = 2.0
_PING_S: Final = 3.0
"""How often it is asked for a sign of life."""
_STEP_S: Final = 1.0
"""A look counts for at most so long: while the machine slept, nobody could answer."""
_FIRST_S: Final = 45.0
_SILENCE_S: Final = 15.0
"""So long it may give no sign: while it loads the desktop's libraries, and after its first sign."""
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
        self._changed = threading.Condition()
        self._next: dict[str, Any] | None = None
        self._ping = self._over = False
        self._patience_s = _FIRST_S
        self._silent_s = 0.0
        self._looked_at: float | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "daemon.tray.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            # Ctrl-C in the terminal is for the daemon, which then ends the icon in order.
            start_new_session=True, creationflags=_NO_WINDOW,
        )  # fmt: skip
        for name, work, line in (
            ("tray's words", self._listen, self._process.stdout),
            ("tray's orders", self._write, self._process.stdin),
        ):
            threading.Thread(target=work, args=(line,), name=name, daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def tell(self, message: dict[str, Any]) -> None:
        """Sends a message soon; one that was not yet sent is left out for a newer one. Returns at once."""
        with self._changed:
            self._next = message
            self._changed.notify_all()

    def said(self) -> list[dict[str, Any]]:
        """What it said since the last call."""
        messages = []
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(self._said.get_nowait())
        return messages

    def answers(self) -> bool:
        """To be asked about once a second: False if it has given no sign of life for too long."""
        now = time.monotonic()
        with self._changed:
            before, self._looked_at = self._looked_at, now
            asked = self._silent_s // _PING_S
            self._silent_s += min(now - before, _STEP_S) if before is not None else 0.0
            if before is None or self._silent_s // _PING_S > asked:
                self._ping = True
                self._changed.notify_all()
            return self._silent_s < self._patience_s

    def end(self) -> None:
        """It ends by itself when nobody is left to tell it anything; if not, it is ended. May be called twice."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it at once, also one that is stopped or hangs."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_S)

    def _write(self, line: IO[bytes]) -> None:
        """The only thread that waits for the line: it may be full for as long as the process hangs."""
        with contextlib.suppress(OSError), line:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._over or self._next is not None or self._ping)
                    if self._over:
                        return
                    messages = [] if self._next is None else [self._next]
                    messages += [{"ping": True}] if self._ping else []
                    self._next, self._ping = None, False
                line.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
                line.flush()

    def _listen(self, lines: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError), lines:
            for line in lines:
                with self._changed:
                    self._silent_s, self._patience_s = 0.0, _SILENCE_S
                with contextlib.suppress(ValueError):
                    message = json.loads(line)
                    if isinstance(message, dict) and "pong" not in message:
                        self._said.put(message)
                        self._heard()
        self._heard()
