"""What all kinds of after-work share: the target, the result, the progress."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from av.error import FFmpegError

from obs_portrait.errors import MediaError
from obs_portrait.media.files import check_output, explain, partial_path

__all__ = ["Made", "Progress", "beside", "parse_time", "producing", "rising", "silent"]

Progress = Callable[[float], None]
"""Called with how much is done, 0 to 1. May raise KeyboardInterrupt to end the work."""
_TIME: Final = re.compile(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d+)?)s?")


def silent(done: float) -> None:
    """A progress that nobody looks at."""


def rising(progress: Progress) -> Progress:
    """The same, but never told less than before: packets do not come in the order of their times."""
    most = 0.0

    def tell(done: float) -> None:
        nonlocal most
        most = max(most, min(done, 1.0))
        progress(most)

    return tell


@dataclass(frozen=True, slots=True)
class Made:
    """path: the new file. how: in a few words, without a full stop ("copied without loss")."""

    path: Path
    how: str


def parse_time(text: str) -> Fraction:
    """Seconds from "83.5", "1:23.5" or "0:01:23.5". Raises `MediaError`."""
    found = _TIME.fullmatch(text.strip())
    if found is None or (":" in text and float(found[3]) >= 60):
        raise MediaError(f"'{text}' is no time; write seconds (83.5) or minutes and seconds (1:23.5).")
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds)


def beside(source: Path, what: str, suffix: str | None = None) -> Path:
    """A free name in the source's folder: `clip.mkv` -> `clip trim.mkv`, `clip trim (2).mkv` …"""
    suffix = source.suffix if suffix is None else suffix
    for number in range(1, 10_000):
        name = f"{source.stem} {what}" if number == 1 else f"{source.stem} {what} ({number})"
        if not (path := source.with_name(name + suffix)).exists():
            return path
    raise MediaError(f"{source.parent}: there are ten thousand files called '{source.stem} {what}'; name one yourself.")


@contextlib.contextmanager
def producing(target: Path, *sources: Path, force: bool = False) -> Iterator[Path]:
    """Where to write; gets the name `target` when the block ends well, and is removed when it does not.

    Raises `MediaError` with one sentence for what the system refuses, a full disk above all.
    """
    check_output(target, force)
    for source in sources:
        if target.exists() and source.exists() and target.samefile(source):
            raise MediaError(f"{target}: this is the clip itself; choose another name.")
    part = partial_path(target)
    try:
        yield part
        if target.exists() and not force:  # it came while we worked
            check_output(target, force)
        part.replace(target)
    except (FFmpegError, OSError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise MediaError(f"{target}: the disk is full; make room or choose another one.") from error
        raise MediaError(f"{target}: cannot be written ({explain(error)}).") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
