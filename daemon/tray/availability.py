"""Is there a tray that would show an icon? pystray itself claims to be visible where nobody shows it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

__all__ = ["Availability", "desktop_is_there", "look", "tray_available"]

_ELSE: Final = "the page (obs-portrait dock), hotkeys and the command line do all that it does"
_WATCHER: Final = "org.kde.StatusNotifierWatcher"
_PATIENCE_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Availability:
    """backend: pystray's, None if there is no tray. sentence: what there is, or why there is nothing and what to do."""

    backend: str | None
    sentence: str

    def __bool__(self) -> bool:
        return self.backend is not None


def desktop_is_there() -> bool:
    """Whether there is a desktop at all, on which a tray may be or come. Nobody is asked."""
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in names)


def tray_available() -> Availability:
    """Looks for a tray of this desktop, in a process of its own: the libraries that are asked may end theirs, and a
    sick desktop may not answer. At most some seconds; never raises."""
    if sys.platform == "win32":
        return Availability("win32", "the taskbar's corner")
    if sys.platform == "darwin":
        return Availability("darwin", "the menu bar")
    if not desktop_is_there():
        return Availability(None, f"There is no display, so there is no tray; {_ELSE}.")
    try:
        asked = subprocess.run(
            [sys.executable, "-P", "-m", "daemon.tray"],
            capture_output=True, text=True, timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return Availability(None, f"The desktop does not say whether it has a tray ({type(error).__name__}); {_ELSE}.")
    backend, _, sentence = asked.stdout.rstrip("\n").partition("\t")
    if asked.returncode or not sentence:
        last = (asked.stderr.strip().splitlines() or ["no word why"])[-1]
        return Availability(None, f"The desktop does not say whether it has a tray ({last}); {_ELSE}.")
    return Availability(backend or None, sentence)


def look() -> Availability:
    """The same for Linux and the like, in this process."""
    from daemon.tray.gi_door import load_gi

    why = load_gi()
    if why is not None:
        return Availability(None, f"{why} Without it there is no tray icon; {_ELSE}.")
    if _watcher_is_there():
        if _typelib("AyatanaAppIndicator3") or _typelib("AppIndicator3"):
            return Availability("appindicator", "the panel takes StatusNotifierItems")
        if _manager_is_there() and _typelib("Gtk", "3.0"):
            return Availability("gtk", "an X11 tray is there")
        return Availability(
            None, "The panel's tray needs a library; type: sudo apt install gir1.2-ayatanaappindicator3-0.1 "
            f"gir1.2-gtk-3.0 (Debian's names). Until then {_ELSE}.",
        )  # fmt: skip
    if _manager_is_there():
        if _typelib("Gtk", "3.0"):
            return Availability("gtk", "an X11 tray is there")
        return Availability(
            None, f"The tray needs GTK 3; type: sudo apt install gir1.2-gtk-3.0 (Debian's name). Until then {_ELSE}."
        )
    return Availability(
        None, "This desktop has no tray (on GNOME the extension 'AppIndicator and KStatusNotifierItem Support' brings "
        f"one); {_ELSE}.",
    )  # fmt: skip


def _watcher_is_there() -> bool:
    """Whether somebody on the session's bus collects StatusNotifierItems and a panel shows them."""
    from gi.repository import Gio, GLib

    if not os.environ.get("DBUS_SESSION_BUS_ADDRESS") and not os.environ.get("XDG_RUNTIME_DIR"):
        return False  # GLib would start a bus of its own, where nobody is
    try:
        bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
        shown = bus.call_sync(
            _WATCHER, "/StatusNotifierWatcher", "org.freedesktop.DBus.Properties", "Get",
            GLib.Variant("(ss)", (_WATCHER, "IsStatusNotifierHostRegistered")), None,
            Gio.DBusCallFlags.NO_AUTO_START, 2000, None,
        )  # fmt: skip
    except GLib.Error:
        return False
    return bool(shown.unpack()[0])


def _manager_is_there() -> bool:
    """Whether somebody owns the X11 tray (XEmbed) of the display's first screen."""
    if not os.environ.get("DISPLAY"):
        return False
    try:
        from Xlib import display

        connection = display.Display()
    except Exception:  # no server, no access
        return False
    try:
        tray = connection.intern_atom(f"_NET_SYSTEM_TRAY_S{connection.get_default_screen()}")
        return bool(connection.get_selection_owner(tray))
    finally:
        connection.close()


def _typelib(name: str, version: str = "0.1") -> bool:
    import gi

    try:
        gi.require_version(name, version)
    except ValueError:
        return False
    return True
