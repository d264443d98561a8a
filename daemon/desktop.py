"""What shows and listens on the desktop, joined to the daemon: tray, hotkeys, notices. The show never depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.hotkeys.desk import Hotkeys
from daemon.settings import Settings
from daemon.tray import Tray
from obs_portrait.pipeline.live.messages import Notice

if TYPE_CHECKING:
    from daemon.app import App

__all__ = ["Desktop"]


class Desktop:
    """Begins and ends together with the daemon. `notice` is given every sentence that the user is told."""

    def __init__(self, app: App, *, tray: bool, keys: bool) -> None:
        """tray: whether there is to be an icon (ask `tray_available` first). keys: whether keys are listened for."""
        self._app, self._keys = app, keys
        settings = app.settings_file.now
        self._hotkeys = Hotkeys(app, app.note)
        self._tray = (
            Tray(
                app,
                language=settings.tray.language,
                keys=lambda: self._hotkeys.table,
                note=app.note,
                tell=lambda text: self.notice(Notice("tray", text, False)),
            )
            if tray
            else None
        )

    def start(self) -> None:
        """Never raises: what cannot be had here says why through the daemon's notes."""
        file = self._app.settings_file
        if self._keys:
            self._hotkeys.start(file.now.hotkeys, file.path)
        if self._tray is not None:
            self._tray.start()
        self._app.on_settings = self._settings_changed

    def stop(self) -> None:
        """The icon is gone and no key is listened for when this returns."""
        if self._tray is not None:
            self._tray.stop()
        self._hotkeys.stop()

    def notice(self, notice: Notice) -> None:
        """Something was told."""
        if self._tray is not None:
            self._tray.refresh()

    def _settings_changed(self, settings: Settings) -> None:
        if self._keys:
            self._hotkeys.reload(settings.hotkeys, self._app.settings_file.path)
