"""Status blocks in shared memory: one process writes, another reads, nobody waits.

A block is a row of int64 cells behind a sequence counter (a seqlock, as in the Linux kernel): odd while the writer is
inside, so that a reader knows a torn snapshot and tries again. The memory is anonymous and shared by inheritance, so
a process killed with SIGKILL leaves nothing behind in the file system.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping
from ctypes import c_int64
from typing import Any

__all__ = ["Board"]

_TRIES = 200


class Board:
    """Named int64 cells (counters; times in ns; states) with exactly one writer at a time.

    Made by the parent and passed to a child through the spawn arguments. Aligned 8-byte stores are atomic on every
    platform that we run on, so single cells (`get`, `set`) are always whole; `snapshot` is consistent across cells.
    """

    def __init__(self, *names: str) -> None:
        if len(set(names)) != len(names):
            raise ValueError("A board's cells need different names.")
        self.names = names
        self._at = {name: position + 1 for position, name in enumerate(names)}
        self._cells: Any = multiprocessing.get_context("spawn").RawArray(c_int64, len(names) + 1)
        self._last: dict[str, int] = dict.fromkeys(names, 0)

    def get(self, name: str) -> int:
        """One cell, as it is now."""
        return int(self._cells[self._at[name]])

    def set(self, name: str, value: int) -> None:
        """Writes one cell alone. For the writer of the board only."""
        self._cells[self._at[name]] = value

    def publish(self, values: Mapping[str, int]) -> None:
        """Writes several cells as one. For the writer of the board only."""
        self._cells[0] |= 1
        for name, value in values.items():
            self._cells[self._at[name]] = value
        self._cells[0] += 1

    def snapshot(self) -> dict[str, int]:
        """All cells, consistent with each other. If the writer died inside `publish`, the last whole snapshot."""
        for _ in range(_TRIES):
            before = self._cells[0]
            if not before & 1:
                values = list(self._cells[1:])
                if self._cells[0] == before:
                    self._last = dict(zip(self.names, values, strict=True))
                    break
            time.sleep(0)
        return dict(self._last)

    def clear(self) -> None:
        """Zeroes everything, also after a writer that died inside `publish`. Only while nobody writes."""
        for position in range(len(self.names) + 1):
            self._cells[position] = 0
        self._last = dict.fromkeys(self.names, 0)
