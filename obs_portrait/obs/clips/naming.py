"""File names made of names that people chose, for three operating systems at once."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import Final

__all__ = ["clip_stem", "safe_part"]

_MOST_BYTES: Final = 80
"""For one part, in UTF-8. Linux allows 255 bytes for a whole name; Windows 260 characters for the whole path."""
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Names of devices that Windows keeps for itself, whatever the suffix."""
_FORBIDDEN: Final = '<>:"/\\|?*'
_JOINERS: Final = "\u200c\u200d\ufe0e\ufe0f"
"""What makes one sign of several (ZWNJ, ZWJ, variation selectors): kept inside, never at an end."""
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe_part(text: str, fallback: str = "unnamed") -> str:
    """`text` as a part of a file name that Linux, Windows and macOS accept; emoji and letters of any script stay.

    Separators, quotes, control and direction signs and lone surrogates become "-" or go; long text is cut between
    signs. Never empty: then it is `fallback`.
    """
    out = []
    for sign in unicodedata.normalize("NFC", text):
        if sign in _FORBIDDEN or sign in "'`\u2018\u2019\u201c\u201d\t\n\r":
            out.append("-")
        elif sign in _JOINERS or unicodedata.category(sign) not in _HIDDEN:
            out.append(" " if unicodedata.category(sign) == "Zs" else sign)
    clean = re.sub(r"(?:\s*-)+", "-", re.sub(r" +", " ", "".join(out)))
    clean = _cut(clean).strip(" .-" + _JOINERS)
    return f"_{clean}" if _RESERVED.fullmatch(clean) else clean or fallback


def _cut(text: str) -> str:
    if len(text.encode()) <= _MOST_BYTES:
        return text
    size, end = 0, 0
    for sign in text:
        size += len(sign.encode())
        if size > _MOST_BYTES:
            break
        end += 1
    # Not in the middle of a sign that is made of several: accents and joined emoji belong to what is before them.
    while end and (unicodedata.combining(text[end]) or text[end] in _JOINERS or text[end - 1] in _JOINERS):
        end -= 1
    return text[:end]


def clip_stem(when: datetime, persona: str | None, scene: str | None) -> str:
    """`2026-11-23 20-15-07 ada Main scene`: sorts by time, and says who and where."""
    parts = [f"{when:%Y-%m-%d %H-%M-%S}"]
    parts += [safe_part(name) for name in (persona, scene) if name]
    return " ".join(parts)
