"""Hashes and sizes of files that may be larger than memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["LABELS", "digests", "megabytes"]

LABELS: Final = {"sha256": "SHA-256", "md5": "MD5"}
"""What people call these algorithms."""
_BLOCK: Final = 1 << 20


def digests(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """Lower-case hex by the name of the algorithm ("sha256", "md5"), all in one pass. Raises `OSError`."""
    # MD5 says whether a file is the one that was published; it never stands alone against somebody who forges one,
    # because the SHA-256 of what came first is pinned beside it.
    running = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    if running:
        with path.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                for one in running.values():
                    one.update(block)
    return {name: one.hexdigest() for name, one in running.items()}


def megabytes(size: int) -> str:
    """A size in bytes for people, in millions of them: "0.4 MB", "228 MB"."""
    return f"{size / 1e6:,.0f} MB" if size >= 10_000_000 else f"{size / 1e6:.1f} MB"
