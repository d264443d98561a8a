"""One daemon a user: a lock that the operating system gives back however the process ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from obs_portrait.errors import ControlError

__all__ = ["InstanceLock"]


class InstanceLock:
    """A lock file beside control.json, held by an open file descriptor. The file itself stays; only the lock counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Takes the lock; False if another process (or another lock of this one) holds it. Raises `ControlError`."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)  # not inherited (PEP 446)
        except OSError as error:
            raise ControlError(
                f"{self._path} cannot be written ({error.strerror}); set OBS_PORTRAIT_RUNTIME_DIR to a folder of yours."
            ) from error
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Gives the lock back. May be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> None:
    """Raises OSError if it is held."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
