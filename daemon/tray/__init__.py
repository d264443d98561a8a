"""The icon beside the clock: `Tray(stage).run()`, and whether there is a tray at all: `tray_available()`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daemon.tray.availability import Availability, tray_available
    from daemon.tray.tray import Tray

__all__ = ["Availability", "Tray", "tray_available"]


def __getattr__(name: str) -> Any:
    """Loaded when it is asked for: the process that shows the icon needs a few small modules of this package only."""
    if name == "Tray":
        from daemon.tray.tray import Tray

        return Tray
    if name in __all__:
        from daemon.tray import availability

        return getattr(availability, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
