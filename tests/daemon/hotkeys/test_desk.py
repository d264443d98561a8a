"""What keys do: order, lanes, refusals. The door is a stand-in; real ones are in test_x11.py and test_doors.py."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from daemon.hotkeys import Hotkeys, HotkeySettings
from daemon.hotkeys import desk as desk_module
from daemon.hotkeys.doors.base import Door, OnKey
from daemon.hotkeys.table import PersonaKey
from obs_portrait.errors import DesktopError, ProfileError
from tests.daemon.control.stand_in import StageStandIn
from tests.daemon.waiting import until

SETTINGS = HotkeySettings(
    panic="f1", end_panic="f2", clip="f3", voice="f4", face="f5", off="f6", switch={"ada": "f7"},
    toggle={"ink": "f8"}, hold={"bronze": "f9", "ink": "f10"},
)  # fmt: skip


class DoorStandIn(Door):
    """`tap` is a finger."""

    name: ClassVar[str] = "stand-in"
    error: Exception | None = None
    lacks: tuple[str, ...] = ()

    @classmethod
    def validate_environment(cls) -> str | None:
        return None

    def start(self, keys: Collection[str], on_key: OnKey, on_end: Callable[[str], None]) -> None:
        if self.error is not None:
            raise self.error
        self.on_key, self.on_end, self.keys = on_key, on_end, set(keys)

    def stop(self) -> None:
        pass

    def missing(self) -> list[str]:
        return list(self.lacks)

    def tap(self, *keys: str) -> None:
        for key in keys:
            self.on_key(key, True, frozenset())
            self.on_key(key, False, frozenset())


class Set:
    def __init__(self) -> None:
        self.stage = StageStandIn()
        self.door = DoorStandIn()
        self.notes: list[tuple[str, str, bool]] = []
        self.profiles: list[PersonaKey] = []
        self.hotkeys = Hotkeys(
            self.stage, lambda *note: self.notes.append(note), lambda: self.door, lambda: self.profiles
        )

    def heard(self, *asked: tuple[Any, ...]) -> None:
        until(lambda: self.stage.asked == list(asked), f"{self.stage.asked} is {list(asked)}")


@pytest.fixture
def desk() -> Iterator[Set]:
    made = Set()
    made.hotkeys.start(SETTINGS)
    yield made
    made.stage.go.set()
    made.hotkeys.stop()


def test_switches_go_back_and_forth(desk: Set) -> None:
    desk.door.tap("f4", "f5", "f6")
    desk.heard(("voice", False), ("face", False), ("off", True))
    desk.stage.extra = {"voice_on": False, "face_on": False, "off": True}
    desk.door.tap("f4", "f5", "f6")
    desk.heard(("voice", False), ("face", False), ("off", True), ("voice", True), ("face", True), ("off", False))


def test_a_toggle_goes_to_the_persona_and_back(desk: Set) -> None:
    begun = desk.stage.persona
    desk.door.tap("f8")
    desk.heard(("switch", "ink"))
    desk.door.tap("f8")
    desk.heard(("switch", "ink"), ("switch", begun))


def test_a_key_that_is_held_over_a_toggle_goes_back_to_the_toggled_one(desk: Set) -> None:
    """Push-to-persona has a memory of its own, in the stage; the toggle's way back is still the first one."""
    begun = desk.stage.persona
    desk.door.tap("f8")
    for down in (True, False):
        desk.door.on_key("f9", down, frozenset())
    desk.door.tap("f8")
    desk.heard(("switch", "ink"), ("hold", "bronze"), ("hold", None), ("switch", begun))


def test_of_two_held_personas_the_newest_counts_and_the_last_one_ends_it(desk: Set) -> None:
    for key, down in (("f9", True), ("f10", True), ("f10", False), ("f9", False)):
        desk.door.on_key(key, down, frozenset())
    desk.heard(("hold", "bronze"), ("hold", "ink"), ("hold", "bronze"), ("hold", None))


def test_the_other_way_round(desk: Set) -> None:
    for key, down in (("f9", True), ("f10", True), ("f9", False), ("f10", False)):
        desk.door.on_key(key, down, frozenset())
    desk.heard(("hold", "bronze"), ("hold", "ink"), ("hold", None))


