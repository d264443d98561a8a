"""The icon and its menu in a real panel, moved with a real mouse and keyboard."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.control.rooms import Device
from daemon.tray import devices as devices_module
from daemon.tray.mood import Mood
from tests.daemon.tray.conftest import Set
from tests.daemon.tray.desktop import Desktop, recognise
from tests.daemon.tray.hands import asked, choose
from tests.daemon.waiting import until

pytestmark = pytest.mark.real

STATES: dict[Mood, dict[str, Any]] = {
    Mood.LIVE: {"state": "live"},
    Mood.SEARCHING: {"state": "source lost"},
    Mood.FROZEN: {"state": "hold"},
    Mood.PANIC: {"state": "panic", "panic": True},
    Mood.OFF: {"state": "off", "off": True},
    Mood.REVEALED: {"state": "revealed"},
}


def test_each_state_is_told_apart_in_the_panel_with_and_without_colours(shown: Set, on_screen: Desktop) -> None:
    for mood, extra in STATES.items():
        shown.stage.extra = extra  # type: ignore[assignment]
        shown.tray.refresh()
        until(lambda mood=mood: recognise(on_screen.icon()) == mood, f"the icon says {mood}")  # type: ignore[misc]
        assert recognise(on_screen.icon(), colours=False) == mood


def test_every_entry_does_what_it_says(shown: Set, on_screen: Desktop) -> None:
    choose(on_screen, shown, "bronze")
    asked(shown, "switch", "bronze")
    assert shown.stage.persona == "bronze"
    choose(on_screen, shown, "Face")
    asked(shown, "face", False)
    choose(on_screen, shown, "Voice")
    asked(shown, "voice", False)
    choose(on_screen, shown, "Rest (close camera and microphone)")
    asked(shown, "off", True)
    choose(on_screen, shown, "Search for a better reference")
    asked(shown, "search")
    choose(on_screen, shown, "Save clip")
    asked(shown, "clip", "save")
    choose(on_screen, shown, "Open the page …")
    until(lambda: shown.opened == ["page"], "the page was opened")
    choose(on_screen, shown, "Quit OBS Portrait")
    asked(shown, "quit")


def test_panic_and_its_end_by_mouse(shown: Set, on_screen: Desktop) -> None:
    """The entry that the keys highlight is where the mouse then clicks."""
    on_screen.open_menu()
    before = on_screen.look()
    on_screen.play("key", "Down")
    after = on_screen.settle()
    rows, columns = ((before != after).any(2)).nonzero()
    on_screen.play("mousemove", str(int(columns.mean())), str(int(rows.mean())), "click", "1")
    asked(shown, "panic", True)
    until(lambda: recognise(on_screen.icon()) == "panic", "the icon says so")
    on_screen.settle()
    choose(on_screen, shown, "End panic")
    asked(shown, "panic", False)
    until(lambda: recognise(on_screen.icon()) == "live", "the icon says so")


def test_a_click_on_the_icon_opens_the_page(shown: Set, on_screen: Desktop) -> None:
    on_screen.play("mousemove", "16", "16", "click", "1")
    until(lambda: shown.opened == ["page"], "the page was opened")


def test_a_camera_that_is_plugged_in_can_be_chosen(
    shown: Set, on_screen: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = shown.stage.rooms
    before = rooms.devices()
    until(lambda: "use camera camera:0" in shown.tray.offered, "the first camera is in the menu")
    better: Device = {"spec": "camera:2", "name": "Better camera", "chosen": False}
    monkeypatch.setattr(rooms, "devices", lambda: {**before, "cameras": [*before["cameras"], better]})
    monkeypatch.setattr(devices_module, "plugged", lambda: "another text")
    until(lambda: "use camera camera:2" in shown.tray.offered, "so is the second one")
    choose(on_screen, shown, "Camera", "Better camera")
    until(lambda: ("choose", {"camera": "camera:2"}) in rooms.asked, "it was chosen")
    on_screen.settle()
    choose(on_screen, shown, "Microphone", "A microphone")
    until(lambda: ("choose", {"microphone": "mic"}) in rooms.asked, "that too")


def test_a_calibration_counts_down_in_the_icon(shown: Set, on_screen: Desktop) -> None:
    choose(on_screen, shown, "Recalibrate reference frame")
    for digit in ("3", "2", "1"):
        until(lambda digit=digit: recognise(on_screen.icon()) == digit, f"the icon shows {digit}")  # type: ignore[misc]
        assert ("calibrate",) not in shown.stage.asked
    asked(shown, "calibrate")
    assert shown.told == ["Look straight into the camera with a calm face: 3 …"]
    until(lambda: recognise(on_screen.icon()) == "live", "the icon is back")


def test_a_refusal_is_told(shown: Set, on_screen: Desktop) -> None:
    shown.stage.names = ["ada", "bronze", "ink"]
    from obs_portrait.errors import ObsError

    shown.stage.error = ObsError("OBS is not connected, so there is no clip.")
    choose(on_screen, shown, "Save clip")
    until(lambda: shown.notes == [("tray", "OBS is not connected, so there is no clip.", False)], "it is told")
