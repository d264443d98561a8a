"""Tray, hotkeys and notices together: a real key, a real icon, a real notice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from daemon import desktop as desktop_module
from daemon import display as display_module
from daemon.app import App
from daemon.desktop import Desktop
from daemon.hotkeys.table import PersonaKey
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


def _no_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


def test_the_key_of_any_persona_is_taken_up_when_it_is_edited(app: AppStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_desktop(monkeypatch)
    monkeypatch.setattr(desktop_module, "_KEYS_S", 0.0)
    rows = app.personas()
    monkeypatch.setattr(app, "personas", lambda: rows)
    desktop = Desktop(cast(App, app), tray=False, keys=True)
    desktop._hotkeys._personas = lambda: [PersonaKey(one["name"], one["hotkey"]) for one in rows]
    desktop.start()
    app.on_step()
    assert desktop._hotkeys.table.key_of("ink") is None
    rows[2]["hotkey"] = "ctrl+alt+i"
    rows[2]["ready"] = False
    app.on_step()
    assert desktop._hotkeys.table.key_of("ink") == "ctrl+alt+i"
    rows.append({**rows[2], "name": "newcomer", "hotkey": "ctrl+alt+n"})
    app.on_step()
    assert desktop._hotkeys.table.key_of("newcomer") == "ctrl+alt+n"
    assert not desktop._hotkeys.in_force.bindings  # nobody hears keys here
    desktop.stop()


# python-xlib leaves its socket to the garbage collector where nobody answers.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_daemon_whose_desktop_is_gone_ends(app: AppStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.media.real import display

    monkeypatch.setattr(display_module, "_LOOK_S", 0.02)
    monkeypatch.setattr(display_module, "_GONE_S", 0.1)
    _no_desktop(monkeypatch)
    looks, is_over = threading.Semaphore(0), display_module._is_over
    monkeypatch.setattr(display_module, "_is_over", lambda line: looks.release() or is_over(line))
    with display(320, 240) as (name, _):
        monkeypatch.setenv("DISPLAY", name)
        desktop = Desktop(cast(App, app), tray=False, keys=False)
        desktop.start()
        assert looks.acquire(timeout=20)
    until(lambda: ("quit",) in app.asked, "it ends")
    assert [about for about, _, _ in app.notes] == ["desktop"]
    desktop.stop()


def test_without_a_desktop_it_starts_and_ends_in_silence(app: AppStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_desktop(monkeypatch)
    desktop = Desktop(cast(App, app), tray=True, keys=True)
    desktop.start()
    desktop.notice(Notice("camera", "The camera is gone.", True))
    desktop.stop()
    assert [about for about, _, _ in app.notes] == ["hotkeys door"]
