"""Telling what is wrong with a profile: all of it at once, with lines and, where it can be guessed, what was meant."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from obs_portrait.errors import ProfileError
from obs_portrait.persona.lines import LineIndex

__all__ = ["Problems", "decode", "meant", "short"]

_MAX_DOTS: Final = 250  # tomllib's memory grows with the square of the dots in a key


def decode(text: str, path: Path) -> tuple[dict[str, Any], Problems]:
    """The content of a TOML text, and where to collect its problems. Raises `ProfileError` with the line."""
    for number, row in enumerate(text.split("\n"), 1):
        if row.count(".") > _MAX_DOTS:
            raise ProfileError(f"{path}:{number}: more than {_MAX_DOTS} dots in a line; this is no profile.")
    try:
        return tomllib.loads(text), Problems(path, LineIndex(text))
    except tomllib.TOMLDecodeError as error:
        # tomllib tells the place inside its message only: "… (at line 3, column 7)" or "… (at end of document)".
        told = re.fullmatch(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", str(error), re.S)
        what = told["what"] if told else str(error)
        line = int(told["line"]) if told and told["line"] else text.rstrip().count("\n") + 1
        raise ProfileError(f"{path}:{line}: not valid TOML: {what[:1].lower()}{what[1:]}.") from error
    except ValueError as error:  # Python reads no number of more than some thousand digits
        raise ProfileError(f"{path}: not valid TOML: a number is too long.") from error


@dataclass
class Problems:
    """Collects what is wrong with one profile; `stop` raises all of it at once, in the order of the lines."""

    path: Path
    lines: LineIndex

    def __post_init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def add(self, place: tuple[str | int, ...], text: str) -> None:
        """One sentence about the setting at `place`."""
        self.found.append((self.lines.of(place), text))

    def take(self, section: tuple[str, ...], error: ValidationError, fields: list[str]) -> None:
        """What pydantic found in a section that has the settings `fields`."""
        for item in error.errors():
            place = section + tuple(item["loc"])
            self.add(place, _sentence(place, dict(item), fields))

    def stop(self) -> None:
        """Raises `ProfileError` if there is anything to tell."""
        if self.found:
            raise ProfileError([f"{self.path}:{line}: {text}" for line, text in sorted(set(self.found))])


def _sentence(place: tuple[str | int, ...], item: dict[str, Any], fields: list[str]) -> str:
    dotted = ".".join(str(part) for part in place)
    kind, given = item["type"], item.get("input")
    shown = short(given) if not isinstance(given, Mapping) else "what stands there"
    if kind == "extra_forbidden":
        return f"there is no setting '{dotted}'.{meant(str(place[-1]), fields)}"
    if kind == "missing":
        return f"'{dotted}' is missing; add it."
    if kind == "literal_error":
        allowed = str(item["ctx"]["expected"])
        hint = meant(str(given), [part.strip("'") for part in allowed.replace(" or ", ", ").split(", ")])
        if dotted == "consent.kind":
            return (
                f"consent.kind is {shown}, but a persona must be {allowed}: the face or voice of another real person "
                f"is not accepted.{hint}"
            )
        return f"'{dotted}' is {shown}, it must be {allowed}.{hint}"
    if kind.startswith("date"):
        return f"'{dotted}' is {shown}, it must be a day, written 2026-01-31."
    if kind == "string_pattern_mismatch" and str(item["ctx"]["pattern"]) == r"\S":
        return f"'{dotted}' is {shown}, it must not be empty."
    text = str(item["msg"]).removeprefix("Value error, ")
    return f"'{dotted}' is {shown}: {text[0].lower()}{text[1:]}."


def short(given: object) -> str:
    """What was written, cut to a length that fits into a sentence."""
    text = repr(given)
    return text if len(text) < 60 else f"{text[:40]}…"


def meant(name: str, choices: list[str]) -> str:
    """ " Did you mean '…'?" if one of the choices is close, else nothing."""
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""
