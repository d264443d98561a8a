"""The personas of a session: which process has prepared which, who is on stage, who is to be next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


class Cast:
    """Belongs to the session's supervisor thread.

    paths: names of the processes that must be ready for a persona before it may go on stage. send(path, message):
    reaches only a process that is on air; what one missed while it was down it is told when it is back (`on_air`).
    hide(on): the real person is on stage, who is wanted instead is still being prepared: nothing of either is shown.
    """

    def __init__(
        self,
        personas: Sequence[Any],
        paths: Sequence[str],
        send: Callable[[str, object], None],
        hide: Callable[[bool], None] = lambda on: None,
    ) -> None:
        """`personas`: names or profiles; raises `ProfileError`. The first one is on stage at the start."""
        loaded = [load(persona) for persona in personas]
        self.personas: dict[str, Any] = {persona.name: persona for persona in loaded}
        """By name, in order: key 1 is the first."""
        self.stage: str = loaded[0].name
        self.cues: list[tuple[int, str]] = []
        """Every switch: (capture time in ns from which on it holds, name)."""
        self._send, self._hide = send, hide
        self._hidden: int | None = None  # nothing is shown until this order, or a later one, has been carried out
        self._knows: dict[str, set[str]] = {path: set() for path in paths}
        self._plays = dict.fromkeys(paths, self.stage)  # whom each process believes to be on stage
        self._air: set[str] = set()  # processes that hear what they are sent
        self._carried_out = dict.fromkeys(paths, 0)
        self._number = 0
        self._pending: tuple[str, int] | None = None
        self._old: dict[str, Any] = {}  # personas as they were before an edit that is being prepared

    def plan(self, path: str) -> tuple[Any, ...]:
        """The personas that a process which is about to start prepares first of all. A face takes a second: the one on
        stage comes back alone, the others follow (`on_air`). Voices are quick, and the slowest one sets the delay."""
        first = [self.stage] if path == VIDEO else list(self.personas)
        self._knows[path] = set(first)
        self._plays[path] = self.stage
        return tuple(self.personas[name] for name in first)

    def took(self, path: str, known: set[str], stage: str) -> None:
        """A process takes the place of another: it has rehearsed these personas as they are now."""
        self._knows[path] = known
        self._plays[path] = stage

    def may_begin(self, path: str) -> Prepare | None:
        """A process has prepared its plan. None if the show may begin there with who is on stage now; or what it has
        to prepare first, because another persona has come on stage meanwhile."""
        if self.stage not in self._knows[path]:
            return self._prepare(path, self.stage)
        self._plays[path] = self.stage
        return None

    def on_air(self, path: str) -> None:
        """A process is ready: it is told what happened since its plan was made."""
        self._air.add(path)
        for name in sorted(self.personas, key=lambda name: name != self.wanted):
            if name not in self._knows[path]:
                self._ask(path, name)
        if self._plays[path] == self.stage:
            self._carried_out[path] = self._number
        elif self.stage in self._knows[path]:
            self._plays[path] = self.stage
            self._send(path, Switch(self.stage, now_ns(), self._number))
        elif self._pending is None:  # a switch while it was opening its devices
            self._await(self._plays[path], self.stage, self._number)
        self._go_on()
        self._maybe_show()

    def _await(self, shown: str, name: str, number: int) -> None:
        """`name` comes on stage as soon as it is prepared; `shown` is seen until then, unless it reveals somebody."""
        self._pending = (name, number)
        self._hide_until(number, [shown], name)

    def _hide_until(self, number: int, shown: Sequence[str], name: str) -> None:
        """Nothing is shown until that order for `name` has been carried out, if it takes somebody who reveals away."""
        if any(self.reveals(one) for one in shown) and not self.reveals(name):
            self._hidden = number
            self._hide(True)

    def add(self, persona: Any) -> None:
        """A persona that was not in the plan: both processes prepare it in the background."""
        if persona.name in self.personas:
            return
        self.personas[persona.name] = persona
        for path in self._knows:
            self._ask(path, persona.name)

    def renew(self, persona: Any, number: int) -> None:
        """A persona that the session has was edited. Both processes prepare it again; it plays on as it was until they
        have, and if they cannot. `number` is for the order that puts it on stage anew, if it is there."""
        if persona.name not in self.personas:
            return
        self._old.setdefault(persona.name, self.personas[persona.name])
        self.personas[persona.name] = persona
        for path, known in self._knows.items():
            known.discard(persona.name)
            self._ask(path, persona.name)
        if self.wanted == persona.name:
            self._pending = (persona.name, number)

    def _ask(self, path: str, name: str) -> None:
        self._send(path, self._prepare(path, name))

    def _prepare(self, path: str, name: str) -> Prepare:
        persona = self.personas[name]
        return Prepare(name, persona if path == VIDEO else Voice(name, persona.voice))

    def prepared(self, path: str, name: str, problem: str | None) -> None:
        """A process has answered."""
        if problem is None:
            self._knows[path].add(name)
            if all(name in known for known in self._knows.values()):
                self._old.pop(name, None)
        elif name in self._old:  # an edit that cannot be played; one process may have taken it up already
            self.personas[name] = self._old.pop(name)
            for other in self._knows:
                if other != path:
                    self._ask(other, name)
            self._knows[path].add(name)
            if self.stage == name:
                self._pending = None  # there it plays on as it was
        elif name == self.stage:  # in a process that was started again: its picture is gone, for instance
            fit = [one for one in self.personas if one != name and not self.reveals(one)]
            if fit:
                self.switch(fit[0], self._number)
        else:
            self.personas.pop(name, None)
            if self._pending is not None and self._pending[0] == name:
                self._pending = None
        self._go_on()

    def _go_on(self) -> None:
        if self._pending is not None:
            self.switch(*self._pending)

    def switch(self, name: str, number: int) -> None:
        """Puts a persona on stage; as soon as it is prepared, if it is not yet. `number` counts the orders."""
        if name not in self.personas:  # it could not be prepared, and the user knows
            return
        if any(name not in self._knows[path] for path in self._air):
            self._await(self.stage, name, number)
            return
        self._pending = None
        # One that opens its devices just now begins with whom it was started; it hears of this when it is ready.
        self._hide_until(number, [self._plays[path] for path in self._plays if path not in self._air], name)
        self.stage, self._number = name, number
        order = Switch(name, now_ns() - _BACK_NS, number)
        for path in self._air:  # the others are told when they are back
            self._plays[path] = name
            self._send(path, order)
        self.cues.append((order.at_ns, name))

    @property
    def wanted(self) -> str:
        """Who is on stage, or shall be as soon as they are prepared."""
        return self._pending[0] if self._pending is not None else self.stage

    def reveals(self, name: str) -> bool:
        """Whether that persona's profile says that the real face or voice may be shown, or said so before an edit that
        is still being prepared."""
        return any(getattr(names.get(name), "reveals", ()) for names in (self.personas, self._old))

    def forget_pending(self, which: Callable[[str], bool]) -> None:
        """A persona that is to come on stage once it is prepared stays away, if `which(name)`."""
        if self._pending is not None and which(self._pending[0]):
            self._pending = None

    def look(self) -> None:
        """Who paces the pictures looks at the control cells now, not with the next picture."""
        self._send(VIDEO, Look())

    def fell(self, path: str) -> None:
        """A process is down."""
        self._air.discard(path)
        self._plays[path] = ""
        self._maybe_show()

    def switched(self, path: str, number: int) -> None:
        """A process has carried out an order."""
        self._carried_out[path] = number
        self._maybe_show()

    def _maybe_show(self) -> None:
        if self._hidden is not None and self.is_done(self._hidden):
            self._hidden = None
            self._hide(False)

    @property
    def complete(self) -> bool:
        """Every persona is prepared everywhere."""
        return all(known >= self.personas.keys() for known in self._knows.values())

    def is_done(self, number: int) -> bool:
        """Every process has carried out this order, or a later one. One that is down shows nobody, and begins with whom
        it finds on stage."""
        return all(done >= number or not self._plays[path] for path, done in self._carried_out.items())


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
