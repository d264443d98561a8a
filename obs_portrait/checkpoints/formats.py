"""What kind of file weights are, by their first bytes. Where no hash is public, this and the size are all that keeps an
error page from being pinned as the weights; what reads them looks at every tensor later."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

__all__ = ["STREAM", "ZIP", "strange"]

ZIP: Final = b"PK\x03\x04"
STREAM: Final = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"  # PyTorch's magic number as a pickle of protocol 2
_CHECKPOINTS: Final = frozenset({"fomm"})
"""Families whose files are PyTorch's (a zip since 1.6, a stream before) or safetensors."""


def strange(path: Path, family: str) -> str | None:
    """None if the file at `path` begins as weights of this family do, or if nobody knows how they begin; else what is
    wrong, as a part of a sentence. Raises `OSError`."""
    if family not in _CHECKPOINTS:
        return None
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(ZIP):  # its directory comes last
        return None if zipfile.is_zipfile(path) else "it is a PyTorch checkpoint that was cut off"
    header = 8 + int.from_bytes(head[:8], "little")  # of safetensors: its length, then JSON
    if head.startswith(STREAM) or (head[8:9] == b"{" and header <= size):
        return None
    return "it is neither a PyTorch checkpoint nor a safetensors file"
