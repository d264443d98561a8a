"""Putting files away so that they can be had back: the system's trash, or a folder "Deleted" beside them."""

from __future__ import annotations

import contextlib
import datetime
import os
import sys
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from obs_portrait.errors import ControlError

__all__ = ["DELETED", "discard"]

DELETED: Final = "Deleted"
_TRIES: Final = 1000


def discard(files: Sequence[Path]) -> Path:
    """Puts files, all of one folder, away; returns the folder in which they are now.

    On Linux by freedesktop.org's trash specification 1.0, where the trash is on the same file system; on macOS into
    ~/.Trash; else into "Deleted". Nothing is copied and nothing overwritten. Raises `ControlError` (409) with the first
    file that cannot be moved; those before it have been.
    """
    into = _trash()
    for path in files:
        if into is not None and _put(path, into):
            continue
        into = None  # what belongs together stays together, as far as it can
        _keep(path)
    return into if into is not None else files[0].parent / DELETED


def _trash() -> Path | None:
    if sys.platform == "linux":
        data = os.environ.get("XDG_DATA_HOME", "")
        return (Path(data) if data.startswith("/") else Path.home() / ".local" / "share") / "Trash"
    if sys.platform == "darwin":
        return Path.home() / ".Trash"
    return None


def _put(path: Path, trash: Path) -> bool:
    """Into the trash; False if it does not take the file."""
    if sys.platform == "darwin":
        return _move(path, trash) is not None
    try:
        for part in ("files", "info"):
            (trash / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        name, info = _claim(trash / "info", path)
    except OSError:
        return False
    try:
        _rename(path, trash / "files" / name)
    except OSError:  # another file system, above all
        with contextlib.suppress(OSError):
            info.unlink()
        return False
    return True


def _claim(folder: Path, path: Path) -> tuple[str, Path]:
    """(a name that is free in the trash, the file that says where it came from). Raises OSError."""
    now = datetime.datetime.now().replace(microsecond=0).isoformat()  # noqa: DTZ005 - local time, says the specification
    text = f"[Trash Info]\nPath={urllib.parse.quote(os.fsencode(path.absolute()))}\nDeletionDate={now}\n"
    for name in _names(path):
        info = folder / f"{name}.trashinfo"
        if (folder.parent / "files" / name).exists():
            continue
        with contextlib.suppress(FileExistsError):
            with info.open("x", encoding="utf-8") as out:
                out.write(text)
            return name, info
    raise FileExistsError(path)


def _keep(path: Path) -> None:
    folder = path.parent / DELETED
    try:
        folder.mkdir(exist_ok=True)
        moved = _move(path, folder)
    except OSError as error:
        raise ControlError(f"{path.name} cannot be put into {folder} ({error.strerror or error}).", 409) from None
    if moved is None:
        raise ControlError(f"{path.name} cannot be put into {folder}; is it open in another program?", 409)


def _move(path: Path, folder: Path) -> Path | None:
    for name in _names(path):
        try:
            _rename(path, folder / name)
        except FileExistsError:
            continue
        except OSError:
            return None
        return folder / name
    return None


def _rename(path: Path, target: Path) -> None:
    """Never over another file. Raises OSError."""
    if target.exists():
        raise FileExistsError(target)
    path.rename(target)


def _names(path: Path) -> list[str]:
    return [path.name, *(f"{path.stem} ({number}){path.suffix}" for number in range(2, _TRIES))]
