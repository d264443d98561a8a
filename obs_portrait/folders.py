"""Where the program keeps what is the user's: settings, and weights that were downloaded."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

__all__ = [
    "CONFIG_VARIABLE",
    "WEIGHTS_VARIABLE",
    "config_dir",
    "logs_dir",
    "state_dir",
    "take_place",
    "weights_dir",
    "write_whole",
]

CONFIG_VARIABLE: Final = "OBS_PORTRAIT_CONFIG_DIR"
"""Environment variable that moves the config folder (tests, a portable installation)."""
WEIGHTS_VARIABLE: Final = "OBS_PORTRAIT_WEIGHTS_DIR"
"""Environment variable that moves the folder of downloaded weights (another disk, one folder for several users)."""


def config_dir() -> Path:
    """The user's config folder of this program; it need not exist."""
    if chosen := os.environ.get(CONFIG_VARIABLE):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_config_dir("obs-portrait", appauthor=False))


def state_dir() -> Path:
    """The folder of what the program remembers by itself; it need not exist. Beside the settings where those were
    moved."""
    if chosen := os.environ.get(CONFIG_VARIABLE):
        return Path(chosen) / "state"
    import platformdirs

    return Path(platformdirs.user_state_dir("obs-portrait", appauthor=False))


def logs_dir() -> Path:
    """The folder of the daemon's log files; it need not exist. Beside the settings where those were moved."""
    if chosen := os.environ.get(CONFIG_VARIABLE):
        return Path(chosen) / "logs"
    import platformdirs

    return Path(platformdirs.user_log_dir("obs-portrait", appauthor=False))


def weights_dir() -> Path:
    """The folder of downloaded weights; it need not exist. They are data, not settings: gigabytes do not belong into a
    folder that is synchronised between machines."""
    if chosen := os.environ.get(WEIGHTS_VARIABLE):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("obs-portrait", appauthor=False)) / "weights"


def take_place(made: Path, target: Path, patience_s: float = 2.0) -> None:
    """`made` in the place of `target`, at once. Raises OSError.

    Windows refuses while anybody has one of them open, a virus scanner or ourselves, which takes a moment.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            made.replace(target)
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def write_whole(path: Path, text: str) -> None:
    """Writes a UTF-8 text file as a whole or not at all: whoever reads it meanwhile has the old one. Makes its folder;
    of a link it writes what the link leads to.

    Raises OSError.
    """
    path = path.resolve() if path.is_symlink() else path  # settings may be kept in somebody's dotfiles
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}", suffix=path.suffix)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())  # a new name for an empty file is what a power cut leaves otherwise
        take_place(Path(part), path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(part).unlink()
        raise
