"""Who is on stage, whatever falls and comes back meanwhile: face and voice are always of one persona in the end."""

from __future__ import annotations

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
        self.asked: list[tuple[str, str]] = []
        self.hidden = False
        self.cast = Cast(personas, PATHS, self._send, self._hide)
        self.number = 0
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
        if isinstance(message, Switch):
            self.plays[path] = message.name
            self.cast.switched(path, message.number)

    def delivers(self) -> None:
        """One of the processes has prepared what it was asked for first."""
        if self.asked:
            self.cast.prepared(*self.asked.pop(0), None)

    def begins(self, path: str) -> None:
        """The process is started with a plan."""
        self.cast.plan(path)

    def ready(self, path: str) -> None:
        """It has carried out its plan, and begins with whoever is on stage."""
        while (first := self.cast.may_begin(path)) is not None:
            self.cast.prepared(path, first.name, None)
        self.plays[path] = self.cast.stage
        self.air.add(path)
        self.cast.on_air(path)

    def falls(self, path: str) -> None:
        self.air.discard(path)
        self.asked = [one for one in self.asked if one[0] != path]
        self.cast.fell(path)

    def switch(self, name: str) -> int:
        self.number += 1
        self.cast.switch(name, self.number)
        return self.number


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
    theatre.cast.renew(replace(theatre.cast.personas["me"], reveals=()), 5)
    assert theatre.cast.reveals("me")
    while theatre.asked:
        theatre.delivers()
    assert not theatre.cast.reveals("me")


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
    theatre.cast.renew(edited, 7)
    assert len(theatre.cast.cues) == switches
    while theatre.asked:
        theatre.delivers()
    assert theatre.cast.personas["red"] is edited
    assert len(theatre.cast.cues) == switches + 1
    theatre.cast.renew(replace(edited, tone_hz=1.0), 8)
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
