"""Panels that take StatusNotifierItems over D-Bus: KDE, GNOME with its extension, and most that are newer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daemon.tray import tray_available
from daemon.tray.drawing import draw
from daemon.tray.mood import Mood
from tests.daemon.session_bus import session_bus
from tests.daemon.tray.conftest import Set
from tests.daemon.tray.desktop import Desktop
from tests.daemon.tray.sni_panel import SniPanel
from tests.daemon.waiting import until

pytestmark = pytest.mark.real


@pytest.fixture
def panel(on_screen: Desktop, monkeypatch: pytest.MonkeyPatch) -> Iterator[SniPanel]:
    if not list(Path("/usr/lib").glob("*/girepository-1.0/AyatanaAppIndicator3-0.1.typelib")):
        pytest.skip("gir1.2-ayatanaappindicator3-0.1 is not installed; make test installs it as root on Debian")
    with session_bus() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        with SniPanel(address) as made:
            yield made


def test_icon_and_menu_over_the_bus(panel: SniPanel) -> None:
    found = tray_available()
    assert (found.backend, found.sentence) == ("appindicator", "the panel takes StatusNotifierItems")
    made = Set()
    made.tray.start()
    try:
        assert made.tray.shown.wait(15), made.tray.problem
        until(lambda: panel.items, "the item registered")
        until(lambda: {"ada", "Voice", "Quit OBS Portrait", "A camera"} <= set(panel.labels()), "the menu is there")
        panel.choose("bronze")
        until(lambda: ("switch", "bronze") in made.stage.asked, "the choice arrived")
        panel.choose("Panic: card and silence")
        until(lambda: ("panic", True) in made.stage.asked, "and the panic")
        until(lambda: "End panic" in panel.labels(), "the menu follows")

        def shown() -> np.ndarray:
            with Image.open(panel.icon_file()) as picture:
                return np.asarray(picture.convert("RGBA"))

        wanted = np.asarray(draw(Mood.PANIC))
        until(lambda: Path(panel.icon_file()).exists() and np.array_equal(shown(), wanted), "the icon follows")
    finally:
        made.tray.stop()
