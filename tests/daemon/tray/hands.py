"""Choosing in the real menu, and what came of it."""

from __future__ import annotations

from typing import Any

from daemon.tray.menu import Entry, Snapshot, build
from daemon.tray.words import Words
from tests.daemon.tray.conftest import Set
from tests.daemon.tray.desktop import Desktop
from tests.daemon.waiting import until


def entries(shown: Set) -> tuple[Entry, ...]:
    """What the menu holds now."""
    now = Snapshot(shown.stage.status(), shown.stage.personas(), shown.stage.rooms.devices())
    return build(now, Words("en")).entries


def choose(screen: Desktop, shown: Set, *path: str) -> None:
    """Opens the menu and goes down to an entry with the keys, as many steps as there are entries that can be chosen."""
    screen.open_menu()
    level = entries(shown)
    for depth, text in enumerate(path):
        usable = [entry for entry in level if entry.action is not None or entry.children]
        (at,) = [number for number, entry in enumerate(usable) if entry.text == text]
        if depth:
            screen.play("key", "Right")
            screen.settle()
        steps = at if depth else at + 1  # a submenu opens with its first entry chosen
        if steps:
            screen.play("key", "--delay", "30", *["Down"] * steps)
        level = usable[at].children
        screen.settle()
    screen.play("key", "Return")


def asked(shown: Set, *what: Any) -> None:
    until(lambda: what in shown.stage.asked, f"{what} was asked for; {shown.stage.asked}")
    shown.stage.asked.clear()
