"""The desktop, and a tray on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from daemon.tray import Tray
from daemon.tray.words import Words
from tests.daemon.control.stand_in import StageStandIn
from tests.daemon.tray.desktop import Desktop, desktop, recognise
from tests.daemon.waiting import until


@pytest.fixture(scope="package")
def screen() -> Iterator[Desktop]:
    with desktop() as made:
        yield made


class Set:
    """A tray with all that it is given, and what it did with it."""

    def forget(self) -> None:
        """As at the beginning."""
        for noted in (self.notes, self.told, self.opened, self.stage.asked):
            noted.clear()
        self.stage.persona, self.stage.in_panic, self.stage.extra, self.stage.error = "ada", False, {}, None
        self.tray.refresh()

    def __init__(self) -> None:
        self.stage = StageStandIn()
        self.notes: list[tuple[str, str, bool]] = []
        self.told: list[str] = []
        self.opened: list[str] = []
        self.tray = Tray(
            self.stage,
            Words("en"),
            note=lambda *note: self.notes.append(note),
            tell=self.told.append,
            open_page=lambda: self.opened.append("page"),
        )


@pytest.fixture(scope="package", autouse=True)
def on_screen(screen: Desktop) -> Iterator[Desktop]:
    """This process and its children are on that desktop."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
            patch.delenv(name, raising=False)
        for name in ("DISPLAY", "GTK_THEME", "NO_AT_BRIDGE"):
            patch.setenv(name, screen.environment[name])
        yield screen


@pytest.fixture
def fresh(on_screen: Desktop) -> Iterator[Set]:
    """A tray whose icon is in a real panel."""
    with _shown(on_screen) as made:
        yield made


@pytest.fixture(scope="module")
def _shared(on_screen: Desktop) -> Iterator[Set]:
    with _shown(on_screen) as made:
        yield made


@pytest.fixture
def shown(_shared: Set, on_screen: Desktop) -> Set:
    """The same for tests that leave it alive: one icon for all of them, which begins as live."""
    on_screen.play("key", "Escape", "key", "Escape")  # a menu that a failed test left open
    _shared.forget()
    until(lambda: recognise(on_screen.icon()) == "live", "the icon is as at the beginning")
    return _shared


@contextlib.contextmanager
def _shown(on_screen: Desktop) -> Iterator[Set]:
    made = Set()
    with on_screen.tray_host():
        made.tray.start()
        assert made.tray.shown.wait(15), made.tray.problem
        until(lambda: recognise(on_screen.icon()) == "live", "the icon is in the panel")
        on_screen.settle()
        yield made
        made.tray.stop()
