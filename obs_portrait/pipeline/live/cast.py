"""The personas of a session: which process has prepared which, who is on stage, who is to be next."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from obs_portrait.clock import now_ns
from obs_portrait.pipeline.live.messages import Look, Prepare, Switch
from obs_portrait.pipeline.live.options import Voice

__all__ = ["VIDEO", "Cast", "is_light", "load"]

VIDEO = "video"
"""The path that is sent a whole profile; any other is sent a `Voice`."""

_BACK_NS = 35_000_000
"""A switch reaches so far back: sound captured then has not left yet (the converter alone holds it for 30 ms), and the
last camera frame of any camera of 30 fps is made again as the new persona. So nobody waits for the next frame."""

_UNTIL_CHOSEN = 1 << 62
"""Later than any order."""


class Cast:
    """Belongs to the session's supervisor thread.

    paths: names of the processes that must be ready for a persona before it may go on stage. send(path, message):
    reaches only a process that is on air; what one missed while it was down it is told when it is back (`on_air`).
    hide(on): the real person is on stage, who is wanted instead is still being prepared: nothing of either is shown.
    numbers: the session's count of the orders.
    """

    def __init__(
        self,
        personas: Sequence[Any],
        paths: Sequence[str],
        send: Callable[[str, object], None],
        hide: Callable[[bool], None] = lambda on: None,
        numbers: Iterator[int] | None = None,
    ) -> None:
        """`personas`: names or profiles; raises `ProfileError`. The first one is on stage at the start."""
        loaded = [load(persona) for persona in personas]
        self.personas: dict[str, Any] = {persona.name: persona for persona in loaded}
        """By name, in order: key 1 is the first."""
        self.stage: str = loaded[0].name
        self.cues: list[tuple[int, str]] = []
        """Every switch: (capture time in ns from which on it holds, name)."""
        self._send, self._hide = send, hide
        self._numbers = numbers or itertools.count(1)
        self._hidden: int | None = None  # nothing is shown until this order, or a later one, has been carried out
        self._has: dict[str, dict[str, Any]] = {path: {} for path in paths}  # the profiles that each has prepared
        self._asked: dict[str, dict[str, Any]] = {path: {} for path in paths}  # and those that it is preparing
        self._plays = dict.fromkeys(paths, self.stage)  # whom each process believes to be on stage
        self._as: dict[str, Any] = {}  # the profile that it plays there; an edit may be prepared already
        self._air: set[str] = set()  # processes that hear what they are sent
        self._carried_out = dict.fromkeys(paths, 0)
        self._number = 0
        self._pending: tuple[str, int] | None = None
        self._old: dict[str, Any] = {}  # personas as they were before an edit that is being prepared

    def plan(self, path: str) -> tuple[Any, ...]:
        """The personas that a process which is about to start prepares first of all. A face takes a second: the one on
        stage comes back alone, the others follow (`on_air`). Voices are quick, and the slowest one sets the delay."""
        first = [self.stage] if path == VIDEO else list(self.personas)
        self.took(path, set(first), self.stage)
        return tuple(self.personas[name] for name in first)

    def took(self, path: str, known: set[str], stage: str) -> None:
        """A process takes the place of another: it has rehearsed these personas as they are now."""
        self._has[path] = {name: self.personas[name] for name in known}
        self._asked[path].clear()
        self._play(path, stage)

    def _play(self, path: str, name: str) -> None:
        self._plays[path], self._as[path] = name, self._has[path].get(name)

    def may_begin(self, path: str) -> Prepare | None:
        """A process has prepared its plan. None if the show may begin there with who is on stage now; or what it has
        to prepare first, because another persona has come on stage meanwhile."""
        if not self._knows(path, self.stage):
            return self._prepare(path, self.stage)
        self._play(path, self.stage)
        if self._pending is not None:
            self._hide_until(self._pending[1], [self.stage], self._pending[0])
        return None

    def on_air(self, path: str) -> None:
        """A process is ready: it is told what happened since its plan was made."""
        self._air.add(path)
        for name in sorted(self.personas, key=lambda name: name != self.wanted):
            self._ask(path, name)
        if not self._knows(path, self.stage):  # a switch or an edit while it was opening its devices
            if self._pending is None:
                self._await(self.stage, next(self._numbers))
        elif self._plays[path] == self.stage:
            self._carried_out[path] = self._number
        else:
            self._play(path, self.stage)
            self._send(path, Switch(self.stage, now_ns(), self._number))
        self._go_on()
        self._maybe_show()

    def _await(self, name: str, number: int) -> None:
        """`name` comes on stage as soon as it is prepared. Who plays is seen until then, unless they reveal."""
        self._pending = (name, number)
        self._hide_until(number, [self.stage, *self._plays.values()], name)
        for path in self._air:  # where it failed before it is tried once more
            self._ask(path, name)

    def _hide_until(self, number: int, shown: Sequence[str], name: str) -> None:
        """Nothing is shown until that order for `name` has been carried out, if it takes somebody who reveals away, be
        it that they were edited and do not reveal any more."""
        if any(self.reveals(one) for one in shown) and not _reveals(self.personas.get(name)):
            self._hidden = max(number, self._hidden or 0)
            self._hide(True)

    def add(self, persona: Any) -> None:
        """A persona that was not in the plan: both processes prepare it in the background."""
        if persona.name in self.personas:
            return
        self.personas[persona.name] = persona
        for path in self._has:
            self._ask(path, persona.name)

    def renew(self, persona: Any, number: int) -> None:
        """A persona that the session has was edited. Both processes prepare it again; it plays on as it was until they
        have, and if they cannot. But who revealed and shall not any more is hidden at once, and is not shown as before
        if the edit cannot be prepared. `number` is for the order that puts it on stage anew, if it is there."""
        name = persona.name
        if name not in self.personas:
            return
        self._old.setdefault(name, self.personas[name])
        self.personas[name] = persona
        for path in self._has:
            self._ask(path, name)
        if self.wanted == name:
            if self._hidden == _UNTIL_CHOSEN and not _reveals(persona):  # that was what it took
                self._hidden = number
            self._await(name, number)
        elif self.stage == name and self._pending is not None:  # about to leave anyway
            self._hide_until(self._pending[1], [name], name)

    def _knows(self, path: str, name: str) -> bool:
        """The process has prepared that persona as it is now, and has nothing else of that name under way."""
        has = self._has[path]
        return name in has and has[name] is self.personas.get(name) and name not in self._asked[path]

    def _ask(self, path: str, name: str) -> None:
        """One request for a name at a time, so that it is clear what is answered."""
        if path in self._air and name not in self._asked[path] and not self._knows(path, name):
            self._send(path, self._prepare(path, name))

    def _prepare(self, path: str, name: str) -> Prepare:
        persona = self._asked[path].setdefault(name, self.personas[name])
        return Prepare(name, persona if path == VIDEO else Voice(name, persona.voice))

    def prepared(self, path: str, name: str, problem: str | None) -> bool:
        """A process has answered. True if they were waited for in vain: nothing is shown until the user chooses."""
        now = self.personas.get(name)
        asked = self._asked[path].pop(name, now)
        if now is None:  # the other process could not prepare it
            return False
        waited = self.wanted == name
        if problem is None:
            self._has[path][name] = asked
        if asked is not now:  # it was edited meanwhile, or the edit was taken back
            self._ask(path, name)
        elif problem is not None:
            self._failed(name)
        self._settle()
        self._go_on()
        in_vain = waited and problem is not None and self._pending is None and self._hidden is not None
        if in_vain:
            self._hidden = _UNTIL_CHOSEN
        return in_vain

    def _failed(self, name: str) -> None:
        """A process cannot prepare a persona as it is now."""
        if self._pending is not None and self._pending[0] == name and (name == self.stage or name not in self._old):
            self._pending = None
        if name in self._old:  # an edit that cannot be played; one process may have taken it up already
            if self.reveals(name) and not _reveals(self.personas[name]):
                self.forget_pending(lambda one: one == name)  # the profile does not say any more that they may be seen
                return
            self.personas[name] = self._old.pop(name)
            for path in self._has:
                self._ask(path, name)
        elif name == self.stage:  # in a process that was started again: its picture is gone, for instance
            fit = [one for one in self.personas if one != name and not self.reveals(one)]
            if fit:
                self.switch(fit[0], next(self._numbers))
        else:
            self.personas.pop(name)

    def _settle(self) -> None:
        """Nobody plays any more as before an edit that every process has prepared."""
        there = [path for path in self._has if path in self._air or self._plays[path]]
        for name in list(self._old):
            if there and all(self._knows(path, name) for path in there):
                del self._old[name]

    def _go_on(self) -> None:
        if self._pending is not None:
            self._switch(*self._pending)

    def switch(self, name: str, number: int) -> None:
        """Puts a persona on stage; as soon as it is prepared, if it is not yet. `number` counts the orders."""
        if name not in self.personas:  # it could not be prepared, and the user knows
            return
        if self._hidden == _UNTIL_CHOSEN:
            self._hidden = number
        self._switch(name, number)

    def _switch(self, name: str, number: int) -> None:
        if not all(self._knows(path, name) for path in self._air):
            self._await(name, number)
            return
        self._pending = None
        # One that opens its devices just now begins with whom it was started; it hears of this when it is ready.
        self._hide_until(number, [self._plays[path] for path in self._plays if path not in self._air], name)
        self.stage, self._number = name, number
        order = Switch(name, now_ns() - _BACK_NS, number)
        for path in self._air:  # the others are told when they are back
            self._play(path, name)
            self._send(path, order)
        self.cues.append((order.at_ns, name))

    @property
    def wanted(self) -> str:
        """Who is on stage, or shall be as soon as they are prepared."""
        return self._pending[0] if self._pending is not None else self.stage

    def reveals(self, name: str) -> bool:
        """Whether that persona's profile says that the real face or voice may be shown, or said so before an edit that
        is still being prepared."""
        played = [self._as.get(path) for path, one in self._plays.items() if one == name]
        return any(map(_reveals, (self.personas.get(name), self._old.get(name), *played)))

    @property
    def shows_real(self) -> bool:
        """Whether who is on stage shows the real face or voice: as they play, not as an edit says that is still being
        prepared."""
        return any(_reveals(self._as.get(path)) for path, name in self._plays.items() if name)

    def forget_pending(self, which: Callable[[str], bool]) -> None:
        """A persona that is to come on stage once it is prepared stays away, if `which(name)`. An edit of the one that
        is there is not forgotten."""
        if self._pending is not None and self._pending[0] != self.stage and which(self._pending[0]):
            self._pending = None

    def look(self) -> None:
        """Both processes look at the control cells now, not with the next picture or after a nap of their rest."""
        for path in self._plays:
            self._send(path, Look())

    def fell(self, path: str) -> None:
        """A process is down."""
        self._air.discard(path)
        self._plays[path] = ""
        self._asked[path].clear()
        self._settle()
        self._maybe_show()

    def switched(self, path: str, number: int) -> None:
        """A process has carried out an order."""
        self._carried_out[path] = number
        self._maybe_show()

    def _maybe_show(self) -> None:
        if self._hidden is not None and self._hidden <= self._number and self.is_done(self._hidden):
            self._hidden = None
            self._hide(False)

    @property
    def complete(self) -> bool:
        """Every persona is prepared everywhere."""
        return all(self._knows(path, name) for path in self._has for name in self.personas)

    def is_done(self, number: int) -> bool:
        """Every process has carried out this order, or a later one. One that is down shows nobody, and begins with whom
        it finds on stage."""
        return all(done >= number or not self._plays[path] for path, done in self._carried_out.items())


def _reveals(persona: Any) -> bool:
    """Whether a profile says that the real face or voice may be shown."""
    return bool(getattr(persona, "reveals", ()))


def is_light(persona: Any) -> bool:
    """Whether a second process may have the persona's engine prepared as well: it takes no memory of a GPU."""
    from obs_portrait.face.engine import engine_class

    return engine_class(persona.face.engine).light


def load(persona: Any) -> Any:
    """The profile of a name; a profile (or what has the same attributes) as it is. Raises `ProfileError`."""
    if not isinstance(persona, str):
        return persona
    from obs_portrait.persona import store

    return store.load(persona)
