"""`Hotkeys`: listens for the keys in force and has the stage do what they ask for."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from daemon.control.stage import Stage
from daemon.hotkeys.chord import Chord
from daemon.hotkeys.doors import Door, find_door
from daemon.hotkeys.presses import Presses
from daemon.hotkeys.settings import HotkeySettings
from daemon.hotkeys.table import Action, PersonaKey, Table, compile_table, installed_keys
from obs_portrait.errors import PortraitError

__all__ = ["Hotkeys"]

_LOOK_S: Final = 0.15
"""How often it is asked whether a held key is still down."""
_AGAIN_S: Final = 5.0
"""How long after its end a door is tried again (the display may be back)."""
_LANES: Final = {"panic": ("panic",), "end": ("end_panic",), "slow": ("clip", "calibrate"), "order": ()}
"""Threads, and the orders that each carries out; the last one all others."""

Note = Callable[[str, str, bool], None]
"""(about, sentence, whether it is a problem), as `App._note`."""


class Hotkeys:
    """The registry of keys. All methods may be called from any thread.

    stage: what the keys act on. note: told of what is wrong with the bindings, and of orders that were refused.
    door: makes the way by which keys are heard; None looks for the one that serves here. acts: told of each order
    before it is carried out.
    """

    def __init__(
        self,
        stage: Stage,
        note: Note = lambda about, text, problem: None,
        door: Callable[[], Door] | None = None,
        personas: Callable[[], Iterable[PersonaKey]] = installed_keys,
        acts: Callable[[Action], None] = lambda action: None,
    ) -> None:
        self._stage, self._note, self._make_door, self._personas = stage, note, door, personas
        self._acts = acts
        self._lock = threading.RLock()
        self._settings = HotkeySettings()
        self._table = Table()
        self._actions: dict[Chord, Action] = {}
        self._door: Door | None = None
        self._presses = Presses(self._pressed, self._released, self._is_down)
        self._busy = threading.Event()
        self._ended = threading.Event()
        self._retry_at: float | None = None
        self._watch: threading.Thread | None = None
        # One thread each, so that orders of a kind keep their order: a panic waits for nothing, a switch not for a clip
        # that OBS is still writing.
        self._pools = {kind: ThreadPoolExecutor(1, thread_name_prefix=f"hotkey {kind}") for kind in _LANES}
        self._holds: list[str] = []
        """Personas whose hold keys are down, the newest last. Used in the thread of the orders alone."""
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
        """Takes over changed settings or profiles."""
        with self._lock:
            settings = settings or self._settings
            try:
                personas = list(self._personas())
            except PortraitError as error:  # the keys of the settings serve nevertheless
                self._note("hotkeys of personas", str(error), True)
                personas = []
            table = compile_table(settings, personas, path)
            self._settings = settings
            if table == self._table and self._door is not None:
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
        for pool in self._pools.values():
            pool.shutdown(wait=False)

    @property
    def table(self) -> Table:
        """The keys in force and what is wrong with the others."""
        return self._table

    @property
    def door(self) -> str | None:
        """By which way keys are heard now, None if by none."""
        return self._door.name if self._door is not None else None

    def _open(self) -> None:
        """Under the lock."""
        self.problem, self._retry_at = None, None
        if not self._settings.enabled or not self._actions or self._ended.is_set():
            return
        make = self._make_door
        if make is None:
            make, why = find_door()
            if make is None:
                self.problem = why
                if why != self._told:
                    self._told = why
                    self._note("hotkeys door", why, False)
                return
        door = make()
        try:
            door.start({chord.key for chord in self._actions}, self._heard, self._lost)
        except PortraitError as error:
            door.stop()
            self._lost(str(error))
            return
        self._door = door
        absent = set(door.missing())
        self._presses.listen_for(self._actions, self._settings.hold_limit_s)
        for one in self._table.bindings:
            if one.chord.key in absent:
                text = f"{one.where}: this keyboard has no key '{one.chord.key}' for '{one.action}'; choose another."
                self._note(f"hotkey {one.chord}", text, True)

    def _shut(self) -> None:
        """Under the lock. The door's thread may wait for that lock: it is not waited for here."""
        door, self._door = self._door, None
        self._presses.forget()
        if door is not None:
            threading.Thread(target=door.stop, name="hotkeys' end", daemon=True).start()

    def _lost(self, why: str) -> None:
        """The door shut by itself: keys may be heard again later."""
        with self._lock:
            self._shut()
            self.problem = why
            self._retry_at = time.monotonic() + _AGAIN_S
            self._busy.set()

    # ---- keys ----------------------------------------------------------------------------------------------------

    def _heard(self, key: str, down: bool, modifiers: frozenset[str] | None) -> None:
        with self._lock:
            if self._door is None and self._ended.is_set():
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
        """Sleeps until a key is held, or a door is to be tried again."""
        while not self._ended.is_set():
            self._busy.wait()
            self._busy.clear()
            while not self._ended.wait(_LOOK_S):
                with self._lock:
                    if self._retry_at is not None and time.monotonic() >= self._retry_at:
                        self._open()
                    self._presses.check(time.monotonic())
                    if not self._presses.holding and self._retry_at is None:
                        break

    def _pressed(self, chord: Chord) -> None:
        self._order(self._actions[chord])

    def _released(self, chord: Chord) -> None:
        action = self._actions.get(chord)
        if action is not None and action.kind == "hold":
            self._order(Action("let go", action.persona))

    # ---- orders --------------------------------------------------------------------------------------------------

    def _order(self, action: Action) -> None:
        lane = next((lane for lane, kinds in _LANES.items() if action.kind in kinds), "order")
        with contextlib.suppress(RuntimeError):  # shut down meanwhile
            self._pools[lane].submit(self._do, action)

    def _do(self, action: Action) -> None:
        about = f"hotkey {action}"
        try:
            self._acts(action)
            self._carry_out(action)
        except PortraitError as error:
            self._note(about, str(error), False)
        except Exception as error:  # one key that fails must not silence the others
            self._note(about, f"The key for '{action}' failed ({type(error).__name__}: {error}).", False)

    def _carry_out(self, action: Action) -> None:
        stage, name = self._stage, action.persona or ""
        match action.kind:
            case "panic" | "end_panic":
                stage.panic(action.kind == "panic")
            case "switch":
                stage.switch(name)
            case "hold":
                self._holds.append(name)
                stage.hold(name)
            case "let go":
                self._let_go(name)
            case "toggle":
                stage.hold(None if stage.status()["persona"] == name else name)
            case "calibrate":
                stage.calibrate()
            case "search":
                stage.search_reference()
            case "clip":
                stage.clip("save")
            case "voice":
                stage.voice(not stage.status().get("voice_on", True))
            case "face":
                stage.face(not stage.status().get("face_on", True))
            case "off":
                stage.off(not stage.status().get("off", False))

    def _let_go(self, name: str) -> None:
        """Of several keys that are held the one that was pressed last counts."""
        newest = self._holds[-1:] == [name]
        self._holds.remove(name)
        if not self._holds:
            self._stage.hold(None)
        elif newest:
            self._stage.hold(self._holds[-1])
