"""Licences of weights: shown before the first download, accepted once, remembered in the config folder."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Final

from obs_portrait.checkpoints.catalog import Entry
from obs_portrait.errors import CheckpointError
from obs_portrait.folders import config_dir, write_whole

__all__ = ["accept", "accepted", "describe", "licences_path"]

NON_COMMERCIAL: Final = "not for commercial use"


def licences_path() -> Path:
    """The file that remembers what was accepted."""
    return config_dir() / "licences.json"


def _read() -> dict[str, dict[str, str]]:
    try:
        rows = json.loads(licences_path().read_bytes())
        return {str(name): {str(key): str(value) for key, value in row.items()} for name, row in rows.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError):
        return {}  # damaged: to ask once more is the worst that follows


def accepted(entry: Entry) -> bool:
    """Whether the licence that the catalogue gives for these weights today was accepted."""
    return _read().get(entry.name, {}).get("licence") == entry.licence


def accept(entry: Entry) -> None:
    """Remembers that the licence was accepted. Raises `CheckpointError` if that cannot be written down."""
    rows = _read()
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    rows[entry.name] = {"licence": entry.licence, "accepted": today}
    path = licences_path()
    try:
        write_whole(path, json.dumps(rows, indent=1) + "\n")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written ({error.strerror or error}).") from error


def describe(entry: Entry) -> str:
    """What a user is to know before accepting, in a few lines."""
    mark = "" if entry.commercial else f", {NON_COMMERCIAL}"
    lines = [f"{entry.name}: {entry.description}", f"Licence: {entry.licence}{mark}", entry.note, entry.licence_url]
    return "\n".join(line for line in lines if line)
