"""Files that are named by their path, and converted copies: what is known of them is held to, too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from obs_portrait.checkpoints import catalog, pins, verdicts
from obs_portrait.checkpoints.catalog import Entry, locate, lookup, place, settle
from obs_portrait.checkpoints.digests import digests
from obs_portrait.errors import CheckpointError

__all__ = ["beside", "convert", "converted", "ready", "vouch"]


def vouch(path: Path) -> None:
    """Raises `CheckpointError` if the file at `path` is one of the catalogue's, or has a pin, and was changed. A file
    of which nothing is known passes: it is the user's own."""
    if (entry := _owner(path)) is not None:
        home = place(entry)
        verdicts.once(home, entry, partial(settle, home, entry))
        return
    for one in dict.fromkeys((path, path.resolve())):  # a link has the pin of what it leads to
        verdicts.once(one, None, partial(pins.hold, one))


def ready(name: str) -> Path:
    """Path of what is to be loaded for weights of the catalogue: their converted copy if they have one, which loads
    faster, else they themselves (`locate`). Verified. Raises `CheckpointError` as `locate` does."""
    entry = lookup(name)
    copy = converted(entry)
    if copy is None:
        return locate(entry.name)
    vouch(copy)
    return copy


def converted(entry: Entry) -> Path | None:
    """Where the converted copy of these weights is, or None. Its pin says that it was made from the right ones; whether
    it still has the hash of its pin is `vouch`'s."""
    source = place(entry)
    copy = beside(source)
    if copy is None or not copy.is_file() or (pin := pins.read(copy)) is None or pin.made_from is None:
        return None
    known = entry.sha256
    if known is None and (first := pins.read(source)) is not None:
        known = first.sha256
    return copy if pin.made_from == known else None


def beside(source: Path) -> Path | None:
    """Where the converted copy of `source` belongs: .safetensors in the place of .pth.tar, .pth, .pt or .tar. None if
    it ends in none of these."""
    stem = source.name
    for ending in (".tar", ".pth", ".pt"):
        if stem.lower().endswith(ending):
            stem = stem[: -len(ending)]
    return source.with_name(f"{stem}.safetensors") if stem not in ("", source.name) else None


def convert(source: Path, target: Path, write: Callable[[Path, Path], object]) -> None:
    """Has `write(source, target)` convert a file. A copy beside weights of the catalogue is pinned with the hash of
    what it was made from, so that `ready` finds it. Raises `CheckpointError`."""
    vouch(source)
    entry = _owner(source)
    home = None if entry is None else beside(place(entry))
    if home is None or target.absolute() != home.absolute():
        write(source, target)
        return
    before = verdicts.stamp(source)
    try:
        made_from = digests(source, ["sha256"])["sha256"]
        pins.remove(target)
    except OSError as error:
        raise CheckpointError(f"{error.filename or source}: {error.strerror or error}.") from error
    write(source, target)
    if verdicts.stamp(source) == before:  # else nobody knows what it was made from, and it is not used by name
        pins.pin(target, made_from=made_from)


def _owner(path: Path) -> Entry | None:
    """The row of the catalogue whose file this is, under whatever name."""
    for entry in catalog.load_catalog().values():
        try:
            if place(entry).samefile(path):
                return entry
        except OSError:
            continue
    return None
