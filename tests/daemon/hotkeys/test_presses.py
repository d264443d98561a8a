"""Repeats, lost key-ups and holds, in every order in which keys can go down and up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.hotkeys.chord import Chord
from daemon.hotkeys.presses import Presses

PANIC, ONE = Chord.parse("ctrl+alt+p"), Chord.parse("ctrl+1")


class Table:
    """What happened, and a keyboard that can be asked (`truth`), or cannot (None)."""

    def __init__(self, truth: set[str] | None = None, limit_s: float = 10.0) -> None:
        self.log: list[str] = []
        self.truth = truth
        self.presses = Presses(
            lambda chord: self.log.append(f"+{chord}"),
            lambda chord: self.log.append(f"-{chord}"),
            lambda key: None if self.truth is None else key in self.truth,
            limit_s,
        )
        self.presses.listen_for([PANIC, ONE])

    def down(self, *keys: str, at: float = 0.0) -> None:
        for key in keys:
            if self.truth is not None:
                self.truth.add(key)
            self.presses.down(key, at)

    def up(self, *keys: str) -> None:
        for key in keys:
            if self.truth is not None:
                self.truth.discard(key)
            self.presses.up(key)


def test_a_chord_is_pressed_once_while_it_repeats_and_released_with_its_key() -> None:
    table = Table()
    table.down("ctrl", "1")
    for repeat in range(50):
        table.down("1", at=0.5 + repeat / 30)
    table.up("ctrl")
    assert table.log == ["+ctrl+1"]
    table.up("1")
    assert table.log == ["+ctrl+1", "-ctrl+1"]


def test_other_modifiers_are_another_chord() -> None:
    table = Table()
    table.down("ctrl", "shift", "1")
    table.up("1", "ctrl", "shift")
    table.down("1")
    assert not table.log


def test_the_event_knows_better_than_memory() -> None:
    table = Table()
    table.presses.down("1", 0.0, frozenset({"ctrl"}))
    assert table.log == ["+ctrl+1"]


def test_pairs_of_up_and_down_while_a_key_is_held_are_repeats() -> None:
    table = Table(truth=set())
    table.down("ctrl", "1")
    for repeat in range(20):
        table.presses.up("1")  # the keyboard itself says that it is down
        table.presses.down("1", 0.5 + repeat / 30)
    assert table.log == ["+ctrl+1"]


def test_a_lost_key_up_ends_the_hold_when_the_keyboard_is_asked() -> None:
    table = Table(truth=set())
    table.down("ctrl", "1")
    table.presses.check(1.0)
    assert table.presses.holding
    table.truth = set()
    table.presses.check(1.2)
    assert table.log == ["+ctrl+1", "-ctrl+1"]
    assert not table.presses.holding


def test_a_lost_key_up_ends_at_the_limit_where_nobody_can_be_asked() -> None:
    table = Table(limit_s=10.0)
    table.down("ctrl", "1", at=5.0)
    table.down("1", at=6.0)  # a repeat is a sign of life
    table.presses.check(15.9)
    assert table.log == ["+ctrl+1"]
    table.presses.check(16.1)
    assert table.log == ["+ctrl+1", "-ctrl+1"]


def test_after_a_lost_key_up_the_next_press_counts() -> None:
    table = Table()
    table.down("ctrl", "1", at=0.0)
    table.down("1", at=30.0)
    assert table.log == ["+ctrl+1", "-ctrl+1", "+ctrl+1"]


def test_a_chord_counts_although_its_bare_key_went_up_unheard_just_before() -> None:
    table = Table()
    table.presses.down("p", 0.0, frozenset())  # typed in a chat; its way up is lost
    table.presses.down("p", 1.5, frozenset({"ctrl", "alt"}))
    assert table.log == ["+ctrl+alt+p"]


def test_letting_a_modifier_go_makes_no_other_chord_of_a_key_that_repeats() -> None:
    table = Table()
    table.presses.down("1", 0.0, frozenset({"ctrl", "shift"}))
    table.presses.down("1", 0.5, frozenset({"ctrl"}))
    assert not table.log


def test_a_modifier_whose_way_up_was_lost_does_not_linger() -> None:
    table = Table(truth=set())
    table.down("ctrl", at=0.0)
    table.truth = set()
    table.presses.down("1", 30.0)
    assert not table.log


def test_a_macro_that_lets_go_before_its_first_event_is_handled() -> None:
    table = Table(truth=set())
    for key in ("ctrl", "1"):
        table.presses.down(key, 0.0)  # the keyboard already says: nothing is down
    assert table.log == ["+ctrl+1"]


def test_what_is_held_and_no_longer_wanted_is_released() -> None:
    table = Table()
    table.down("ctrl", "1")
    table.presses.listen_for([PANIC])
    assert table.log == ["+ctrl+1", "-ctrl+1"]


KEYS = st.sampled_from(["ctrl", "alt", "p", "1"])


@given(st.lists(st.tuples(KEYS, st.booleans(), st.floats(0, 5)), max_size=60), st.booleans())
def test_presses_and_releases_alternate_and_all_ends(events: list[tuple[str, bool, float]], asked: bool) -> None:
    table = Table(truth=set() if asked else None)
    now = 0.0
    for key, down, pause in events:
        now += pause
        if down:
            table.down(key, at=now)
        else:
            table.up(key)
        table.presses.check(now)
    table.presses.forget()
    for chord in (PANIC, ONE):
        mine = [entry[0] for entry in table.log if entry[1:] == str(chord)]
        assert mine == ["+", "-"] * (len(mine) // 2)
    assert not table.presses.holding
