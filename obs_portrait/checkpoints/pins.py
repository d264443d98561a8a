"""Pins: trust on first use. Where nobody has published a SHA-256, the one of the file that came first is written beside
the weights, and a file with another one is refused from then on."""

from __future__ import annotations

import datetime
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from obs_portrait.checkpoints.digests import digests
from obs_portrait.errors import CheckpointError

__all__ = ["Pin", "pin", "pin_path", "read", "remove"]


@dataclass(frozen=True, slots=True)
class Pin:
    """sha256: lower-case hex. size: bytes. address: where the file came from, None if it was put there by hand. date:
    of the pinning, ISO 8601."""

    sha256: str
    size: int
    address: str | None
    date: str


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


def pin(path: Path, address: str | None = None) -> Pin:
    """Pins the weights at `path` as they are, unless they are pinned already, and returns the pin. In a folder that
    cannot be written to (one that is shared by several users) nothing is pinned."""
    if (known := read(path)) is not None:
        return known
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    made = Pin(digests(path, ["sha256"])["sha256"], path.stat().st_size, address, today)
    file = pin_path(path)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    if os.access(file.parent, os.W_OK):
        draft.write_text(json.dumps(asdict(made), indent=1) + "\n", encoding="utf-8")
        draft.replace(file)
    return made


def remove(path: Path) -> None:
    """Forgets the pin of the weights at `path`; the next file is trusted again."""
    pin_path(path).unlink(missing_ok=True)
