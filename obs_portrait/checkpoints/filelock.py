"""A lock between processes: who holds it downloads, who waits finds the file there."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from obs_portrait.errors import CheckpointError
from obs_portrait.folders import WEIGHTS_VARIABLE

__all__ = ["locked"]

_LOOK_S: Final = 0.2
_HELD: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK})
"""Somebody else has the lock (the last two are Windows'); anything else will not pass by waiting."""


def _try(descriptor: int) -> bool:
    """Takes the lock if nobody has it. The system gives it back when the process ends, however it ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Holds the lock file `path` (its folder is made) and waits for it as long as need be; `waiting` is called once if
    somebody else has it. The file stays: to remove it could give one lock to two processes.

    Raises `CheckpointError` where files cannot be locked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            if not _try(descriptor):
                if waiting is not None:
                    waiting()
                while not _try(descriptor):
                    time.sleep(_LOOK_S)
        except OSError as error:
            raise CheckpointError(
                f"{path}: files cannot be locked here ({error.strerror or error}). Name a folder on another disk in "
                f"{WEIGHTS_VARIABLE}."
            ) from error
        yield
    finally:
        os.close(descriptor)
