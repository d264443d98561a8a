"""What shows and listens on the desktop, joined to the daemon: tray, hotkeys, notices. The show never depends on it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from daemon.bell import Bell
from daemon.display import DisplayWatch
from daemon.hotkeys.desk import Hotkeys
from daemon.hotkeys.table import Action
from daemon.notify import Notifier
from daemon.settings import Settings
from daemon.tray import Tray
from daemon.tray.words import Words
from obs_portrait.pipeline.live.messages import Notice

if TYPE_CHECKING:
    from daemon.app import App

__all__ = ["Desktop"]

_KEYS_S: Final = 3.0
"""How often it is looked whether the key of a persona has become another: all profiles are read for that."""


class Desktop:
    """Begins and ends together with the daemon. `notice` is given every sentence that the user is told."""

    def __init__(self, app: App, *, tray: bool, keys: bool) -> None:
        """tray: whether there is to be an icon, as soon as there is a tray. keys: whether keys are listened for."""
        self._app, self._keys = app, keys
        settings = app.settings_file.now
        words = Words(settings.tray.language)
        self._bell = Bell()
        self._notifier = Notifier(self._bell.ring, settings.notices, words)
        self._hotkeys = Hotkeys(app, app.note, acts=self._by_key)
        self._tray = (
            Tray(
                app,
                words,
                keys=lambda: self._hotkeys.in_force,
                note=app.note,
                tell=self._notifier.calibrating,
            )
            if tray
            else None
        )
        self._display = DisplayWatch(self._gone)
        self._keys_of: dict[str, str | None] = {}
        self._looked_at = float("-inf")
        if self._tray is not None:
            with contextlib.suppress(OSError):  # `start` tries again, and says why
                self._tray.prepare()

    def start(self) -> None:
        """Never raises: what cannot be had here says why through the daemon's notes."""
        file = self._app.settings_file
        if self._keys:
            self._hotkeys.start(file.now.hotkeys, file.path)
        if self._tray is not None:
            self._tray.start()
        self._display.start()
        self._app.on_settings = self._settings_changed
        self._app.on_step = self._look

    def stop(self) -> None:
        """The icon is gone and no key is listened for when this returns."""
        self._app.on_step = lambda: None
        self._app.on_settings = lambda settings: None
        self._display.stop()
        if self._tray is not None:
            self._tray.stop()
        self._hotkeys.stop()
        self._bell.close()

    def notice(self, notice: Notice) -> None:
        """Something was told."""
        self._notifier.hear(notice)
        if self._tray is not None:
            self._tray.refresh()

    def _by_key(self, action: Action) -> None:
        """A key asked for something: who calibrates with it wants to know how it went."""
        if action.kind == "calibrate":
            self._notifier.calibrating()

    def _look(self) -> None:
        """Once a second: a panic, and a real face that is shown, are not told by sentences; nor is the key of a persona
        that came, went or was edited, on stage or not."""
        self._notifier.see(self._app.status())
        now = time.monotonic()
        if self._keys and now - self._looked_at >= _KEYS_S:
            self._looked_at = now
            keys = {one["name"]: one["hotkey"] for one in self._app.personas()}
            if keys != self._keys_of:
                self._keys_of = keys
                self._hotkeys.reload()

    def _gone(self, why: str) -> None:
        """The desktop is: the session is over, whether or not somebody said so."""
        self._app.note("desktop", why, False)
        self._app.quit()

    def _settings_changed(self, settings: Settings) -> None:
        self._notifier.settings = settings.notices
        if self._keys:
            self._hotkeys.reload(settings.hotkeys, self._app.settings_file.path)
