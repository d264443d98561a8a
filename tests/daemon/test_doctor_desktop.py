"""The doctor's rows about the desktop."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from daemon import doctor_desktop
from daemon.doctor import Row


def rows() -> dict[str, Row]:
    return {row.what: row for row in doctor_desktop.probe()}


@pytest.mark.skipif(sys.platform != "linux", reason="a desktop can be taken away on Linux only")
def test_without_a_desktop_every_row_says_so_and_nothing_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/none")
    found = rows()
    assert {name: row.status for name, row in found.items()} == {
        "tray": "warn", "hotkeys": "warn", "keys": "ok", "notices": "warn", "virtual mic": "warn",
        "start at login": "ok",
    }  # fmt: skip
    assert "obs-portrait dock" in found["tray"].detail
    assert "ctrl+alt+p: panic" in found["keys"].detail


def test_keys_that_cannot_be_used_are_told_with_their_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OBS_PORTRAIT_CONFIG_DIR", str(tmp_path))
    (tmp_path / "settings.toml").write_text('[hotkeys]\nclip = "ctrl+alt+3"\nswitch.adda = "f9"\n')
    told = [row.detail for row in doctor_desktop.probe() if row.what == "hotkey"]
    assert any(text.startswith(f"{tmp_path / 'settings.toml'}:3: there is no persona 'adda'") for text in told)
    assert any("taken by 'clip'" in text and "profile.toml" in text for text in told)
    (tmp_path / "settings.toml").write_text("[hotkeys]\nenabled = false\n")
    assert "switched off" in rows()["hotkeys"].detail
