"""What keys do: order, lanes, refusals. The door is a stand-in; real ones are in test_x11.py and test_doors.py."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any, ClassVar

import pytest

from daemon.hotkeys import Hotkeys, HotkeySettings
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
    error: str | None = None

    @classmethod
    def validate_environment(cls) -> str | None:
        return None

    def start(self, keys: Collection[str], on_key: OnKey, on_end: Callable[[str], None]) -> None:
        if self.error is not None:
            raise DesktopError(self.error)
        self.on_key, self.keys = on_key, set(keys)

    def stop(self) -> None:
        pass

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
    desk.door.tap("f8")
    desk.heard(("hold", "ink"))
    desk.stage.persona = "ink"
    desk.door.tap("f8")
    desk.heard(("hold", "ink"), ("hold", None))


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


def test_what_is_held_ends_when_listening_ends(desk: Set) -> None:
    desk.door.on_key("f9", True, frozenset())
    desk.heard(("hold", "bronze"))
    desk.hotkeys.reload(HotkeySettings())
    desk.heard(("hold", "bronze"), ("hold", None))


def test_a_door_that_does_not_open_is_a_sentence() -> None:
    made = Set()
    made.door.error = "The keyboard cannot be read."
    made.hotkeys.start(SETTINGS)
    assert made.hotkeys.problem == "The keyboard cannot be read."
    assert made.hotkeys.door is None
    made.hotkeys.stop()
    made.hotkeys.stop()
