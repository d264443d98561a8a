"""OBS Portrait: become somebody else, live, face and voice together, inside OBS."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from obs_portrait.errors import PortraitError

if TYPE_CHECKING:
    from obs_portrait.api import render

__version__ = "0.1.0"

__all__ = ["PortraitError", "__version__", "render"]


def __getattr__(name: str) -> Any:
    """`render` is imported when it is first used, so that `import obs_portrait` costs nothing."""
    if name == "render":
        return import_module("obs_portrait.api").render
    raise AttributeError(f"module 'obs_portrait' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
