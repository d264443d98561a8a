"""Files whose bytes were found right in this process. A verdict holds while the file and its pin stay as they are: one
that is put in their place is looked at anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Final

from obs_portrait.checkpoints.pins import pin_path

__all__ = ["SETTLED_NS", "Stamp", "forget", "once", "stamp"]

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size, and when it was written and changed (ns): what differs if a file does."""
SETTLED_NS: Final = 2_000_000_000
"""A file that was written later than so long ago could be written again without a new time: file systems count in
steps, of two seconds at worst (FAT)."""

_GOOD: Final[set[Hashable]] = set()


def stamp(path: Path) -> Stamp | None:
    """None if there is nothing at `path`."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def once(path: Path, against: Hashable, check: Callable[[], None]) -> None:
    """Calls `check`, which raises if the file at `path` is wrong, unless it was called for this very file already.

    against: what the file is checked against, besides its pin.
    """
    if _key(path, against) in _GOOD:
        return
    before = stamp(path)
    check()
    if before is not None and before == stamp(path) and max(before[3:]) < time.time_ns() - SETTLED_NS:
        _GOOD.add(_key(path, against))  # with the pin that `check` may have made


def forget() -> None:
    """All files are looked at anew."""
    _GOOD.clear()


def _key(path: Path, against: Hashable) -> Hashable:
    return str(path.absolute()), against, stamp(path), stamp(pin_path(path))
