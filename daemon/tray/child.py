"""The tray's own process: shows what it is told on its input and says on its output what was chosen. One line of JSON
each. It holds no state of the daemon, so that a crash of the desktop's libraries costs an icon and nothing else.

In: {"mood": …, "count": …, "title": …, "entries": […]}, {"ping": true}. Out: {"chosen": action}, {"shown": true},
{"pong": true}, {"unavailable": sentence} before it ends where no tray is.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

__all__ = ["main"]


class _Shown:
    """The icon, and the wires to the daemon."""

    def __init__(self, out: TextIO) -> None:
        import pystray

        self._out = out
        self._lock = threading.Lock()
        self._pystray = pystray
        self._view: dict[str, Any] = {}
        self.icon = pystray.Icon("obs-portrait", title="OBS Portrait")

    def show(self, view: dict[str, Any]) -> None:
        """Draws what is other than before."""
        from daemon.tray.drawing import draw
        from daemon.tray.mood import Mood

        before, self._view = self._view, view
        if (before.get("mood"), before.get("count")) != (view["mood"], view["count"]):
            self.icon.icon = draw(Mood(view["mood"]), count=view["count"])
        if before.get("entries") != view["entries"]:
            self.icon.menu = self._pystray.Menu(*(self._item(entry) for entry in view["entries"]))
        self.icon.title = view["title"]
        if not self.icon.visible:
            self.icon.visible = True
            self.tell({"shown": True})

    def _item(self, entry: dict[str, Any]) -> Any:
        if entry["text"] == "-":
            return self._pystray.Menu.SEPARATOR
        # Windows alone sets what follows a tab in a column of its own.
        text = entry["text"] if sys.platform == "win32" else entry["text"].replace("\t", "  ·  ")
        if entry["children"]:
            return self._pystray.MenuItem(text, self._pystray.Menu(*(self._item(child) for child in entry["children"])))
        checked = entry["checked"]
        return self._pystray.MenuItem(
            text,
            self._chosen(entry["action"]),
            checked=None if checked is None else lambda item: checked,
            radio=entry["radio"],
            default=entry["default"],
            enabled=entry["action"] is not None,
        )

    def _chosen(self, action: str | None) -> Callable[[], None]:
        def chosen() -> None:
            self.tell({"chosen": action})

        return chosen

    def tell(self, message: dict[str, Any]) -> None:
        """To the daemon; if it is gone, so are we."""
        with self._lock:
            try:
                self._out.write(json.dumps(message) + "\n")
                self._out.flush()
            except (OSError, ValueError):
                os._exit(0)

    def listen(self, orders: TextIO) -> None:
        """Until the daemon closes the line, by order or by its death."""
        try:
            for line in orders:
                order = json.loads(line)
                if "ping" in order:
                    _when_idle(lambda: self.tell({"pong": True}))
                else:
                    _in_main_thread(self.show, order)
        finally:
            _in_main_thread(self.icon.stop)


def _in_main_thread(do: Callable[..., None], *given: Any) -> None:
    """macOS lets no other thread touch what is on the screen."""
    if sys.platform == "darwin":
        from PyObjCTools import AppHelper

        AppHelper.callAfter(do, *given)
    else:
        do(*given)


def _when_idle(do: Callable[[], None]) -> None:
    """In the loop that draws the menu, where that can be asked: what hangs is that loop. Elsewhere at once."""
    if sys.platform in ("win32", "darwin"):
        do()
        return
    from gi.repository import GLib

    GLib.idle_add(do)  # None: not again


def main() -> None:
    """Runs until standard input ends."""
    import warnings

    warnings.simplefilter("ignore")  # of libraries that are not ours; nobody reads them here
    # What libraries print must not get between the lines of JSON.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if sys.platform not in ("win32", "darwin"):
        from daemon.tray.availability import look

        found = look()
        if not found:
            out.write(json.dumps({"unavailable": found.sentence}) + "\n")
            out.flush()
            return
        os.environ["PYSTRAY_BACKEND"] = str(found.backend)
        _needs_no_bus()
    if sys.platform == "darwin":
        from AppKit import NSApplication

        NSApplication.sharedApplication().setActivationPolicy_(1)  # an accessory: no icon in the dock
    shown = _Shown(out)

    def begin(icon: Any) -> None:
        threading.Thread(target=shown.listen, args=(sys.stdin,), name="orders", daemon=True).start()

    try:
        shown.icon.run(begin)
    finally:  # threads of pystray's would keep a process that shows nothing
        out.flush()
        os._exit(0)


class _NoNotices:
    """In place of pystray's notices, which go unused: without a session bus their making ends the icon."""

    def hide(self) -> None:
        """There is nothing to hide."""


def _needs_no_bus() -> None:
    from pystray._util import notify_dbus

    notify_dbus.Notifier = _NoNotices


if __name__ == "__main__":
    main()
