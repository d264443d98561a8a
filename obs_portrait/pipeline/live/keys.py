"""The keys of the preview window, the same as avatarify's, and what they ask for."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["HELP", "Action", "action_of"]


class Action(StrEnum):
    """What a key asks for."""

    PERSONA = "persona"
    CALIBRATE = "calibrate"
    SEARCH = "search"
    OVERLAY = "overlay"
    FAINTER = "fainter"
    STRONGER = "stronger"
    NEARER = "nearer"
    FARTHER = "farther"
    UP = "up"
    LEFT = "left"
    DOWN = "down"
    RIGHT = "right"
    STATISTICS = "statistics"
    HELP = "help"
    QUIT = "quit"


_KEYS: Final[dict[str, Action]] = {
    "x": Action.CALIBRATE,
    "f": Action.SEARCH,
    "o": Action.OVERLAY,
    "z": Action.FAINTER,
    "c": Action.STRONGER,
    "w": Action.NEARER,
    "s": Action.FARTHER,
    "u": Action.UP,
    "h": Action.LEFT,
    "j": Action.DOWN,
    "k": Action.RIGHT,
    "i": Action.STATISTICS,
    "?": Action.HELP,
    "\x1b": Action.QUIT,
}

HELP: Final = (
    "1-9  persona",
    "X  calibrate: look straight, calm face",
    "F  search for a better reference",
    "O  overlay: your camera, in this window only",
    "Z C  overlay fainter, stronger",
    "W S  camera nearer, farther",
    "U H J K  camera window up, left, down, right",
    "I  statistics      ?  this help",
    "Esc  quit",
)
"""One line for each group of keys."""


def action_of(code: int) -> tuple[Action, int] | None:
    """(action, number of the persona or 0) for a key code as OpenCV's `waitKey` returns it, None for other keys."""
    if code < 0:
        return None
    key = chr(code & 0xFF).lower()
    if key in "123456789":
        return Action.PERSONA, int(key)
    return (_KEYS[key], 0) if key in _KEYS else None
