"""SubRip files (.srt): numbered captions with times and a line or two of text."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from obs_portrait.errors import MediaError

__all__ = ["Caption", "read_srt"]

_MOST_BYTES: Final = 8 << 20
_TIMES: Final = re.compile(r"\s*(\d+):(\d{1,2}):(\d{1,2})[,.](\d{1,3})\s*-->\s*(\d+):(\d{1,2}):(\d{1,2})[,.](\d{1,3})")
_TAGS: Final = re.compile(r"</?[a-zA-Z][^<>]*>|\{\\[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Caption:
    """text: plain, lines separated by "\\n". start, end: seconds."""

    start: Fraction
    end: Fraction
    text: str


def read_srt(path: Path) -> list[Caption]:
    """Captions in the order of their times; formatting is left out. Raises `MediaError` with the line that is wrong."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise MediaError(f"{path}: this is too large for captions.")
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: the captions cannot be read ({error.strerror or error}).") from None
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")  # what old Windows programs write
    captions = []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    number = 0
    while number < len(lines):
        found = _TIMES.match(lines[number])
        if found is None:
            if "-->" in lines[number]:
                raise MediaError(
                    f"{path}, line {number + 1}: '{lines[number].strip()[:60]}' are no times of a caption."
                )
            number += 1
            continue
        start, end = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
        if end <= start:
            raise MediaError(f"{path}, line {number + 1}: the caption ends before it begins.")
        number += 1
        said = []
        while number < len(lines) and lines[number].strip():
            said.append(html.unescape(_TAGS.sub("", lines[number])).strip())
            number += 1
        if words := "\n".join(filter(None, said)):
            captions.append(Caption(start, end, words))
    if not captions:
        raise MediaError(
            f"{path}: there is no caption in this file; an .srt has lines like 00:00:01,000 --> 00:00:02,500."
        )
    return sorted(captions, key=lambda caption: caption.start)


def _seconds(parts: tuple[str, ...]) -> Fraction:
    hours, minutes, seconds, fraction = parts
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + Fraction(int(fraction.ljust(3, "0")), 1000)
