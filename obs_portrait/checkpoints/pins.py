"""Pins: trust on first use. Where nobody has published a SHA-256, the one of the file that came first is written beside
the weights, and a file with another one is refused from then on."""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from obs_portrait.checkpoints.digests import digests
from obs_portrait.errors import CheckpointError
from obs_portrait.folders import take_place

__all__ = ["Pin", "compare", "hold", "pin", "pin_path", "read", "remove"]

_NOT_OURS: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""What a folder says that is not to be written to."""


@dataclass(frozen=True, slots=True)
class Pin:
    """sha256: lower-case hex. size: bytes. address: where the file came from, None if it was put there by hand. date:
    of the pinning, ISO 8601. made_from: the SHA-256 of the weights that these were converted from."""

    sha256: str
    size: int
    address: str | None
    date: str
    made_from: str | None = None


def pin_path(path: Path) -> Path:
    """The pin of the weights at `path`. It outlives them, so that a later download is held to it."""
    return path.with_name(path.name + ".pin")


def read(path: Path) -> Pin | None:
    """The pin of the weights at `path`, or None if there is none. Raises `CheckpointError` if it is damaged: taking a
    damaged pin for none would be a way around it."""
    file = pin_path(path)
    try:
        row = json.loads(file.read_bytes())
        found = Pin(**row)
        if len(found.sha256) != 64 or int(found.sha256, 16) < 0:
            raise ValueError("not a SHA-256")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{file}: the pinned hash cannot be read ({error}). Remove this file if you trust the weights beside it."
        ) from error
    return found


def compare(path: Path, pin: Pin, sha256: str, remedy: str) -> None:
    """Raises `CheckpointError` unless the weights at `path`, which have this SHA-256, are the pinned ones."""
    if sha256 != pin.sha256:
        raise CheckpointError(
            f"{path}: SHA-256 is {sha256[:16]}…, but {pin.sha256[:16]}… was pinned on {pin.date}; the file was changed "
            f"and is not loaded. {remedy}"
        )


def hold(path: Path) -> None:
    """Raises `CheckpointError` if the weights at `path` have a pin and are not the pinned ones."""
    if (known := read(path)) is None:
        return
    compare(path, known, _sha256(path)[0], f"If you trust it as it is, remove {pin_path(path).name} beside it.")


def pin(path: Path, address: str | None = None, made_from: str | None = None) -> Pin:
    """Pins the weights at `path` as they are, unless they are pinned already, and returns the pin. In a folder that
    cannot be written to (one that is shared by several users) nothing is pinned.

    Raises `CheckpointError` if there is no room for it.
    """
    if (known := read(path)) is not None:
        return known
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    sha256, size = _sha256(path)
    made = Pin(sha256, size, address, today, made_from)
    file = pin_path(path)
    if not os.access(file.parent, os.W_OK):
        return made
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        # Not `write_whole`: its files are for one user, and others may share these weights.
        draft.write_text(json.dumps(asdict(made), indent=1) + "\n", encoding="utf-8")
        take_place(draft, file)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        if error.errno not in _NOT_OURS:
            raise CheckpointError(f"{file}: the pin cannot be written ({error.strerror or error}).") from error
    return made


def _sha256(path: Path) -> tuple[str, int]:
    """SHA-256 and size of the weights at `path`."""
    try:
        return digests(path, ["sha256"])["sha256"], path.stat().st_size
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error}).") from error


def remove(path: Path) -> None:
    """Forgets the pin of the weights at `path`; the next file is trusted again."""
    pin_path(path).unlink(missing_ok=True)