def test_a_clip_that_takes_long_delays_neither_switch_nor_panic(desk: Set) -> None:
    entered = threading.Event()
    go = threading.Event()

    def slow(action: str) -> Any:
        entered.set()
        go.wait(10)
        return {}

    desk.stage.clip = slow  # type: ignore[method-assign]
    desk.door.tap("f3")
    assert entered.wait(30)
    desk.door.tap("f7", "f1", "f2")
    until(lambda: {("switch", "ada"), ("panic", True), ("panic", False)} == set(desk.stage.asked), "both were done")
    go.set()


def test_a_panic_gets_through_while_everything_hangs(desk: Set) -> None:
    desk.stage.go.clear()
    desk.door.tap("f7", "f3")
    desk.stage.entered.wait(30)
    desk.door.tap("f1")
    until(lambda: ("panic", True) in desk.stage.asked, "panic")


def test_a_refusal_is_told_and_the_next_key_serves(desk: Set) -> None:
    desk.stage.error = ProfileError("There is no persona 'ada'.")
    desk.door.tap("f7")
    until(lambda: desk.notes == [("hotkey switch ada", "There is no persona 'ada'.", False)], "it is told")
    desk.stage.error = RuntimeError("boom")
    desk.door.tap("f7")
    until(lambda: len(desk.notes) == 2 and "boom" in desk.notes[1][1], "so is what nobody expected")
    desk.stage.error = None
    desk.door.tap("f4")
    until(lambda: desk.stage.asked[-1] == ("voice", False), "the next key serves")


def test_edited_profiles_and_conflicts(desk: Set) -> None:
    desk.profiles = [PersonaKey("ada", None), PersonaKey("ink", None), PersonaKey("bronze", "f1")]
    desk.hotkeys.reload()
    (note,) = desk.notes
    assert note[0] == "hotkeys"
    assert note[2]
    assert "the key f1 for 'switch bronze' is taken by 'panic'" in note[1]
    desk.profiles[2] = PersonaKey("bronze", "f11")
    desk.hotkeys.reload()
    assert desk.notes[1] == ("hotkeys", "All hotkeys can be used.", False)
    desk.door.tap("f11")
    desk.heard(("switch", "bronze"))


