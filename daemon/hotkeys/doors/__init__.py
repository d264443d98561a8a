"""The ways by which keys of other windows are heard, and which of them serves here."""

from __future__ import annotations

from typing import Final

from daemon.hotkeys.doors.base import Door
from daemon.hotkeys.doors.hook import HookDoor
from daemon.hotkeys.doors.mac import MacDoor
from daemon.hotkeys.doors.x11 import X11Door

__all__ = ["DOORS", "Door", "find_door"]

DOORS: Final[tuple[type[Door], ...]] = (X11Door, MacDoor, HookDoor)
"""In the order in which they are tried. X11 goes before /dev/input: it needs no root and knows the layout."""


def find_door() -> tuple[type[Door] | None, str]:
    """The door that serves here and its name, or (None, why there is none, in one sentence)."""
    import sys

    whys = []
    for door in DOORS:
        why = door.validate_environment()
        if why is None:
            return door, door.name
        whys.append(why)
    # Of the three reasons the one about this system's own door says what to do.
    own = {"darwin": 1, "win32": 2}.get(sys.platform, 0)
    return None, whys[own]
