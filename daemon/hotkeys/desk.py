"""`Hotkeys`: listens for the keys in force, for as long as there is a way to hear them, and looks for one for ever."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from daemon.control.stage import Stage
from daemon.hotkeys.chord import Chord
from daemon.hotkeys.doors import Door, find_door
from daemon.hotkeys.orders import Note, Orders
from daemon.hotkeys.presses import Presses
from daemon.hotkeys.settings import HotkeySettings
from daemon.hotkeys.table import Action, PersonaKey, Table, compile_table, installed_keys
from obs_portrait.errors import PortraitError

__all__ = ["Hotkeys"]

_LOOK_S: Final = 0.15
"""How often it is asked whether a held key is still down."""
_AGAIN_S: Final = 1.0
_LAST_AGAIN_S: Final = 30.0
"""How long after its end a door is looked for again: the first time, and at most. The display may be back."""
_DOOR: Final = "hotkeys door"
"""What notes about the way by which keys are heard are about."""
_log = logging.getLogger(__name__)


class Hotkeys:
    """The registry of keys. All methods may be called from any thread.

    stage: what the keys act on. note: told of what is wrong with the bindings, of orders that were refused, and of a
    door that was lost and is back. door: makes the way by which keys are heard; None looks for the one that serves
    here. acts: told of each order before it is carried out.
    """

    def __init__(
        self,
        stage: Stage,
        note: Note = lambda about, text, problem: None,
        door: Callable[[], Door] | None = None,
        personas: Callable[[], Iterable[PersonaKey]] = installed_keys,
        acts: Callable[[Action], None] = lambda action: None,
    ) -> None:
        self._note, self._make_door, self._personas = note, door, personas
        self._orders = Orders(stage, note, acts)
        self._lock = threading.RLock()
        self._settings = HotkeySettings()
        self._path: Path | None = None
        self._table = Table()
        self._actions: dict[Chord, Action] = {}
        self._absent: frozenset[str] = frozenset()
        self._door: Door | None = None
        self._presses = Presses(self._pressed, self._released, self._is_down)
        self._busy = threading.Event()
        self._ended = threading.Event()
        self._retry_at: float | None = None
        self._again_s = _AGAIN_S
        self._lost_one = False
        """A door was lost, that was told, and there is none yet."""
        self._watch: threading.Thread | None = None
        self._told = ""
        self.problem: str | None = None
        """Why no key is heard, in one sentence; None while keys are listened for, or none are wanted."""

    # ---- life ----------------------------------------------------------------------------------------------------

    def start(self, settings: HotkeySettings, path: Path | None = None) -> None:
        """Begins to listen. path: the settings' file, for messages. Never raises: where no key can be heard, `problem`
        says why, and OBS's hotkeys and the command line serve."""
        self._watch = threading.Thread(target=self._look, name="held keys", daemon=True)
        self._watch.start()
        self.reload(settings, path)

    def reload(self, settings: HotkeySettings | None = None, path: Path | None = None) -> None:
        """Takes over changed settings or profiles; what is left out is as before."""
        with self._lock:
            settings = settings or self._settings
            self._path = path or self._path
            try:
                personas = list(self._personas())
            except PortraitError as error:  # the keys of the settings serve nevertheless
                self._note("hotkeys of personas", str(error), True)
                personas = []
            table = compile_table(settings, personas, self._path)
            same, self._settings = (table, settings) == (self._table, self._settings), settings
            if same and self._door is not None:
                return
            if table.problems:
                self._note("hotkeys", "\n".join(table.problems), True)
            elif self._table.problems:
                self._note("hotkeys", "All hotkeys can be used.", False)
            self._shut()  # ends what is held by the keys from before
            self._table = table
            self._actions = {one.chord: one.action for one in table.bindings}
            self._open()

    def stop(self) -> None:
        """Ends what is held, then listening. May be called twice."""
        self._ended.set()
        self._busy.set()
        with self._lock:
            self._shut()
        if self._watch is not None and self._watch is not threading.current_thread():
            self._watch.join(2.0)
        self._orders.close()

    @property
    def table(self) -> Table:
        """The keys that are wanted and can be, and what is wrong with the others."""
        return self._table

    @property
    def in_force(self) -> Table:
        """The keys that are heard now: none while there is no door, nor those that this keyboard lacks."""
        with self._lock:
            if self._door is None:
                return Table()
            return Table(tuple(one for one in self._table.bindings if one.chord.key not in self._absent))

    @property
    def door(self) -> str | None:
        """By which way keys are heard now, None if by none."""
        door = self._door
        return door.name if door is not None else None

    # ---- the door ------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Under the lock. Never raises: what libraries make of a sick display is a door that is not there."""
        self._retry_at = None
        if self._ended.is_set():
            return
        if not self._settings.enabled or not self._actions:
            self._found(None)
            return
        door: Door | None = None
        try:
            make = self._make_door
            if make is None:
                make, why = find_door()
                if make is None:
                    self._absence(why)
                    return
            door = make()
            door.start(
                {chord.key for chord in self._actions},
                functools.partial(self._heard, door),
                functools.partial(self._lost, door),
            )
            absent = frozenset(door.missing())
        except Exception as error:
            if door is not None:
                _end(door)
            known = isinstance(error, PortraitError)
            self._loss(str(error) if known else f"Hotkeys cannot be heard ({type(error).__name__}: {error}).")
            return
        self._door, self._absent = door, absent
        self._presses.listen_for(self._actions, self._settings.hold_limit_s)
        self._found(door)
        for one in self._table.bindings:
            if one.chord.key in absent:
                text = f"{one.where}: this keyboard has no key '{one.chord.key}' for '{one.action}'; choose another."
                self._note(f"hotkey {one.chord}", text, True)

    def _shut(self) -> None:
        """Under the lock."""
        door, self._door = self._door, None
        self._presses.forget()
        if door is not None:
            _end(door)

    def _found(self, door: Door | None) -> None:
        """Under the lock: nothing is missing any more. door: None if none is wanted."""
        missed = self._lost_one or bool(self._told)
        self.problem, self._again_s, self._lost_one, self._told = None, _AGAIN_S, False, ""
        if missed:
            self._note(_DOOR, "No hotkeys are listened for." if door is None else "Hotkeys are heard.", False)

    def _absence(self, why: str) -> None:
        """Under the lock: this desktop lets no program hear keys, or its display is not there. What never was there is
        told once and is no problem, what was lost stays one."""
        self.problem = why
        if not self._lost_one and why != self._told:
            self._told = why
            self._note(_DOOR, why, False)
        self._try_again()

    def _loss(self, why: str) -> None:
        """Under the lock."""
        self.problem = why
        if not self._lost_one:
            self._lost_one = True
            self._note(_DOOR, why, True)
        self._try_again()

    def _try_again(self) -> None:
        self._retry_at = time.monotonic() + self._again_s
        self._again_s = min(2 * self._again_s, _LAST_AGAIN_S)
        self._busy.set()

    def _lost(self, door: Door, why: str) -> None:
        """That door shut by itself: keys may be heard again later."""
        with self._lock:
            if door is self._door:
                self._shut()
                self._loss(why)

    # ---- keys ----------------------------------------------------------------------------------------------------

    def _heard(self, door: Door, key: str, down: bool, modifiers: frozenset[str] | None) -> None:
        with self._lock:
            if door is not self._door:  # one that was shut and has not heard of it yet
                return
            if down:
                self._presses.down(key, time.monotonic(), modifiers)
            else:
                self._presses.up(key)
            if self._presses.holding:
                self._busy.set()

    def _is_down(self, key: str) -> bool | None:
        return self._door.is_down(key) if self._door is not None else None

    def _look(self) -> None:
        """Sleeps until a key is held, or a door is to be looked for again."""
        while not self._ended.is_set():
            try:
                pause = self._step()
            except Exception:  # this thread is the only one that brings keys back
                _log.exception("a look at the keys failed")
                pause = _AGAIN_S
            if pause == _LOOK_S:  # a key that repeats makes nobody look more often
                self._ended.wait(pause)
            else:
                self._busy.wait(pause)
                self._busy.clear()

    def _step(self) -> float | None:
        """How long there is nothing to look at, s; None: until something happens."""
        with self._lock:
            now = time.monotonic()
            if self._retry_at is not None and now >= self._retry_at:
                self._open()
            self._presses.check(now)
            if self._presses.holding:
                return _LOOK_S
            return max(0.0, self._retry_at - now) if self._retry_at is not None else None

    def _pressed(self, chord: Chord) -> None:
        self._orders.give(self._actions[chord])

    def _released(self, chord: Chord) -> None:
        action = self._actions.get(chord)
        if action is not None and action.kind == "hold":
            self._orders.give(Action("let go", action.persona))


def _end(door: Door) -> None:
    """The door's thread may wait for our lock: it is not waited for here."""
    threading.Thread(target=door.stop, name="hotkeys' end", daemon=True).start()
