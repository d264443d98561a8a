"""Where a key stands in a TOML file: neither tomllib nor tomlkit tell, and a problem needs its line."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["LineIndex"]

_TABLE: Final = re.compile(r"^\s*\[\[?\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY: Final = re.compile(
    r"""^\s*(?P<key>(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"))*)\s*="""
)
_TRIPLE: Final = re.compile(r'"""|\'\'\'')


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in name.split("."))


class LineIndex:
    """Line numbers (from 1) of the tables and keys of a TOML text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        quote: str | None = None
        for number, line in enumerate(text.splitlines(), 1):
            if quote is None:
                if (match := _TABLE.match(line)) is not None:
                    table = _parts(match["name"])
                    self._lines.setdefault(table, number)
                elif (match := _KEY.match(line)) is not None:
                    self._lines.setdefault(table + _parts(match["key"]), number)
            for mark in _TRIPLE.findall(line):  # a key inside a multi-line string is no key
                quote = mark if quote is None else None if quote == mark else quote

    def of(self, place: tuple[str | int, ...]) -> int:
        """Line of the key, or of the nearest table around it; 1 if there is neither."""
        names = tuple(part for part in place if isinstance(part, str))
        while names:
            if names in self._lines:
                return self._lines[names]
            names = names[:-1]
        return 1
