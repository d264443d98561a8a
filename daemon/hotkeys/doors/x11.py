"""Keys on X11, heard through the RECORD extension: also while a game has grabbed the keyboard.

Keys are told apart by their codes, not by the signs that they write: Ctrl+Shift+1 is the key of "1", whatever sign it
writes with Shift. (pynput listens in the same way and reports signs; on Linux it also needs a C compiler for evdev.)
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Collection
from typing import Any, ClassVar, Final

from daemon.hotkeys.chord import MODIFIERS
from daemon.hotkeys.doors.base import Door, OnKey
from obs_portrait.errors import DesktopError

__all__ = ["X11Door"]

_KEYSYMS: Final = {
    **{f"f{number}": f"F{number}" for number in range(1, 25)}, **{f"num{digit}": f"KP_{digit}" for digit in range(10)},
    "enter": "Return", "tab": "Tab", "backspace": "BackSpace", "delete": "Delete", "insert": "Insert", "up": "Up",
    "down": "Down", "left": "Left", "right": "Right", "home": "Home", "end": "End", "pageup": "Prior",
    "pagedown": "Next", "escape": "Escape", "pause": "Pause", "scrolllock": "Scroll_Lock", "printscreen": "Print",
    "menu": "Menu",
}  # fmt: skip
_MODIFIER_KEYSYMS: Final = {
    "ctrl": ("Control_L", "Control_R"),
    "alt": ("Alt_L", "Alt_R"),
    "shift": ("Shift_L", "Shift_R"),
    "super": ("Super_L", "Super_R"),
}
_FIXED_BITS: Final = {"shift": 0, "ctrl": 2}
"""Bits of an event's state that the protocol names; which ones are alt and super is for the keyboard map to say."""

_PATIENCE_S: Final = 2.0