def test_profiles_that_are_read_again_leave_the_keys_of_the_settings_alone(desk: Set, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('[hotkeys]\npanic = "f1"\n')
    desk.hotkeys.reload(SETTINGS, tmp_path / "settings.toml")
    before = desk.hotkeys.table
    assert before.bindings[0].where == f"{tmp_path / 'settings.toml'}:2"
    desk.door.on_key("f9", True, frozenset())
    desk.heard(("hold", "bronze"))
    desk.hotkeys.reload()
    assert desk.hotkeys.table == before
    assert desk.hotkeys._presses.holding


def test_what_is_held_ends_when_listening_ends(desk: Set) -> None:
    desk.door.on_key("f9", True, frozenset())
    desk.heard(("hold", "bronze"))
    desk.hotkeys.reload(HotkeySettings())
    desk.heard(("hold", "bronze"), ("hold", None))


def test_a_door_that_does_not_open_is_a_problem_that_is_told() -> None:
    made = Set()
    made.door.error = DesktopError("The keyboard cannot be read.")
    made.hotkeys.start(SETTINGS)
    assert made.hotkeys.problem == "The keyboard cannot be read."
    assert made.hotkeys.door is None
    assert made.notes == [("hotkeys door", "The keyboard cannot be read.", True)]
    made.hotkeys.stop()
    made.hotkeys.stop()


def test_settings_that_change_no_key_are_taken_over_too(desk: Set) -> None:
    desk.hotkeys.reload(SETTINGS.model_copy(update={"hold_limit_s": 5.0}))
    assert desk.hotkeys._presses._limit_s == 5.0
    stale = desk.door.on_key
    desk.hotkeys.reload(SETTINGS.model_copy(update={"enabled": False}))
    assert desk.hotkeys.door is None
    for down in (True, False):
        stale("f1", down, frozenset())  # heard by a door that ends just now
    desk.hotkeys.reload(SETTINGS)
    desk.door.tap("f7")
    desk.heard(("switch", "ada"))


def test_only_what_is_heard_is_in_force(desk: Set) -> None:
    assert desk.hotkeys.in_force == desk.hotkeys.table
    desk.door.lacks = ("f7",)
    desk.hotkeys.reload(SETTINGS.model_copy(update={"hold_limit_s": 5.0}))
    assert desk.hotkeys.table.key_of("ada") == "f7"
    assert desk.hotkeys.in_force.key_of("ada") is None
    assert desk.hotkeys.in_force.key_of("ink") == "f8"
    desk.door.error = DesktopError("The display is away.")
    desk.door.on_end("The display no longer tells of keys.")
    assert not desk.hotkeys.in_force.bindings


@pytest.mark.parametrize("error", [DesktopError("The display is away."), ConnectionError("Xlib: closed")])
def test_a_door_that_was_lost_is_looked_for_until_it_is_back(
    desk: Set, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "_AGAIN_S", 0.01)
    monkeypatch.setattr(desk_module, "_LAST_AGAIN_S", 0.02)
    desk.hotkeys.reload(SETTINGS.model_copy(update={"hold_limit_s": 5.0}))
    tries = threading.Semaphore(0)
    desk.hotkeys._make_door = lambda: tries.release() or desk.door  # type: ignore[func-returns-value]
    desk.door.error = error
    desk.door.on_end("The display no longer tells of keys.")
    for _ in range(5):
        assert tries.acquire(timeout=20)
    assert desk.notes == [("hotkeys door", "The display no longer tells of keys.", True)]
    assert str(error) in str(desk.hotkeys.problem)
    desk.door.error = None
    until(lambda: desk.hotkeys.door is not None, "it is open again")
    until(lambda: desk.notes[1:] == [("hotkeys door", "Hotkeys are heard.", False)], "that is told")
    assert desk.hotkeys.problem is None
    desk.door.tap("f1")
    desk.heard(("panic", True))


def test_the_end_of_a_door_that_was_shut_ends_no_other(desk: Set) -> None:
    late, desk.door = desk.door.on_end, DoorStandIn()
    desk.hotkeys.reload(SETTINGS.model_copy(update={"hold_limit_s": 5.0}))
    late("The display no longer tells of keys.")
    assert desk.hotkeys.door is not None
    assert not desk.notes


def test_a_desktop_that_has_no_door_is_told_once_and_looked_at_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "_AGAIN_S", 0.01)
    monkeypatch.setattr(desk_module, "_LAST_AGAIN_S", 0.02)
    made, asked = Set(), threading.Semaphore(0)
    found: list[Any] = [None]

    def look() -> tuple[Any, str]:
        asked.release()
        return found[0], "Wayland gives no program the keys of other windows."

    monkeypatch.setattr(desk_module, "find_door", look)
    hotkeys = Hotkeys(made.stage, lambda *note: made.notes.append(note), personas=list)
    hotkeys.start(SETTINGS)
    for _ in range(5):
        assert asked.acquire(timeout=20)
    assert made.notes == [("hotkeys door", "Wayland gives no program the keys of other windows.", False)]
    found[0] = lambda: made.door
    until(lambda: hotkeys.door is not None, "a display that comes later is heard")
    assert made.notes[1:] == [("hotkeys door", "Hotkeys are heard.", False)]
    hotkeys.stop()


def test_of_a_calibration_there_is_one_at_a_time_and_nothing_waits_for_it(desk: Set) -> None:
    entered, go = threading.Semaphore(0), threading.Event()

    def slow() -> None:
        entered.release()
        go.wait(30)

    desk.stage.calibrate = slow  # type: ignore[method-assign]
    desk.hotkeys.reload(SETTINGS.model_copy(update={"calibrate": "f11"}))
    desk.door.tap("f11", "f11", "f11")
    assert entered.acquire(timeout=20)
    desk.door.tap("f3", "f7", "f1")
    until(lambda: {("clip", "save"), ("switch", "ada"), ("panic", True)} == set(desk.stage.asked), "all else is done")
    go.set()
    until(lambda: not desk.hotkeys._orders._one, "it is over")
    assert not entered.acquire(timeout=0)
    desk.door.tap("f11")
    assert entered.acquire(timeout=20)
