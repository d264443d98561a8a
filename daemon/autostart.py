"""Starting at login, in the way of each system: an XDG autostart file, the Run key on Windows, a LaunchAgent on macOS.

Every function says what it did and does nothing twice. What it writes names this program's interpreter in full, so
that it works without a PATH.
"""

from __future__ import annotations

import contextlib
import os
import plistlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from obs_portrait.errors import DesktopError
from obs_portrait.folders import write_whole

__all__ = ["Autostart", "command", "launch_agent", "run_value", "status", "switch_off", "switch_on", "xdg_entry"]

_NAME: Final = "obs-portrait"
_LABEL: Final = "io.obs-portrait.daemon"
_RUN_KEY: Final = r"Software\Microsoft\Windows\CurrentVersion\Run"
_RUN_NAME: Final = "OBS Portrait"
_SPECIAL: Final = set(" \t\n\"'\\><~|&;$*?#()`")


@dataclass(frozen=True, slots=True)
class Autostart:
    """on: it starts at login. where: the file or key. sentence: for the user."""

    on: bool
    where: str
    sentence: str


def command(arguments: Sequence[str] = ("run",)) -> list[str]:
    """What is started: this Python, this program. On Windows without a console window."""
    python = Path(sys.executable)
    if sys.platform == "win32":
        silent = python.with_name("pythonw.exe")
        python = silent if silent.exists() else python
    return [str(python), "-P", "-m", "daemon.cli", *arguments]


def switch_on(arguments: Sequence[str] = ("run",)) -> Autostart:
    """Starts at the next login. Raises `DesktopError` if that cannot be written."""
    wanted = command(arguments)
    try:
        changed = _write(wanted)
    except OSError as error:
        raise DesktopError(f"{_where()}: cannot be written ({error.strerror or error}).") from error
    words = "OBS Portrait starts at your next login" if changed else "OBS Portrait already starts at login"
    return Autostart(True, _where(), f"{words} ({_where()}).")


def switch_off() -> Autostart:
    """No longer starts at login. Raises `DesktopError` if what is there cannot be taken away."""
    try:
        changed = _remove()
    except OSError as error:
        raise DesktopError(f"{_where()}: cannot be removed ({error.strerror or error}).") from error
    words = "no longer starts" if changed else "did not start"
    return Autostart(False, _where(), f"OBS Portrait {words} at login ({_where()}).")


def status() -> Autostart:
    """Whether it starts at login, and whether that still names this installation."""
    found = _read()
    if found is None:
        return Autostart(False, _where(), f"OBS Portrait does not start at login ({_where()}).")
    if not _names_us(found):
        return Autostart(
            True, _where(), f"Another copy of OBS Portrait starts at login ({_where()}); for this one type: "
            "obs-portrait autostart on",
        )  # fmt: skip
    return Autostart(True, _where(), f"OBS Portrait starts at login ({_where()}).")


# ---- what is written -------------------------------------------------------------------------------------------------


def xdg_entry(wanted: Sequence[str]) -> str:
    """A desktop entry (freedesktop.org's specification, "Exec key")."""
    return (
        "[Desktop Entry]\n"
        "Type=Application\n"
        "Name=OBS Portrait\n"
        "Comment=Become somebody else, live, inside OBS\n"
        f"Exec={' '.join(_exec_word(word) for word in wanted)}\n"
        "Terminal=false\n"
        "X-GNOME-Autostart-enabled=true\n"
        "X-GNOME-Autostart-Delay=5\n"
    )


def _exec_word(word: str) -> str:
    """Two layers of quoting: the word's inside Exec, and the string's of the file, in which a backslash is two."""
    word = word.replace("%", "%%")
    if not word or _SPECIAL & set(word) or any(letter.isspace() for letter in word):
        for letter in ("\\", '"', "`", "$"):
            word = word.replace(letter, f"\\{letter}")
        word = f'"{word}"'
    return word.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def launch_agent(wanted: Sequence[str]) -> bytes:
    """A property list for launchd: started once at login, not again when it is quit."""
    return plistlib.dumps(
        {"Label": _LABEL, "ProgramArguments": list(wanted), "RunAtLoad": True, "ProcessType": "Interactive"}
    )


def run_value(wanted: Sequence[str]) -> str:
    """A command line as Windows takes it apart again."""
    return subprocess.list2cmdline(wanted)


# ---- where it is written ---------------------------------------------------------------------------------------------


def _file() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "LaunchAgents" / f"{_LABEL}.plist"
    folder = os.environ.get("XDG_CONFIG_HOME") or ""
    base = Path(folder) if Path(folder).is_absolute() else Path.home() / ".config"
    return base / "autostart" / f"{_NAME}.desktop"


def _where() -> str:
    return rf"HKEY_CURRENT_USER\{_RUN_KEY}\{_RUN_NAME}" if sys.platform == "win32" else str(_file())


def _content(wanted: Sequence[str]) -> str:
    if sys.platform == "win32":
        return run_value(wanted)
    return launch_agent(wanted).decode() if sys.platform == "darwin" else xdg_entry(wanted)


def _names_us(found: str) -> bool:
    """Whether it starts this installation, with whatever arguments."""
    ours = command(())
    if sys.platform == "win32":
        return found.startswith(run_value(ours))
    if sys.platform == "darwin":
        with contextlib.suppress(plistlib.InvalidFileException, ValueError, AttributeError):
            return list(plistlib.loads(found.encode()).get("ProgramArguments", ()))[: len(ours)] == ours
        return False
    return f"Exec={' '.join(_exec_word(word) for word in ours)}" in found


def _write(wanted: Sequence[str]) -> bool:
    """True if it was other before."""
    content = _content(wanted)
    if _read() == content:
        return False
    if sys.platform == "win32":
        import winreg

        with winreg.CreateKey(winreg.HKEY_CURRENT_USER, _RUN_KEY) as key:
            winreg.SetValueEx(key, _RUN_NAME, 0, winreg.REG_SZ, content)
    else:
        write_whole(_file(), content)
    return True


def _remove() -> bool:
    """True if it was there."""
    try:
        if sys.platform == "win32":
            import winreg

            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _RUN_KEY, 0, winreg.KEY_SET_VALUE) as key:
                winreg.DeleteValue(key, _RUN_NAME)
        else:
            _file().unlink()
    except FileNotFoundError:
        return False
    return True


def _read() -> str | None:
    """What is there now; None if nothing is, or it is switched off (GNOME's settings write that into the file)."""
    try:
        if sys.platform == "win32":
            import winreg

            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _RUN_KEY) as key:
                return str(winreg.QueryValueEx(key, _RUN_NAME)[0])
        text = _file().read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    off = ("Hidden=true", "X-GNOME-Autostart-enabled=false")
    return None if any(line.strip() in off for line in text.splitlines()) else text
