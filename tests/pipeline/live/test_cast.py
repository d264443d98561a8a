"""Who is on stage, whatever falls and comes back meanwhile: face and voice are always of one persona in the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.pipeline.live.cast import Cast
from obs_portrait.pipeline.live.messages import Prepare, Switch
from tests.pipeline.live.doubles import PERSONAS

PATHS = ("video", "audio")
NAMES = [one.name for one in PERSONAS]


class Theatre:
    """Two processes as the session sees them: they hear only while they are on air, and do what they hear."""

    def __init__(self) -> None:
        self.air: set[str] = set()
        self.plays: dict[str, str] = {}
        self.cast = Cast(PERSONAS, PATHS, self._send)
        self.number = 0
        for path in PATHS:
            self.begins(path)
            self.ready(path)

    def _send(self, path: str, message: object) -> None:
        if path not in self.air:
            return
        if isinstance(message, Switch):
            self.plays[path] = message.name
            self.cast.switched(path, message.number)
        assert not isinstance(message, Prepare)  # all are prepared from the start

    def begins(self, path: str) -> None:
        """The process is started with a plan."""
        self.cast.plan(path)
        self.plays[path] = self.cast.stage

    def ready(self, path: str) -> None:
        self.air.add(path)
        self.cast.on_air(path)

    def falls(self, path: str) -> None:
        self.air.discard(path)
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
    assert theatre.plays == {"video": "red", "audio": "blue"}
    assert not theatre.cast.is_done(number)
    theatre.ready("video")
    assert theatre.plays == {"video": "blue", "audio": "blue"}
    assert theatre.cast.is_done(number)


steps = st.one_of(
    st.tuples(st.just("switch"), st.sampled_from(NAMES)),
    st.tuples(st.just("next"), st.sampled_from(PATHS)),
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
        else:
            turns[life[name] % 3](name)
            life[name] += 1
    for path in PATHS:
        while life[path] % 3:
            turns[life[path] % 3](path)
            life[path] += 1
    assert theatre.plays == {"video": last, "audio": last}
    assert theatre.cast.is_done(number)
