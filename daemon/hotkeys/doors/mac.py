"""Keys on macOS, through pynput. The system asks the user once whether this program may hear them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import Any, ClassVar, Final

from daemon.hotkeys.doors.base import Door, OnKey
from obs_portrait.errors import DesktopError

__all__ = ["MacDoor"]

_ALLOW: Final = "System Settings > Privacy & Security > Input Monitoring"

# Virtual key codes (Carbon's kVK_…): places on the keyboard, whatever they write.
_CODES: Final[dict[str, int]] = {
    **dict(zip("asdfhgzxcv", range(10), strict=True)), "b": 11, "q": 12, "w": 13, "e": 14, "r": 15, "y": 16, "t": 17,
    "1": 18, "2": 19, "3": 20, "4": 21, "6": 22, "5": 23, "equal": 24, "9": 25, "7": 26, "minus": 27, "8": 28,
    "0": 29, "bracketright": 30, "o": 31, "u": 32, "bracketleft": 33, "i": 34, "p": 35, "enter": 36, "l": 37, "j": 38,
    "apostrophe": 39, "k": 40, "semicolon": 41, "backslash": 42, "comma": 43, "slash": 44, "n": 45, "m": 46,
    "period": 47, "tab": 48, "space": 49, "grave": 50, "backspace": 51, "escape": 53,
    "num0": 82, "num1": 83, "num2": 84, "num3": 85, "num4": 86, "num5": 87, "num6": 88, "num7": 89, "num8": 91,
    "num9": 92, "f1": 122, "f2": 120, "f3": 99, "f4": 118, "f5": 96, "f6": 97, "f7": 98, "f8": 100, "f9": 101,
    "f10": 109, "f11": 103, "f12": 111, "f13": 105, "f14": 107, "f15": 113, "f16": 106, "f17": 64, "f18": 79,
    "f19": 80, "f20": 90, "menu": 110, "insert": 114, "home": 115, "pageup": 116, "delete": 117, "end": 119,
    "pagedown": 121, "left": 123, "right": 124, "down": 125, "up": 126,
}  # fmt: skip
_MODIFIER_CODES: Final = {"ctrl": (59, 62), "alt": (58, 61), "shift": (56, 60), "super": (55, 54)}
_HARDWARE_STATE: Final = 1  # kCGEventSourceStateHIDSystemState


class MacDoor(Door):
    """One listener thread of pynput's."""

    name: ClassVar[str] = "macOS"

    @classmethod
    def validate_environment(cls) -> str | None:
        """See `Door`."""
        if sys.platform != "darwin":
            return "This is not macOS."
        try:
            import pynput.keyboard  # noqa: F401 - whether it loads is the question
            import Quartz
        except ImportError as error:
            return f"pynput cannot be loaded ({error}); type: pip install pynput"
        if not Quartz.CGPreflightListenEventAccess():
            Quartz.CGRequestListenEventAccess()  # the system asks the user, once, and lists this program
            return f"macOS does not yet let this program hear keys: allow it in {_ALLOW}, then start it again."
        return None

    def __init__(self) -> None:
        self._listener: Any = None
        self._missing: list[str] = []

    def start(self, keys: Collection[str], on_key: OnKey, on_end: Callable[[str], None]) -> None:
        """See `Door`."""
        from pynput import keyboard

        codes = {code: name for name, pair in _MODIFIER_CODES.items() for code in pair}
        codes |= {_CODES[key]: key for key in keys if key in _CODES}
        self._missing = [key for key in keys if key not in _CODES]

        def heard(key: Any, down: bool) -> None:
            code = getattr(key, "vk", None)
            if code is None:  # a named key holds its code inside
                code = getattr(getattr(key, "value", None), "vk", None)
            if code in codes:
                on_key(codes[code], down, None)

        self._listener = keyboard.Listener(
            on_press=lambda key: heard(key, True), on_release=lambda key: heard(key, False)
        )
        try:
            self._listener.start()
        except Exception as error:  # pynput passes on whatever Quartz makes of it
            raise DesktopError(f"macOS does not let us hear keys ({error}): look into {_ALLOW}.") from error

    def stop(self) -> None:
        """See `Door`."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()

    def is_down(self, key: str) -> bool | None:
        """See `Door`."""
        try:
            from Quartz import CGEventSourceKeyState
        except ImportError:
            return None
        codes = _MODIFIER_CODES.get(key) or ((_CODES[key],) if key in _CODES else ())
        return any(CGEventSourceKeyState(_HARDWARE_STATE, code) for code in codes) if codes else None

    def missing(self) -> list[str]:
        """See `Door`."""
        return list(self._missing)
