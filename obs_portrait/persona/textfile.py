"""A TOML file that its owner edits while we run: noticed when it changes, read with clear errors, written whole."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from obs_portrait.errors import ProfileError
from obs_portrait.folders import write_whole

__all__ = ["TextFile"]

_MOST_BYTES: Final = 256 * 1024


class TextFile:
    """`what`: what it holds, in the plural, for messages ("settings")."""

    def __init__(self, path: Path, what: str) -> None:
        self.path, self._what = path, what

    def state(self) -> tuple[int, int] | None:
        """Something that differs after an edit; None if there is no such file."""
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size

    def read(self) -> str:
        """The text, "" if there is no such file. Raises `ProfileError`."""
        try:
            if self.path.stat().st_size > _MOST_BYTES:
                raise ProfileError(f"{self.path}: larger than {_MOST_BYTES // 1024} KB; these are no {self._what}.")
            return self.path.read_text("utf-8-sig")
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError:
            raise ProfileError(f"{self.path}: not UTF-8 text; save it as UTF-8.") from None
        except OSError as error:
            raise ProfileError(f"{self.path}: cannot be read ({error.strerror or error}).") from None

    def write(self, text: str) -> None:
        """Raises `ProfileError`."""
        try:
            write_whole(self.path, text)
        except OSError as error:
            raise ProfileError(f"{self.path}: cannot be written ({error.strerror or error}).") from None
