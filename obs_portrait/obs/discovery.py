"""Finds OBS's address and password in OBS's own configuration, so that nobody has to copy them.

OBS 28 and 29 keep obs-websocket's settings in `global.ini`, section [OBSWebSocket]; from OBS 30 on they are in
`plugin_config/obs-websocket/config.json`. Where both are there the newer place counts: OBS moved them there itself.
"""

from __future__ import annotations

import configparser
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obs_portrait.errors import ObsError
from obs_portrait.obs.address import DEFAULT_PORT, Address, Secret

__all__ = ["Found", "config_dirs", "find", "look", "read_config"]

_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """What one installation of OBS says of its obs-websocket server."""

    file: Path
    enabled: bool
    port: int
    password: Secret

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address(port=self.port, password=self.password, found_in=str(self.file))


def config_dirs(
    platform: str = sys.platform, env: Mapping[str, str] = os.environ, home: Path | None = None
) -> list[Path]:
    """Every place where an OBS of this platform may keep its configuration; they need not exist."""
    home = home or Path.home()
    if platform == "win32":
        return [Path(env.get("APPDATA") or home / "AppData" / "Roaming") / "obs-studio"]
    if platform == "darwin":
        return [home / "Library" / "Application Support" / "obs-studio"]
    return [
        Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "obs-studio",
        home / ".var" / "app" / "com.obsproject.Studio" / "config" / "obs-studio",
        home / "snap" / "obs-studio" / "current" / ".config" / "obs-studio",
    ]


def look(folders: list[Path] | None = None) -> list[Found]:
    """All servers that are configured, those that are switched on first, then the one used last."""
    found = [one for folder in folders or config_dirs() if (one := read_config(folder)) is not None]
    return sorted(found, key=lambda one: (not one.enabled, -_age(one.file)))


def find(folders: list[Path] | None = None) -> Address | None:
    """The address in OBS's own configuration, or None if there is no such configuration.

    Raises `ObsError` with what to click if the server is switched off.
    """
    found = look(folders)
    if not found:
        return None
    if not found[0].enabled:
        raise ObsError(
            f"OBS's WebSocket server is switched off ({found[0].file}): in OBS open Tools > WebSocket Server Settings "
            "and tick Enable WebSocket server."
        )
    return found[0].address


def read_config(folder: Path) -> Found | None:
    """What the OBS whose configuration is in `folder` says; None if it says nothing, or nothing that can be read."""
    for file, read in (
        (folder / "plugin_config" / "obs-websocket" / "config.json", _json),
        (folder / "global.ini", _ini),
    ):
        try:
            if not file.is_file() or file.stat().st_size > _MOST_BYTES:
                continue
            found = read(file)
        except (OSError, ValueError, configparser.Error):
            continue
        if found is not None:
            return found
    return None


def _json(file: Path) -> Found | None:
    data: Any = json.loads(file.read_text("utf-8-sig"))
    if not isinstance(data, dict) or "server_port" not in data:
        return None
    password = str(data.get("server_password") or "") if data.get("auth_required", True) else ""
    return Found(file, bool(data.get("server_enabled")), _port(data["server_port"]), Secret(password))


def _ini(file: Path) -> Found | None:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # keys keep their case
    parser.read_string(file.read_text("utf-8-sig"))
    if not parser.has_section("OBSWebSocket"):
        return None
    section = parser["OBSWebSocket"]
    password = _unescaped(section.get("ServerPassword", "")) if _true(section.get("AuthRequired", "true")) else ""
    port = _port(section.get("ServerPort", str(DEFAULT_PORT)))
    return Found(file, _true(section.get("ServerEnabled", "false")), port, Secret(password))


def _unescaped(text: str) -> str:
    """As OBS's own reader (libobs util/config-file) does it."""
    return text.replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\") if "\\" in text else text


def _true(text: str) -> bool:
    return text.strip().lower() in ("true", "1")


def _port(value: object) -> int:
    port = int(str(value))
    if not 1 <= port <= 65535:
        raise ValueError(f"{port} is no port")
    return port


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