class X11Door(Door):
    """Three connections: one listens and does nothing else, one ends that, one asks which keys are down."""

    name: ClassVar[str] = "X11"

    @classmethod
    def validate_environment(cls) -> str | None:
        """See `Door`."""
        if sys.platform in ("win32", "darwin"):
            return "There is no X11 here."
        if os.environ.get("XDG_SESSION_TYPE") == "wayland" or os.environ.get("WAYLAND_DISPLAY"):
            return (
                "Wayland gives no program the keys of other windows: bind OBS's hotkeys (Settings > Hotkeys, 'OBS "
                "Portrait: …') or let your desktop's own shortcuts call `obs-portrait panic`, `obs-portrait switch "
                "NAME` and the like."
            )
        if not os.environ.get("DISPLAY"):
            return "There is no display (DISPLAY is not set), so there is no keyboard to listen to."
        try:
            display = _connect()
        except DesktopError as error:
            return str(error)
        try:
            if not display.has_extension("RECORD"):
                return "The X server lacks the RECORD extension, so keys of other windows cannot be heard."
        finally:
            display.close()
        return None

    def __init__(self) -> None:
        self._listening: Any = None
        self._asking: Any = None
        self._context: Any = None
        self._thread: threading.Thread | None = None
        self._codes: dict[str, frozenset[int]] = {}
        self._names: dict[int, str] = {}
        self._bits: dict[str, int] = {}
        self._missing: list[str] = []
        self._begun = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def start(self, keys: Collection[str], on_key: OnKey, on_end: Callable[[str], None]) -> None:
        """See `Door`."""
        from Xlib import X
        from Xlib.ext import record

        self._asking = _connect()
        self._read_map(keys)
        self._listening = _connect()
        kinds: dict[str, Any] = dict.fromkeys(("core_requests", "core_replies", "delivered_events", "errors"), (0, 0))
        kinds |= {"ext_requests": (0, 0, 0, 0), "ext_replies": (0, 0, 0, 0)}
        kinds |= {"device_events": (X.KeyPress, X.KeyRelease), "client_started": False, "client_died": False}
        self._context = self._listening.record_create_context(0, [record.AllClients], [kinds])
        self._listening.sync()  # known to the server before another connection names it
        self._thread = threading.Thread(target=self._listen, args=(on_key, on_end), name="keys of X11", daemon=True)
        self._thread.start()
        # From then on keys are heard, and listening can be ended: an end that comes before the beginning is not heard.
        self._begun.wait(_PATIENCE_S)

    def stop(self) -> None:
        """See `Door`."""
        self._stopping.set()
        with self._lock:
            if self._asking is not None and self._context is not None:
                with contextlib.suppress(Exception):  # the server may be gone, and the thread with it
                    self._asking.record_disable_context(self._context)
                    self._asking.sync()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_PATIENCE_S)
        with self._lock:
            for connection in (self._asking, self._listening):
                if connection is not None:
                    with contextlib.suppress(Exception):
                        connection.close()
            self._asking = self._listening = self._context = None

    def is_down(self, key: str) -> bool | None:
        """See `Door`."""
        codes = self._codes.get(key)
        with self._lock:
            if not codes or self._asking is None:
                return None
            try:
                state = self._asking.query_keymap()
            except Exception:  # the connection is gone
                return None
        return any(state[code // 8] >> (code % 8) & 1 for code in codes)

    def missing(self) -> list[str]:
        """See `Door`."""
        return list(self._missing)

    def _read_map(self, keys: Collection[str]) -> None:
        """Which codes the keys have on this keyboard, and which bits of an event's state the modifiers are."""
        for key in keys:
            self._codes[key] = self._codes_of(_KEYSYMS.get(key, key))
        self._missing = [key for key in keys if not self._codes[key]]
        for name, keysyms in _MODIFIER_KEYSYMS.items():
            self._codes[name] = frozenset().union(*(self._codes_of(keysym) for keysym in keysyms))
        self._names = {code: name for name, codes in self._codes.items() for code in codes}
        rows = self._asking.get_modifier_mapping()
        self._bits = {name: 1 << bit for name, bit in _FIXED_BITS.items()}
        for name in ("alt", "super"):
            bit = next((bit for bit in range(3, 8) if self._codes[name] & set(rows[bit])), None)
            if bit is not None:
                self._bits[name] = 1 << bit

    def _codes_of(self, keysym: str) -> frozenset[int]:
        from Xlib import XK

        number = XK.string_to_keysym(keysym)
        found = list(self._asking.keysym_to_keycodes(number)) if number else []
        # The key that writes the sign by itself goes before keys that write it with Shift or AltGr.
        plain = {code for code, index in found if index == 0}
        return frozenset(plain or {code for code, _ in found})

    def _listen(self, on_key: OnKey, on_end: Callable[[str], None]) -> None:
        from Xlib import X
        from Xlib.protocol import rq

        fields = rq.EventField(None)

        def heard(reply: Any) -> None:
            self._begun.set()  # the first reply only says that it begins
            data = reply.data
            while data and not self._stopping.is_set():
                event, data = fields.parse_binary_value(data, self._listening.display, None, None)
                name = self._names.get(event.detail)
                if name is not None and event.type in (X.KeyPress, X.KeyRelease):
                    on_key(name, event.type == X.KeyPress, self._modifiers(event.state))

        try:
            self._listening.record_enable_context(self._context, heard)
        except Exception as error:  # python-xlib lets through whatever the connection's end makes of it
            if not self._stopping.is_set():
                on_end(f"The display no longer tells of keys ({type(error).__name__}); hotkeys rest until it is back.")
        else:
            if not self._stopping.is_set():
                on_end("The display no longer tells of keys; hotkeys rest until it is back.")
        finally:
            self._begun.set()

    def _modifiers(self, state: int) -> frozenset[str]:
        return frozenset(name for name in MODIFIERS if state & self._bits.get(name, 0))


def _connect() -> Any:
    """A connection to the X server. Raises `DesktopError`."""
    try:
        from Xlib import display

        return display.Display()
    except Exception as error:  # its own errors, OSError, and what a broken authority file gives
        name = os.environ.get("DISPLAY", "")
        raise DesktopError(f"The display {name} does not let us in ({error}); hotkeys cannot be heard.") from error
