"""The states that the icon tells apart."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Mood"]


class Mood(StrEnum):
    """What the icon says.

    live: the persona follows. searching: no face, no camera, or it is being prepared. frozen: the picture stands still.
    panic: card and silence. off: camera and microphone are closed. revealed: the real face or voice goes out.
    """

    LIVE = "live"
    SEARCHING = "searching"
    FROZEN = "frozen"
    PANIC = "panic"
    OFF = "off"
    REVEALED = "revealed"
