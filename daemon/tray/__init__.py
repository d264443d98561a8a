"""The icon beside the clock: `Tray(stage).run()`, and whether there is a tray at all: `tray_available()`."""

from daemon.tray.availability import Availability, tray_available
from daemon.tray.tray import Tray

__all__ = ["Availability", "Tray", "tray_available"]
