"""Keeping a few of many things, evenly spread, without knowing beforehand how many there will be."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np

__all__ = ["Spread"]

T = TypeVar("T")


class Spread(Generic[T]):
    """Holds at most twice as many things as are wanted in the end."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._kept: list[T] = []
        self._stride = 1
        self._count = 0

    def due(self) -> bool:
        """Whether the next thing will be kept: who asks need not make those that will not."""
        return self._count % self._stride == 0

    def add(self, thing: T) -> None:
        """One thing more."""
        if self.due():
            self._kept.append(thing)
            if len(self._kept) > 2 * self._wanted:
                del self._kept[1::2]
                self._stride *= 2
        self._count += 1

    def skip(self) -> None:
        """Counts one that was not `due`."""
        self._count += 1

    def chosen(self) -> list[T]:
        """At most as many as are wanted, the first one always among them."""
        places = np.linspace(0, len(self._kept) - 1, min(self._wanted, len(self._kept))).round().astype(int)
        return [self._kept[place] for place in places]
