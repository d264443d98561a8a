"""Real key events on a real X server."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from daemon.hotkeys import Hotkeys, HotkeySettings
from daemon.hotkeys import desk as desk_module
from daemon.hotkeys.doors import find_door
from daemon.hotkeys.doors.base import OnKey
from daemon.hotkeys.doors.x11 import X11Door
from tests.daemon.control.stand_in import StageStandIn
from tests.daemon.waiting import until
from tests.media.real import display

pytestmark = pytest.mark.real

SETTINGS = HotkeySettings(
    panic="ctrl+alt+p", clip="ctrl+shift+1", search="ctrl+1", calibrate="f9", hold={"ink": "ctrl+alt+i"},
    switch={"ada": "num3", "bronze": "ctrl+alt+minus"},
)  # fmt: skip

Play = Callable[..., None]


@pytest.fixture
def stage() -> StageStandIn:
    return StageStandIn()


@pytest.fixture
def notes() -> list[tuple[str, str, bool]]:
    return []


@pytest.fixture
def hotkeys(keyboard: Play, stage: StageStandIn, notes: list[Any]) -> Iterator[Hotkeys]:
    made = Hotkeys(stage, lambda *note: notes.append(note), personas=list)
    made.start(SETTINGS)
    assert made.door == "X11", made.problem
    yield made
    made.stop()


def heard(stage: StageStandIn, *asked: tuple[Any, ...]) -> None:
    until(lambda: stage.asked == list(asked), f"{stage.asked} is {list(asked)}")


def test_every_key_does_its_own(hotkeys: Hotkeys, keyboard: Play, stage: StageStandIn) -> None:
    keyboard("key", "F9")
    heard(stage, ("calibrate",))
    keyboard("key", "KP_3")
    heard(stage, ("calibrate",), ("switch", "ada"))
    keyboard("key", "ctrl+alt+minus")
    heard(stage, ("calibrate",), ("switch", "ada"), ("switch", "bronze"))


def test_shift_changes_what_a_key_writes_and_not_the_key(hotkeys: Hotkeys, keyboard: Play, stage: StageStandIn) -> None:
    for _ in range(3):
        keyboard("key", "ctrl+shift+1")
    heard(stage, *[("clip", "save")] * 3)
    keyboard("key", "ctrl+1")
    heard(stage, *[("clip", "save")] * 3, ("search",))


def test_other_modifiers_and_other_keys_are_left_alone(hotkeys: Hotkeys, keyboard: Play, stage: StageStandIn) -> None:
    keyboard("key", "ctrl+F9", "key", "p", "key", "ctrl+p", "key", "ctrl+shift+alt+p", "type", "panic 1")
    keyboard("key", "ctrl+alt+p")
    heard(stage, ("panic", True))


def test_a_key_that_repeats_is_one_press(hotkeys: Hotkeys, keyboard: Play, stage: StageStandIn) -> None:
    keyboard("keydown", "ctrl", "keydown", "1", "sleep", "1.2", "keyup", "1", "keyup", "ctrl")
    keyboard("key", "F9")
    until(lambda: ("calibrate",) in stage.asked, "the key after it was heard")
    until(lambda: stage.asked.count(("search",)) == 1, "one press")
    assert len(stage.asked) == 2


def test_somebody_is_held_for_as_long_as_the_key_is_down(hotkeys: Hotkeys, keyboard: Play, stage: StageStandIn) -> None:
    keyboard("keydown", "ctrl", "keydown", "alt", "keydown", "i")
    heard(stage, ("hold", "ink"))
    keyboard("keyup", "ctrl", "keyup", "alt", "sleep", "0.5")  # the key itself counts
    assert stage.asked == [("hold", "ink")]
    keyboard("keyup", "i")
    heard(stage, ("hold", "ink"), ("hold", None))


class HardOfHearing(X11Door):
    """Misses every key that goes up."""

    def start(self, keys: Any, on_key: OnKey, on_end: Callable[[str], None]) -> None:
        super().start(keys, lambda key, down, mods: on_key(key, down, mods) if down else None, on_end)


def test_a_lost_key_up_does_not_hold_for_ever(keyboard: Play, stage: StageStandIn) -> None:
    hotkeys = Hotkeys(stage, door=HardOfHearing, personas=list)
    hotkeys.start(SETTINGS)
    try:
        keyboard("keydown", "ctrl", "keydown", "alt", "keydown", "i")
        heard(stage, ("hold", "ink"))
        keyboard("keyup", "i", "keyup", "ctrl", "keyup", "alt")
        heard(stage, ("hold", "ink"), ("hold", None))
    finally:
        hotkeys.stop()


def test_a_game_that_grabs_the_keyboard_does_not_keep_keys_away(
    hotkeys: Hotkeys, keyboard: Play, stage: StageStandIn
) -> None:
    from Xlib import X
    from Xlib.display import Display

    game = Display()
    try:
        window = game.screen().root.create_window(0, 0, 200, 200, 0, game.screen().root_depth)
        window.map()
        game.sync()
        until(
            lambda: window.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime) == X.GrabSuccess,
            "the window has grabbed the keyboard",
        )
        keyboard("key", "ctrl+alt+p")
        heard(stage, ("panic", True))
    finally:
        game.close()


def test_changed_keys_are_taken_over(hotkeys: Hotkeys, keyboard: Play, stage: StageStandIn) -> None:
    hotkeys.reload(HotkeySettings(panic="f8"))
    keyboard("key", "F9", "key", "ctrl+alt+p", "key", "F8")
    heard(stage, ("panic", True))
    hotkeys.reload(HotkeySettings(enabled=False))
    assert hotkeys.door is None
    assert hotkeys.problem is None
    keyboard("key", "F8")
    hotkeys.reload(HotkeySettings(panic="f7"))
    keyboard("key", "F7")
    heard(stage, ("panic", True), ("panic", True))


def test_a_key_that_this_keyboard_lacks_is_told(
    keyboard: Play, stage: StageStandIn, notes: list[tuple[str, str, bool]]
) -> None:
    keyboard("key", "F9")  # the keyboard map is there
    hotkeys = Hotkeys(stage, lambda *note: notes.append(note), door=_WithoutMenu, personas=list)
    hotkeys.start(HotkeySettings(clip="menu"))
    hotkeys.stop()
    assert (
        "hotkey menu",
        "settings, hotkeys.clip: this keyboard has no key 'menu' for 'clip'; choose another.",
        True,
    ) in notes


class _WithoutMenu(X11Door):
    def _codes_of(self, keysym: str) -> frozenset[int]:
        return frozenset() if keysym == "Menu" else super()._codes_of(keysym)


# python-xlib leaves its socket to the garbage collector where nobody answers.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_display_that_goes_and_comes_back_much_later(stage: StageStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "_AGAIN_S", 0.05)
    monkeypatch.setattr(desk_module, "_LAST_AGAIN_S", 0.1)
    for variable in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
        monkeypatch.delenv(variable, raising=False)
    notes: list[tuple[str, str, bool]] = []
    looks = threading.Semaphore(0)
    monkeypatch.setattr(desk_module, "find_door", lambda: looks.release() or find_door())  # type: ignore[func-returns-value]
    with display(320, 240) as (name, _):
        monkeypatch.setenv("DISPLAY", name)
        hotkeys = Hotkeys(stage, lambda *note: notes.append(note), personas=list)
        hotkeys.start(SETTINGS)
        assert hotkeys.door == "X11"
    try:
        for _ in range(4):  # nobody is there at the first looks
            assert looks.acquire(timeout=20)
        assert hotkeys.door is None
        assert hotkeys.problem is not None
        assert [(about, problem) for about, _, problem in notes] == [("hotkeys door", True)]
        with display(320, 240) as (name, _):
            monkeypatch.setenv("DISPLAY", name)
            until(lambda: hotkeys.door == "X11", "the new display is heard")
            until(lambda: notes[1:] == [("hotkeys door", "Hotkeys are heard.", False)], "that is told")
            if shutil.which("xdotool") is not None:
                subprocess.run(["xdotool", "key", "ctrl+alt+p"], check=True, timeout=20)
                heard(stage, ("panic", True))
            hotkeys.stop()
    finally:
        hotkeys.stop()


def test_threads_and_connections_end_with_it(keyboard: Play, stage: StageStandIn) -> None:
    before = set(threading.enumerate())
    for _ in range(3):
        hotkeys = Hotkeys(stage, personas=list)
        hotkeys.start(SETTINGS)
        hotkeys.stop()
    until(lambda: not [one for one in set(threading.enumerate()) - before if one.is_alive()], "all threads ended")


# python-xlib leaves its socket to the garbage collector where nobody answers.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_wayland_and_no_display_say_what_to_do(keyboard: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_door()[0] is X11Door
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    door, why = find_door()
    assert door is None or door.name == "keyboard"
    assert "OBS's hotkeys" in str(X11Door.validate_environment())
    monkeypatch.delenv("WAYLAND_DISPLAY")
    monkeypatch.setenv("DISPLAY", ":4711")
    assert "does not let us in" in str(X11Door.validate_environment())
    monkeypatch.delenv("DISPLAY")
    assert "no display" in str(X11Door.validate_environment())
    assert why
