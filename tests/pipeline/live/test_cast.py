"""Who is on stage, whatever falls and comes back meanwhile: face and voice are always of one persona in the end."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.pipeline.live.cast import Cast
from obs_portrait.pipeline.live.messages import Prepare, Switch
from tests.pipeline.live.doubles import PERSONAS
from tests.pipeline.live.test_panic import Revealer

PATHS = ("video", "audio")
NAMES = [one.name for one in PERSONAS]


class Theatre:
    """Two processes as the session sees them: they hear only while they are on air, and do what they hear. What they
    are asked to prepare is prepared when `delivers` is called."""

    def __init__(self, personas: Sequence[Any] = PERSONAS) -> None:
        self.air: set[str] = set()
        self.plays: dict[str, str] = {}
        self.as_of: dict[str, Any] = {}
        """What of a profile each process plays: all of it, or the voice."""
        self.asked: list[tuple[str, str]] = []
        self._has: dict[tuple[str, str], Any] = {}
        self._asked: list[Any] = []
        self.hidden = False
        self._numbers = itertools.count(1)
        self.cast = Cast(personas, PATHS, self._send, self._hide, self._numbers)
        for path in PATHS:
            self.begins(path)
            self.ready(path)

    def _hide(self, on: bool) -> None:
        self.hidden = on

    def _send(self, path: str, message: object) -> None:
        if path not in self.air:
            return
        if isinstance(message, Prepare):
            self.asked.append((path, message.name))
            self._asked.append(message.persona)
        if isinstance(message, Switch):
            self.plays[path], self.as_of[path] = message.name, self._has[path, message.name]
            self.cast.switched(path, message.number)

    def delivers(self, problem: str | None = None, which: int = 0) -> bool:
        """One of the processes has prepared what it was asked for, or cannot. What the cast says to that."""
        if not self.asked:
            return False
        path, name = self.asked.pop(which)
        persona = self._asked.pop(which)
        if problem is None:
            self._has[path, name] = persona
        return self.cast.prepared(path, name, problem)

    def begins(self, path: str) -> None:
        """The process is started with a plan."""
        for one in self.cast.plan(path):
            self._has[path, one.name] = one

    def ready(self, path: str) -> None:
        """It has carried out its plan, and begins with whoever is on stage."""
        self.opens(path)
        self.airs(path)

    def opens(self, path: str) -> None:
        """It begins, and opens its devices: it does not hear anything yet."""
        while (first := self.cast.may_begin(path)) is not None:
            self._has[path, first.name] = first.persona
            self.cast.prepared(path, first.name, None)
        self.plays[path], self.as_of[path] = self.cast.stage, self._has[path, self.cast.stage]

    def airs(self, path: str) -> None:
        self.air.add(path)
        self.cast.on_air(path)

    def falls(self, path: str) -> None:
        self.air.discard(path)
        kept = [(one, what) for one, what in zip(self.asked, self._asked, strict=True) if one[0] != path]
        self.asked, self._asked = [one for one, _ in kept], [what for _, what in kept]
        self.cast.fell(path)

    def switch(self, name: str) -> int:
        number = next(self._numbers)
        self.cast.switch(name, number)
        return number

    def renew(self, persona: Any) -> int:
        number = next(self._numbers)
        self.cast.renew(persona, number)
        return number


def test_a_switch_while_a_process_is_started_again_is_not_lost() -> None:
    """Its plan is made, it is not ready yet: it would come back as the persona of before, with the voice of the new."""
    theatre = Theatre()
    theatre.falls("video")
    theatre.begins("video")
    number = theatre.switch("blue")
    assert theatre.plays["audio"] == "blue"
    assert not theatre.cast.is_done(number)
    theatre.ready("video")
    assert theatre.plays == {"video": "blue", "audio": "blue"}
    assert theatre.cast.is_done(number)


def test_who_reveals_and_is_just_opening_the_devices_is_hidden_until_the_switch_has_arrived() -> None:
    theatre = Theatre([Revealer("me", (9, 9, 9), 300.0), *PERSONAS])
    while theatre.asked:
        theatre.delivers()
    theatre.falls("audio")
    theatre.begins("audio")
    assert theatre.cast.may_begin("audio") is None  # it begins, as who reveals
    number = theatre.switch("green")
    assert theatre.hidden
    assert not theatre.cast.is_done(number)
    theatre.air.add("audio")
    theatre.cast.on_air("audio")
    assert theatre.plays["audio"] == "green"
    assert not theatre.hidden
    theatre.switch("me")
    theatre.falls("audio")
    theatre.begins("audio")
    theatre.cast.may_begin("audio")
    theatre.switch("blue")
    assert theatre.hidden
    theatre.falls("audio")  # for good: it shows nobody any more
    assert not theatre.hidden


def test_who_revealed_before_an_edit_does_so_until_the_edit_is_prepared() -> None:
    theatre = Theatre([Revealer("me", (9, 9, 9), 300.0), *PERSONAS])
    while theatre.asked:
        theatre.delivers()
    theatre.renew(replace(theatre.cast.personas["me"], reveals=()))
    assert theatre.cast.reveals("me")
    while theatre.asked:
        theatre.delivers()
    assert not theatre.cast.reveals("me")


def _me(reveals: bool = True) -> Revealer:
    return Revealer("me", (9, 9, 9), 300.0, reveals=("face",) if reveals else ())


def _with_me() -> Theatre:
    theatre = Theatre([_me(), *PERSONAS])
    while theatre.asked:
        theatre.delivers()
    return theatre


def test_who_reveals_and_was_edited_not_to_is_hidden_until_the_edit_is_on_stage() -> None:
    theatre, edited = _with_me(), _me(reveals=False)
    theatre.renew(edited)
    assert theatre.hidden
    assert theatre.cast.shows_real  # what holds on stage, not what the file says
    theatre.delivers()
    assert theatre.hidden
    theatre.delivers()
    assert not theatre.hidden
    assert not theatre.cast.shows_real
    assert theatre.as_of["video"] is edited


def test_who_is_edited_to_reveal_does_so_when_the_edit_is_on_stage() -> None:
    theatre = Theatre([_me(reveals=False), *PERSONAS])
    while theatre.asked:
        theatre.delivers()
    theatre.renew(_me())
    assert not theatre.cast.shows_real
    while theatre.asked:
        theatre.delivers()
    assert theatre.cast.shows_real
    assert not theatre.hidden


def test_who_shall_not_reveal_any_more_does_not_because_the_edit_cannot_be_prepared() -> None:
    theatre = _with_me()
    theatre.renew(_me(reveals=False))
    assert theatre.delivers("Persona 'me': there is no face in its picture.")  # waited for in vain
    while theatre.asked:
        theatre.delivers()
    assert theatre.hidden
    theatre.switch("me")  # is tried once more, and not played as it was
    assert theatre.asked == [("video", "me")]
    assert theatre.delivers("Persona 'me': there is no face in its picture.")
    assert theatre.hidden
    theatre.switch("red")
    assert not theatre.hidden
    assert theatre.plays == {"video": "red", "audio": "red"}
    theatre.switch("me")
    theatre.delivers("Persona 'me': there is no face in its picture.")
    assert theatre.plays == {"video": "red", "audio": "red"}
    assert theatre.cast.wanted == "red"
    theatre.renew(_me())  # the edit is taken back
    while theatre.asked:
        theatre.delivers()
    theatre.switch("me")
    assert theatre.plays == {"video": "me", "audio": "me"}


def test_who_opens_the_devices_as_before_an_edit_is_hidden_until_the_edit_has_arrived_there() -> None:
    theatre = _with_me()
    theatre.falls("audio")
    theatre.begins("audio")
    theatre.opens("audio")  # as who reveals
    number = theatre.renew(_me(reveals=False))
    theatre.delivers()
    assert theatre.hidden
    theatre.airs("audio")
    assert theatre.hidden
    while theatre.asked:
        theatre.delivers()
    assert not theatre.hidden
    assert theatre.cast.is_done(number)


def test_an_edit_that_is_taken_back_is_not_played_by_the_process_that_had_taken_it_up() -> None:
    theatre = Theatre([_me(reveals=False), PERSONAS[0]])
    while theatre.asked:
        theatre.delivers()
    before = theatre.cast.personas["me"]
    theatre.switch("red")
    theatre.renew(_me())
    theatre.delivers()  # the video process shows the real face from now on when it is put on stage
    theatre.delivers("The voice of 'me' is slower than those on stage.")
    theatre.switch("me")
    assert theatre.plays == {"video": "red", "audio": "red"}
    assert theatre.asked == [("video", "me")]
    theatre.delivers()
    assert theatre.plays == {"video": "me", "audio": "me"}
    assert theatre.as_of["video"] is before


def test_an_edit_that_is_taken_back_while_it_is_prepared_elsewhere_is_not_played_there() -> None:
    theatre = Theatre([_me(reveals=False), PERSONAS[0]])
    while theatre.asked:
        theatre.delivers()
    before = theatre.cast.personas["me"]
    theatre.switch("red")
    theatre.renew(_me())
    assert theatre.asked == [("video", "me"), ("audio", "me")]
    theatre.delivers("The voice of 'me' is slower than those on stage.", which=1)
    theatre.switch("me")
    theatre.delivers()  # the edit
    assert theatre.plays == {"video": "red", "audio": "red"}
    theatre.delivers()  # as it was
    assert theatre.plays == {"video": "me", "audio": "me"}
    assert theatre.as_of["video"] is before


def test_of_two_edits_that_follow_each_other_the_second_one_is_played() -> None:
    theatre = Theatre()
    while theatre.asked:
        theatre.delivers()
    first, second = replace(PERSONAS[0], tone_hz=1.0), replace(PERSONAS[0], tone_hz=2.0)
    theatre.renew(first)
    theatre.renew(second)
    while theatre.asked:
        theatre.delivers()
    assert theatre.as_of["video"] is second
    assert theatre.cast.complete


def test_who_leaves_for_somebody_who_cannot_be_prepared_stays_hidden_and_is_told_so() -> None:
    theatre = _with_me()
    theatre.cast.add(replace(PERSONAS[0], name="new"))
    theatre.switch("new")
    assert theatre.hidden
    assert theatre.delivers("Persona 'new': there is no face in its picture.")
    assert not theatre.delivers()  # nothing new to tell
    assert theatre.hidden
    theatre.switch("green")
    assert not theatre.hidden


def test_who_reveals_and_falls_stays_hidden_while_another_one_is_prepared() -> None:
    theatre = _with_me()
    theatre.cast.add(replace(PERSONAS[0], name="new"))
    theatre.switch("new")
    for path in PATHS:
        theatre.falls(path)
    assert theatre.hidden  # they come back as who was on stage


def test_only_who_is_on_stage_is_prepared_before_a_face_comes_back() -> None:
    theatre = Theatre()
    theatre.switch("green")
    while theatre.asked:
        theatre.delivers()
    theatre.falls("video")
    assert [one.name for one in theatre.cast.plan("video")] == ["green"]
    theatre.ready("video")
    assert sorted(theatre.asked) == [("video", "blue"), ("video", "red")]
    assert not theatre.cast.complete
    while theatre.asked:
        theatre.delivers()
    assert theatre.cast.complete


def test_an_edited_persona_is_put_on_stage_anew_and_a_broken_edit_changes_nothing() -> None:
    theatre = Theatre()
    while theatre.asked:
        theatre.delivers()
    edited = replace(PERSONAS[0], colour=(1, 2, 3))
    switches = len(theatre.cast.cues)
    theatre.renew(edited)
    assert len(theatre.cast.cues) == switches
    while theatre.asked:
        theatre.delivers()
    assert theatre.cast.personas["red"] is edited
    assert len(theatre.cast.cues) == switches + 1
    theatre.renew(replace(edited, tone_hz=1.0))
    theatre.cast.prepared(*theatre.asked.pop(0), "Persona 'red': its picture shows no face.")
    while theatre.asked:
        theatre.delivers()
    assert theatre.cast.personas["red"] is edited
    assert theatre.cast.stage == "red"
    assert theatre.cast.complete


steps = st.one_of(
    st.tuples(st.just("switch"), st.sampled_from(NAMES)),
    st.tuples(st.just("next"), st.sampled_from(PATHS)),
    st.tuples(st.just("delivers"), st.just("")),
)


@given(st.lists(steps, max_size=40))
def test_whatever_falls_when_face_and_voice_are_of_one_persona_in_the_end(steps: list[tuple[str, str]]) -> None:
    """A process goes from on air to down, to started, to on air; switches come at any moment."""
    theatre, last, number = Theatre(), "red", 0
    life = dict.fromkeys(PATHS, 0)
    turns = (theatre.falls, theatre.begins, theatre.ready)
    for what, name in steps:
        if what == "switch":
            last, number = name, theatre.switch(name)
        elif what == "delivers":
            theatre.delivers()
        else:
            turns[life[name] % 3](name)
            life[name] += 1
    for path in PATHS:
        while life[path] % 3:
            turns[life[path] % 3](path)
            life[path] += 1
    while theatre.asked:
        theatre.delivers()
    assert theatre.plays == {"video": last, "audio": last}
    assert theatre.cast.is_done(number)


edits = st.one_of(
    steps,
    st.tuples(st.just("edit"), st.sampled_from(["red", "red reveals", "green", "green reveals"])),
    st.tuples(st.just("fails"), st.just("")),
    st.tuples(st.just("opens"), st.sampled_from(PATHS)),
)


def _edited(name: str, reveals: bool) -> Revealer:
    kinds = ("face", "voice") if reveals else ()
    return Revealer(name, (1, 1, 1), 100.0, voice="real" if reveals else "own", reveals=kinds)


@given(st.lists(edits, max_size=60))
def test_who_does_not_reveal_as_the_profile_is_now_is_not_seen_revealing(steps: list[tuple[str, str]]) -> None:
    """Whatever is edited, cannot be prepared, falls, and is just opening its devices."""
    theatre = Theatre([_edited("red", True), *PERSONAS[1:]])
    says = {"red": True, "green": False, "blue": False}
    wanted, phase = "red", dict.fromkeys(PATHS, "on air")
    for what, name in steps:
        if what == "switch" and name in theatre.cast.personas:
            wanted = name
            theatre.switch(name)
        elif what == "edit":
            one, _, reveals = name.partition(" ")
            if one in theatre.cast.personas:
                says[one] = bool(reveals)
                wanted = one if one == theatre.cast.wanted and not reveals else wanted
                theatre.renew(_edited(one, bool(reveals)))
        elif what == "delivers":
            theatre.delivers()
        elif what == "fails":
            theatre.delivers("It cannot be prepared.")
            if not says[theatre.cast.wanted] or not theatre.hidden:  # that one is not waited for any more
                wanted = theatre.cast.wanted
        elif what == "next" and phase[name] == "on air":
            theatre.falls(name)
            phase[name] = "down"
        elif what == "next" and phase[name] == "down":
            theatre.begins(name)
            phase[name] = "started"
        elif what == "opens" and phase[name] == "started":
            theatre.opens(name)
            phase[name] = "opening"
        elif what == "next" and phase[name] == "opening":
            theatre.airs(name)
            phase[name] = "on air"
        real = any(theatre.as_of[path].voice == "real" for path in PATHS if phase[path] in ("on air", "opening"))
        assert (says[theatre.cast.wanted] and says[wanted]) or not real or theatre.hidden


@given(st.lists(steps, max_size=40))
def test_who_reveals_is_not_seen_once_another_one_is_wanted(steps: list[tuple[str, str]]) -> None:
    """Whatever falls, comes back and is still being prepared. "red" shows the real face here."""
    theatre = Theatre([Revealer("red", (1, 1, 1), 100.0), *PERSONAS[1:]])
    wanted = "red"
    life = dict.fromkeys(PATHS, 0)
    turns = (theatre.falls, theatre.begins, theatre.ready)
    for what, name in steps:
        if what == "switch":
            wanted = name
            theatre.switch(name)
        elif what == "delivers":
            theatre.delivers()
        else:
            turns[life[name] % 3](name)
            life[name] += 1
        seen = {theatre.plays[path] for path in theatre.air}
        assert wanted == "red" or "red" not in seen or theatre.hidden
    while theatre.asked:
        theatre.delivers()
    if len(theatre.air) == 2:
        assert not theatre.hidden
