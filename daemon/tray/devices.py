"""Which devices the menu offers. Listing them takes a second of work in another process, so it is done when something
was plugged in or out, and seldom otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from daemon.control.rooms import Devices, Rooms
from daemon.rooms.devices import plugged

__all__ = ["DeviceWatch"]

_LOOK_S: Final = 2.0
_AFTER_S: Final = (3.0, 11.0)
"""So long after something was plugged in it is looked again: the sound server and drivers take their time with it. The
later look finds what the first list, which is believed for ten seconds, does not have."""
_BLIND_S: Final = 60.0
"""How often it is looked where the system does not say that something was plugged in."""
_SELDOM_S: Final = 600.0
"""And where it does: a device of the sound server alone (Bluetooth) is not told."""


class DeviceWatch:
    """`now` is the newest list, None before the first. changed: called, from a thread, when it has become another."""

    def __init__(self, rooms: Rooms, changed: Callable[[], None]) -> None:
        self._rooms, self._changed = rooms, changed
        self.now: Devices | None = None
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="tray's devices", daemon=True)

    def start(self) -> None:
        """Begins to look. May be called twice."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """No call is begun any more. May be called twice, and without `start`."""
        self._stopping.set()
        self._wake.set()

    def look(self) -> None:
        """Looks at once: one was chosen."""
        self._wake.set()

    def _run(self) -> None:
        state, asked, looked_at = plugged(), True, float("-inf")
        again: list[float] = []
        while not self._stopping.is_set():
            now, there = time.monotonic(), plugged()
            if there != state:
                state, again, asked = there, [now + after for after in _AFTER_S], True
            if again and now >= again[0]:
                again, asked = again[1:], True
            if asked or now - looked_at > (_SELDOM_S if there else _BLIND_S):
                looked_at = now
                self._ask()
            asked = self._wake.wait(_LOOK_S)
            self._wake.clear()

    def _ask(self) -> None:
        try:
            found = self._rooms.devices()
        except Exception:  # a sick sound server, an end, whatever it is: the menu keeps what it had
            return
        if found != self.now and not self._stopping.is_set():
            self.now = found
            self._changed()
