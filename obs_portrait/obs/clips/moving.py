"""Moving a file so that it is never lost, never half there under its name, and never over another one."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from obs_portrait.errors import ObsError

__all__ = ["claim", "move"]

_HELD = (5, 32, 33)
"""Windows' ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION: somebody still has the file open.
Elsewhere a file that is open can be moved, and a refusal is for good."""


def claim(folder: Path, stem: str, suffix: str, also: str = "") -> Path:
    """Makes an empty file `stem+suffix` in `folder`, so that the name is taken, and returns its path; "stem (2)" and
    so on where that name is taken, or the one with the suffix `also` is. Raises `ObsError`."""
    for number in range(1, 10_000):
        name = stem if number == 1 else f"{stem} ({number})"
        path = folder / f"{name}{suffix}"
        if also and (folder / f"{name}{also}").exists():
            continue
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            continue
        except OSError as error:
            raise ObsError(f"{folder}: the clip cannot be written there ({error.strerror or error}).") from None
        return path
    raise ObsError(f"{folder}: there are ten thousand clips called '{stem}'; move them away.")


def move(source: Path, target: Path, patience: float = 10.0, keep: bool = False) -> None:
    """Puts `source` in the place of `target`, which `claim` made. Atomic: at every moment the whole file has one of
    both names. Waits for `patience` s while another program (OBS) holds the file. keep: `source` stays as well.

    Raises OSError; then `source` is as it was, and `target` is gone.
    """
    try:
        if not keep:
            try:
                _patiently(lambda: source.replace(target), patience)
                return
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
        _patiently(lambda: _copy(source, target), patience)
    except BaseException:
        with contextlib.suppress(OSError):
            target.unlink()
        raise
    if not keep:
        # From here on the clip is safe: a source that cannot be removed is a copy too many, not a loss.
        with contextlib.suppress(OSError):
            _patiently(source.unlink, patience)


def _copy(source: Path, target: Path) -> None:
    """Across file systems: complete and on the disk before it gets its name."""
    from obs_portrait.media.files import partial_path

    part = partial_path(target)
    try:
        with source.open("rb") as old, part.open("wb") as new:
            shutil.copyfileobj(old, new, 1 << 20)
            new.flush()
            os.fsync(new.fileno())
        shutil.copystat(source, part)
        if part.stat().st_size != source.stat().st_size:
            raise OSError(errno.EIO, "the file grew while it was copied")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _patiently(act: Callable[[], object], patience: float) -> None:
    deadline = time.monotonic() + patience
    pause = 0.02
    while True:
        try:
            act()
            return
        except OSError as error:
            if getattr(error, "winerror", None) not in _HELD or time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 0.5)
