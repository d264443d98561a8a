"""Tray, hotkeys and notices together: a real key, a real icon, a real notice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from daemon.app import App
from daemon.desktop import Desktop
from daemon.settings import Settings, SettingsFile
from obs_portrait.pipeline.live.messages import Notice
from tests.daemon.control.stand_in import StageStandIn
from tests.daemon.waiting import until

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(sys.platform != "linux", reason="a desktop of one's own is made under Xvfb, on Linux"),
]


class AppStandIn(StageStandIn):
    """What `Desktop` uses of the daemon."""

    def __init__(self, settings: Path) -> None:
        super().__init__()
        self.settings_file = SettingsFile(settings)
        self.notes: list[tuple[str, str, bool]] = []
        self.on_step: Callable[[], None] = lambda: None
        self.on_settings: Callable[[Settings], None] = lambda settings: None
        self.settings_file.on_change = self._changed

    def _changed(self, settings: Settings) -> None:
        self.on_settings(settings)

    def note(self, about: str, text: str, problem: bool) -> None:
        self.notes.append((about, text, problem))


@pytest.fixture
def app(tmp_path: Path) -> AppStandIn:
    (tmp_path / "settings.toml").write_text('[tray]\nlanguage = "zh"\n')
    return AppStandIn(tmp_path / "settings.toml")


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A display with a panel; `play` is xdotool."""
    from tests.daemon.tray.desktop import desktop

    with desktop() as screen, screen.tray_host():
        for name in ("WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("DISPLAY", screen.name)
        yield lambda *words: subprocess.run(["xdotool", *words], check=True, env={**os.environ}, timeout=20)


def test_a_key_is_pressed_and_the_desktop_tells(
    app: AppStandIn, play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.daemon.session_bus import NotificationServer, session_bus

    with session_bus() as address, NotificationServer(address) as server:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        desktop = Desktop(cast(App, app), tray=True, keys=True)
        desktop.start()
        try:
            play("key", "ctrl+alt+p")
            until(lambda: ("panic", True) in app.asked, "the panic")
            app.on_step()
            until(lambda: server.shown, "the notice")
            assert (server.shown[0].title, server.shown[0].urgency) == ("紧急遮挡", 2)
            desktop.notice(Notice("camera", "The camera is gone.", True))
            until(lambda: len(server.shown) == 2, "another notice")

            app.settings_file.change({"hotkeys": {"panic": "f9"}, "notices": {"enabled": False}})
            app.asked.clear()
            play("key", "F9")
            until(lambda: ("panic", True) in app.asked, "the changed key")
            desktop.notice(Notice("camera", "The camera is back.", False))
        finally:
            desktop.stop()
            desktop.stop()
        assert len(server.shown) == 2
        play("key", "F9")
        assert app.asked == [("panic", True)]


def test_without_a_desktop_it_starts_and_ends_in_silence(app: AppStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    desktop = Desktop(cast(App, app), tray=True, keys=True)
    desktop.start()
    desktop.notice(Notice("camera", "The camera is gone.", True))
    desktop.stop()
    assert [about for about, _, _ in app.notes] == ["hotkeys door"]
