"""The doors that no machine of ours has: what they make of events, with a stand-in for the package that hears them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from keyboard._keyboard_event import KeyboardEvent

from daemon.hotkeys.chord import KEYS, MODIFIERS
from daemon.hotkeys.doors import DOORS, mac
from daemon.hotkeys.doors.hook import HookDoor
from daemon.hotkeys.doors.mac import MacDoor
from obs_portrait.errors import DesktopError

Heard = list[tuple[str, bool]]
CODES = {"ctrl": (29,), "alt": (56,), "shift": (42, 54), "windows": (91,), "1": (2, 79), "home": (71,), "pause": (69,)}


def listen(door: Any, *keys: str) -> Heard:
    heard: Heard = []
    door.start(keys, lambda key, down, modifiers: heard.append((key, down)), lambda why: None)
    return heard


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[KeyboardEvent], None]]:
    """The hooks that were set."""
    hooks: list[Callable[[KeyboardEvent], None]] = []
    package = ModuleType("keyboard")
    package.key_to_scan_codes = lambda name, error_if_missing: CODES.get(name, ())  # type: ignore[attr-defined]

    def hook(callback: Callable[[KeyboardEvent], None]) -> Callable[[], None]:
        hooks.append(callback)
        return lambda: hooks.remove(callback)

    package.hook = hook  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyboard", package)
    return hooks


def test_scan_codes_and_the_number_pad_are_told_apart(keyboard: list[Any]) -> None:
    door = HookDoor()
    heard = listen(door, "1", "home", "num7", "f20")
    for code, pad in ((29, False), (2, False), (71, False), (71, True), (99, False), (79, False)):
        keyboard[0](KeyboardEvent("down", code, name="!", is_keypad=pad))
    keyboard[0](KeyboardEvent("up", 2, name="1"))
    assert heard == [("ctrl", True), ("1", True), ("home", True), ("num7", True), ("1", False)]
    assert door.missing() == ["f20"]
    door.stop()
    door.stop()
    assert not keyboard


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/input is Linux")
def test_without_a_keyboard_it_says_so_and_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HookDoor.validate_environment()
    package = ModuleType("keyboard")

    def broken(name: str, error_if_missing: bool) -> None:
        raise ImportError("You must be root to use this library on linux.")

    package.key_to_scan_codes = broken  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyboard", package)
    with pytest.raises(DesktopError, match="You must be root"):
        listen(HookDoor(), "1")


def test_macs_virtual_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    listeners: list[Any] = []

    class Listener:
        def __init__(self, on_press: Callable[[Any], None], on_release: Callable[[Any], None]) -> None:
            self.on_press, self.on_release, self.running = on_press, on_release, False
            listeners.append(self)

        def start(self) -> None:
            self.running = True

        def stop(self) -> None:
            self.running = False

    package = ModuleType("pynput")
    package.keyboard = SimpleNamespace(Listener=Listener)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pynput", package)
    door = MacDoor()
    heard = listen(door, "1", "p", "scrolllock")
    shift = SimpleNamespace(value=SimpleNamespace(vk=56))  # as pynput's Key.shift
    listeners[0].on_press(shift)
    listeners[0].on_press(SimpleNamespace(vk=18, char="!"))
    listeners[0].on_release(SimpleNamespace(vk=18, char="!"))
    listeners[0].on_press(SimpleNamespace(vk=0, char="a"))
    assert heard == [("shift", True), ("1", True), ("1", False)]
    assert door.missing() == ["scrolllock"]
    door.stop()
    assert not listeners[0].running


def test_no_code_of_a_mac_is_given_twice() -> None:
    codes = [*mac._CODES.values(), *(code for pair in mac._MODIFIER_CODES.values() for code in pair)]
    assert len(codes) == len(set(codes))
    assert set(mac._CODES) <= set(KEYS)
    assert set(mac._MODIFIER_CODES) == set(MODIFIERS)


def test_every_door_says_why_it_cannot_serve_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    for door in DOORS:
        why = door.validate_environment()
        assert why is None or why.endswith((".", ")")) or "type:" in why or "apt" in why
