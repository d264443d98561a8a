"""What the tray says, in the user's language."""

from __future__ import annotations

import locale
import os
import sys
import tomllib
from importlib import resources
from typing import Final

__all__ = ["LANGUAGES", "Words", "language_of_the_desktop"]

LANGUAGES: Final = ("en", "zh")


def language_of_the_desktop() -> str:
    """The first of our languages that the desktop asks for, else English."""
    if sys.platform == "win32":
        import ctypes

        names = [locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")]
    else:
        names = [os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
        names.append(locale.getlocale()[0] or "")
    wanted = next((name for name in names if name), "en")
    return next((language for language in LANGUAGES if wanted.lower().startswith(language)), "en")


class Words:
    """`words("title", persona="ada", state="live")`. language: one of `LANGUAGES`, "auto" for the desktop's."""

    def __init__(self, language: str = "auto") -> None:
        self.language = language_of_the_desktop() if language not in LANGUAGES else language
        text = resources.files("daemon.tray").joinpath("strings", f"{self.language}.toml").read_text("utf-8")
        self._table: dict[str, str] = tomllib.loads(text)

    def __call__(self, key: str, /, **fields: object) -> str:
        return self._table[key].format(**fields)
