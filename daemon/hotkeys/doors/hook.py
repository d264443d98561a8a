"""Keys through the package `keyboard`: a hook on Windows, /dev/input on Linux, where it takes root."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, ClassVar, Final

from daemon.hotkeys.chord import MODIFIERS
from daemon.hotkeys.doors.base import Door, OnKey
from obs_portrait.errors import DesktopError

__all__ = ["HookDoor"]

_NAMES: Final = {
    "pageup": "page up", "pagedown": "page down", "printscreen": "print screen", "scrolllock": "scroll lock",
    "escape": "esc", "minus": "-", "equal": "=", "comma": ",", "period": ".", "slash": "/", "backslash": "\\",
    "semicolon": ";", "apostrophe": "'", "grave": "`", "bracketleft": "[", "bracketright": "]",
}  # fmt: skip
"""What `keyboard` calls a key, where it is not our name."""
_MODIFIER_NAMES: Final = {"super": "windows"}
_PAD: Final = {
    "num7": 71, "num8": 72, "num9": 73, "num4": 75, "num5": 76, "num6": 77, "num1": 79, "num2": 80, "num3": 81,
    "num0": 82,
}  # fmt: skip
"""The number pad's codes, the same on Windows and Linux. On Windows other keys share them and differ by a mark."""
_PAD_CODES: Final = frozenset({*_PAD.values(), 83})
"""With the point's."""
_VIRTUAL: Final = {"ctrl": (0x11,), "alt": (0x12,), "shift": (0x10,), "super": (0x5B, 0x5C)}
_SCAN_TO_VIRTUAL: Final = 3  # MAPVK_VSC_TO_VK_EX


class HookDoor(Door):
    """`keyboard` keeps its one listener for as long as the program runs; ours is one of its hooks."""

    name: ClassVar[str] = "keyboard"

    @classmethod
    def validate_environment(cls) -> str | None:
        """See `Door`."""
        if sys.platform == "win32":
            return None
        if sys.platform == "darwin":
            return "macOS has a way of its own."
        if os.geteuid() != 0:
            return "Reading the keyboard itself (/dev/input) takes root, and no streaming program should run as root."
        devices = Path("/proc/bus/input/devices")
        if not Path("/dev/input").is_dir() or not devices.exists() or "kbd" not in devices.read_text(errors="replace"):
            return "There is no keyboard in /dev/input."
        if shutil.which("dumpkeys") is None:
            return "dumpkeys, which tells the keyboard's layout, was not found: sudo apt install kbd"
        return None

    def __init__(self) -> None:
        self._unhook: Callable[[], None] | None = None
        self._codes: dict[str, tuple[int, ...]] = {}
        self._missing: list[str] = []

    def start(self, keys: Collection[str], on_key: OnKey, on_end: Callable[[str], None]) -> None:
        """See `Door`."""
        try:
            import keyboard

            for key in keys:
                self._codes[key] = (_PAD[key],) if key in _PAD else self._find(keyboard, _NAMES.get(key, key))
            for name in MODIFIERS:
                self._codes[name] = self._find(keyboard, _MODIFIER_NAMES.get(name, name))
        except Exception as error:  # it raises ImportError, OSError, AssertionError, whatever a driver makes of it
            raise DesktopError(f"The keyboard cannot be read ({error}).") from error
        for key in keys:  # by what is on them the library finds the pad's keys too, whose codes are arrows' as well
            if key.isdecimal() or key == "period":
                self._codes[key] = tuple(code for code in self._codes[key] if code not in _PAD_CODES)
        self._missing = [key for key in keys if not self._codes[key]]
        names = {(code, name in _PAD): name for name, codes in self._codes.items() for code in codes}

        def heard(event: Any) -> None:
            name = names.get((event.scan_code, bool(event.is_keypad)))
            if name is not None:
                on_key(name, event.event_type == "down", None)

        try:
            self._unhook = keyboard.hook(heard)
        except Exception as error:
            raise DesktopError(f"The keyboard cannot be read ({error}).") from error

    @staticmethod
    def _find(keyboard: Any, name: str) -> tuple[int, ...]:
        return tuple(keyboard.key_to_scan_codes(name, error_if_missing=False))

    def stop(self) -> None:
        """See `Door`."""
        unhook, self._unhook = self._unhook, None
        if unhook is not None:
            unhook()

    def is_down(self, key: str) -> bool | None:
        """See `Door`. On Linux the keyboard's state is not asked for: a hold ends by its limit there."""
        if sys.platform != "win32":
            return None
        import ctypes

        user32 = ctypes.windll.user32
        codes = _VIRTUAL.get(key) or tuple(
            user32.MapVirtualKeyW(code, _SCAN_TO_VIRTUAL) for code in self._codes.get(key, ())
        )
        return any(user32.GetAsyncKeyState(code) & 0x8000 for code in codes if code) if codes else None

    def missing(self) -> list[str]:
        """See `Door`."""
        return list(self._missing)
