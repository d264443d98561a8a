"""Names of personas: they become folder names on three operating systems."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["MAX_NAME", "check_name", "slug"]

MAX_NAME: Final = 60
_RESERVED: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{i}" for i in range(1, 10)), *(f"lpt{i}" for i in range(1, 10))}
)


def check_name(name: object) -> str:
    """Returns `name` if it can name a persona, else raises ValueError with the reason.

    Letters and digits of any script, spaces, "-", "_" and "." inside; 1 to 60 characters.
    """
    if not isinstance(name, str) or not name:
        raise ValueError("it must be text")
    if len(name) > MAX_NAME:
        raise ValueError(f"it has {len(name)} characters, {MAX_NAME} are allowed")
    if name != name.strip() or name.startswith(".") or name.endswith("."):
        raise ValueError("it must not begin or end with a space or a full stop")
    for letter in name:
        if letter not in " -_." and unicodedata.category(letter)[0] not in "LNM":
            raise ValueError(f"it must not contain {letter!r}; use letters, digits, '-' and '_'")
    if name.split(".")[0].lower() in _RESERVED:
        raise ValueError("Windows keeps this name for itself")
    return name


def slug(text: str) -> str:
    """A name made from any text, for instance from a file name."""
    words = re.sub(r"[^\w]+", "-", unicodedata.normalize("NFC", text).lower()).strip("-_.")[:MAX_NAME].strip("-_.")
    return f"{words}-persona" if not words or words in _RESERVED else words
