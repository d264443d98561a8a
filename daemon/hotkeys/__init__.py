"""Keys that work whatever window is in front."""

from daemon.hotkeys.settings import HotkeySettings

__all__ = ["HotkeySettings"]
