"""`Shelf`: pictures that were made once and are small enough to keep."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Final

__all__ = ["Shelf", "print_of"]

_MOST: Final = 256


class Shelf:
    """Keeps the last `most` that were wanted. Safe from any thread."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """What is kept under this key, made now if it is not there. What `make` raises is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made


def print_of(path: Path) -> tuple[str, int, int]:
    """Another one when the file is another. Raises OSError."""
    state = path.stat()
    return str(path), state.st_mtime_ns, state.st_size
