"""Which devices the menu offers. Listing them takes a second of work in another process, so it is done when something
was plugged in or out, and seldom otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from daemon.control.rooms import Devices, Rooms
from daemon.rooms.devices import plugged
from obs_portrait.errors import PortraitError

__all__ = ["DeviceWatch"]

_LOOK_S: Final = 2.0
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
        state, looked_at, asked = "", float("-inf"), True
        while not self._stopping.is_set():
            now, there = time.monotonic(), plugged()
            if asked or there != state or now - looked_at > (_SELDOM_S if there else _BLIND_S):
                state, looked_at = there, now
                self._ask()
            asked = self._wake.wait(_LOOK_S)
            self._wake.clear()

    def _ask(self) -> None:
        try:
            found = self._rooms.devices()
        except PortraitError:  # a sick sound server, an end: the menu keeps what it had
            return
        if found != self.now and not self._stopping.is_set():
            self.now = found
            self._changed()
