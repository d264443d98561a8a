"""From keys that go down and up to presses and releases of chords: repeats, lost key-ups and holds are settled here.

No clock, no thread and no system of its own: every door (`daemon.hotkeys.doors`) feeds the same machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from daemon.hotkeys.chord import MODIFIERS, Chord

__all__ = ["Presses"]

_REPEAT_S: Final = 2.0
"""Systems repeat a key that is held after 0.2 to 1 s and then many times a second. If a key goes down again after a
longer silence, or with modifiers that were not there before, its way up was lost: it is a new press."""

_TRUSTED_S: Final = 1.0
"""For so long what an event said of a modifier is believed without asking the system."""


class Presses:
    """Tells of chords. Not safe for several threads: the caller holds a lock.

    is_down(key): whether the system says that this key (a name of `KEYS`, or a modifier) is down; None if it does not
    say.
    """

    def __init__(
        self,
        pressed: Callable[[Chord], None],
        released: Callable[[Chord], None],
        is_down: Callable[[str], bool | None] = lambda key: None,
        limit_s: float = 120.0,
    ) -> None:
        self._pressed, self._released, self._is_down = pressed, released, is_down
        self._limit_s = limit_s
        self._chords: frozenset[Chord] = frozenset()
        self._down: dict[str, float] = {}
        """Key -> when it last gave a sign, s."""
        self._with: dict[str, frozenset[str]] = {}
        """Key -> the modifiers of that sign. Of those that are no modifiers themselves."""
        self._held: dict[str, Chord] = {}
        """Key -> the chord that it completed and that has not been released."""

    def listen_for(self, chords: Iterable[Chord], limit_s: float | None = None) -> None:
        """The chords of interest from now on. One that is held and is no longer among them is released."""
        self._chords = frozenset(chords)
        self._limit_s = self._limit_s if limit_s is None else limit_s
        for key, chord in list(self._held.items()):
            if chord not in self._chords:
                self._release(key)

    @property
    def holding(self) -> bool:
        """Whether a chord is held: `check` should be called a few times a second then."""
        return bool(self._held)

    def down(self, key: str, now: float, modifiers: frozenset[str] | None = None) -> None:
        """A key went down, or repeats. now: s, of any clock that does not go back. modifiers: those that were down at
        that moment, where the event says so; else they are remembered."""
        last = self._down.get(key)
        self._down[key] = now
        if key in MODIFIERS:
            return
        modifiers = self._modifiers(now) if modifiers is None else modifiers
        before, self._with[key] = self._with.get(key, modifiers), modifiers
        # The hold of a chord lasts as long as its key, and letting modifiers go makes no other chord of a key that is
        # down. But a new modifier before a key that is believed to be down is a panic that must be heard.
        if last is not None and now - last < _REPEAT_S and (key in self._held or modifiers <= before):
            return
        if key in self._held:
            self._release(key)
        chord = Chord(modifiers, key)
        if chord in self._chords:
            self._held[key] = chord
            self._pressed(chord)

    def up(self, key: str) -> None:
        """A key went up. It may be down all the same: some systems let a repeated key go up and down in turn, and of
        the two keys for a modifier the other one may be held."""
        if key in self._down and (key in self._held or key in MODIFIERS) and self._is_down(key):
            return
        self._down.pop(key, None)
        self._release(key)

    def check(self, now: float) -> None:
        """Ends holds whose key is up without having said so, or gave no sign for too long."""
        for key in list(self._held):
            down = self._is_down(key)
            if down:
                self._down[key] = now  # a repeat that comes late is a repeat nevertheless
            elif down is False or (down is None and now - self._down.get(key, now) > self._limit_s):
                self._down.pop(key, None)
                self._release(key)

    def forget(self) -> None:
        """All keys are up (the door was shut, the screen locked): what is held is released."""
        self._down.clear()
        for key in list(self._held):
            self._release(key)

    def _modifiers(self, now: float) -> frozenset[str]:
        """Those that are down. What the system denies is not: its way up was lost. The system is asked about older
        signs only: a macro may have let all keys go before its first event is handled."""
        for name in MODIFIERS:
            if now - self._down.get(name, now) > _TRUSTED_S and self._is_down(name) is False:
                del self._down[name]
        return frozenset(name for name in MODIFIERS if name in self._down)

    def _release(self, key: str) -> None:
        chord = self._held.pop(key, None)
        if chord is not None:
            self._released(chord)
