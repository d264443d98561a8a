"""A lock between processes: who holds it downloads, who waits finds the file there."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

__all__ = ["locked"]

_LOOK_S: Final = 0.2


def _try(descriptor: int) -> bool:
    """Takes the lock if nobody has it. The system gives it back when the process ends, however it ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Holds the lock file `path` (its folder is made) and waits for it as long as need be; `waiting` is called once if
    somebody else has it. The file stays: to remove it could give one lock to two processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _try(descriptor):
            if waiting is not None:
                waiting()
            while not _try(descriptor):
                time.sleep(_LOOK_S)
        yield
    finally:
        os.close(descriptor)
