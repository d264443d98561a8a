"""A way by which keys of other windows are heard."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import ClassVar

__all__ = ["Door", "OnKey"]

OnKey = Callable[[str, bool, frozenset[str] | None], None]
"""(key or modifier, whether it went down, modifiers that were down then or None if the system does not say)."""


class Door(ABC):
    """`start` once, then `stop`. Listens only for the keys that it is told: others are dropped where they are heard,
    they are neither kept nor passed on."""

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def validate_environment(cls) -> str | None:
        """Why this door cannot serve here, in one sentence; None if it can. Quick, opens nothing that stays open."""

    @abstractmethod
    def start(self, keys: Collection[str], on_key: OnKey, on_end: Callable[[str], None]) -> None:
        """Begins to listen for keys (names of `chord.KEYS`) and the four modifiers.

        on_key: called from a thread of the door's, in the order of the events; must return at once. on_end: called
        once, from that thread, with a sentence if listening ends by itself (the display is gone). Raises
        `DesktopError` if it cannot begin.
        """

    @abstractmethod
    def stop(self) -> None:
        """Ends listening; no call is made after it returned. May be called twice, and without `start`."""

    def is_down(self, key: str) -> bool | None:
        """Whether the system says that this key or modifier is down now; None if it does not say."""
        return None

    def missing(self) -> list[str]:
        """Keys that this keyboard does not have; known after `start`."""
        return []
