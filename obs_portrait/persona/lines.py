"""Where a key stands in a TOML file: neither tomllib nor tomlkit tell, and a problem needs its line."""

from __future__ import annotations

import bisect
import re
import tomllib
from typing import Final

__all__ = ["LineIndex"]

_Place = tuple[str | int, ...]

_DEPTH: Final = 16  # no setting lies deeper; a key of ten thousand dots must not cost its square in memory
_BLANK: Final = re.compile(r"(?:[\s,]|#[^\n]*)*")  # what may stand between two items: commas too, the text is valid
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?!")'  # up to two quotes may stand before the closing three
    r"|'''.*?'''(?!')"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"\d{4}-\d\d-\d\d[ ]\d\d:[^\s,\]}#]+|[^\s,\]}#]+")


class LineIndex:
    """Line numbers (from 1) of every table, key and array item of a TOML text that tomllib accepts.

    A place is the path to a value in what `tomllib.loads` returns: ``("voice", "equaliser", 1, "hz")``.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [0, *(match.end() for match in re.finditer(r"\n", text))]
        self._lines: dict[_Place, int] = {}
        self._items: dict[_Place, int] = {}  # index of the newest item of each array of tables
        self._document()

    def of(self, place: tuple[str | int, ...]) -> int:
        """Line of the value, or of the nearest table around it; 1 if there is neither."""
        while place:
            if place in self._lines:
                return self._lines[place]
            place = place[:-1]
        return 1

    def _note(self, place: _Place, at: int) -> None:
        self._lines.setdefault(place, bisect.bisect_right(self._starts, at))

    def _skip(self, pattern: re.Pattern[str]) -> str:
        """Moves behind the match, which may be empty, and returns it."""
        match = pattern.match(self._text, self._at)
        found = match.group() if match is not None else ""
        self._at += len(found)
        return found

    def _next(self) -> str:
        """The next character that means something, "" at the end."""
        self._skip(_BLANK)
        return self._text[self._at : self._at + 1]

    def _document(self) -> None:
        table: _Place = ()
        while letter := self._next():
            if letter == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> _Place:
        start = self._at
        brackets = 2 if self._text.startswith("[[", start) else 1
        self._at += brackets
        names = self._key()
        self._at += brackets
        place: _Place = ()
        for depth, name in enumerate(names[:_DEPTH], 1):
            place += (name,)
            if brackets == 2 and depth == len(names):
                self._items[place] = self._items.get(place, -1) + 1
            self._note(place, start)
            if place in self._items:  # what follows belongs to the newest item
                place += (self._items[place],)
        self._lines.pop(place, None)  # it may have been implied by a table inside it: this is the table itself
        self._note(place, start)
        return place

    def _key(self) -> list[str]:
        names = []
        while True:
            self._skip(_SPACE)
            quoted = self._text[self._at] in "\"'"
            word = self._skip(_STRING if quoted else _BARE)
            names.append(next(iter(tomllib.loads(f"{word} = 0"))) if quoted else word)
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return names
            self._at += 1

    def _pair(self, table: _Place) -> None:
        start, place = self._at, table
        for name in self._key()[: max(0, _DEPTH - len(place))]:
            place += (name,)
            self._note(place, start)
        self._at += 1  # the equals sign
        self._value(place)

    def _value(self, place: _Place) -> None:
        self._skip(_SPACE)
        letter = self._text[self._at]
        if letter in "\"'":
            self._skip(_STRING)
        elif letter in "[{":
            self._at += 1
            index = 0
            while self._next() not in ("]", "}"):
                if letter == "{":
                    self._pair(place)
                else:
                    item = (*place, index) if len(place) < _DEPTH else place
                    self._note(item, self._at)
                    self._value(item)
                    index += 1
            self._at += 1
        else:
            self._skip(_SCALAR)
