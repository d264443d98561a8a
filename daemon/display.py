"""Whether the desktop that this program was started from is still there.

A logout may do nothing but take the display away: OBS, a program of that display like any other, ends with it, and a
daemon that knew nothing of it would go on with camera and microphone open.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

__all__ = ["DisplayWatch"]

_LOOK_S: Final = 1.0
_GONE_S: Final = 15.0
"""A display that is back within this time (a compositor that was started again, another login) was not gone."""
_log = logging.getLogger(__name__)


class _Line(Protocol):
    """A connection that the display keeps open for as long as it lives."""

    def fileno(self) -> int:
        """For `select`."""

    def close(self) -> None:
        """Ends it."""


class DisplayWatch:
    """gone(sentence): called once, from a thread, when the display has been away for `_GONE_S`.

    It counts as away when it has closed a connection that was held and lets in no other one: a display that is busy, or
    whose authority file was tidied away, is there. Without a display at the start (systemd, ssh) nothing is watched;
    nor on Windows and macOS, which end the programs of a session themselves.
    """

    def __init__(self, gone: Callable[[str], None]) -> None:
        self._gone = gone
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)

    def start(self) -> None:
        """Returns at once."""
        if sys.platform not in ("win32", "darwin"):
            self._thread.start()

    def stop(self) -> None:
        """No call is begun any more; the thread ends soon. May be called twice, and without `start`."""
        self._stopping.set()

    def _run(self) -> None:
        line, away_s = _connect(), 0.0
        if line is None:
            return
        while not self._stopping.is_set():
            if line is not None:
                if not _is_over(line):
                    continue
                _close(line)
                away_s = 0.0
            line = _connect()
            if line is None:
                if away_s >= _GONE_S:
                    self._say()
                    return
                away_s += _LOOK_S  # and not by a clock: the machine may have slept
                self._stopping.wait(_LOOK_S)
        if line is not None:
            _close(line)

    def _say(self) -> None:
        name = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY", "")
        try:
            self._gone(f"The desktop ({name}) is gone: OBS Portrait ends, so that camera and microphone are closed.")
        except Exception:
            _log.exception("the end of the desktop could not be told")


def _connect() -> _Line | None:
    """A new connection; None where nobody lets us in."""
    try:
        return _wayland() if os.environ.get("WAYLAND_DISPLAY") else _X11() if os.environ.get("DISPLAY") else None
    except Exception:  # python-xlib lets through whatever a sick server makes of it
        return None


def _wayland() -> _Line:
    """A client that says nothing; the compositor leaves it alone."""
    if sys.platform == "win32":
        raise OSError("there is no Wayland")
    line = socket.socket(socket.AF_UNIX)
    try:
        line.settimeout(_LOOK_S)
        line.connect(str(Path(os.environ.get("XDG_RUNTIME_DIR", ""), os.environ["WAYLAND_DISPLAY"])))
    except OSError:
        line.close()
        raise
    return line


class _X11:
    """An X server closes those who never introduce themselves."""

    def __init__(self) -> None:
        from Xlib.display import Display

        self._display: Any = Display()

    def fileno(self) -> int:
        return int(self._display.fileno())

    def close(self) -> None:
        self._display.close()


def _is_over(line: _Line) -> bool:
    """Waits a moment for its end. What is told meanwhile (another keyboard map) is read and dropped."""
    ready, _, _ = select.select([line], [], [], _LOOK_S)
    if not ready:
        return False
    try:
        return not os.read(line.fileno(), 65536)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _close(line: _Line) -> None:
    with contextlib.suppress(Exception):
        line.close()
