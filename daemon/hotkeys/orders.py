"""`Orders`: has the stage do what keys ask for. No order waits for one of another kind."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from daemon.control.stage import Stage
from daemon.hotkeys.table import Action
from obs_portrait.errors import PortraitError

__all__ = ["Note", "Orders"]

_LANES: Final = {
    "panic": ("panic",),
    "end": ("end_panic",),
    "clip": ("clip",),
    "calibrate": ("calibrate",),
    "order": (),
}
"""Threads, and the orders that each carries out; the last one all others. A panic waits for nothing, a switch neither
for a clip that OBS is still writing nor for a face that is looked for."""
_ONE: Final = "calibrate"
"""The order of which there is one at a time: who presses the key again does not want a second one after it."""

Note = Callable[[str, str, bool], None]
"""(about, sentence, whether it is a problem), as `App.note`."""


class Orders:
    """`give` from any thread returns at once; orders of one lane keep their order.

    note: told of orders that were refused. acts: told of each order before it is carried out.
    """

    def __init__(self, stage: Stage, note: Note, acts: Callable[[Action], None] = lambda action: None) -> None:
        self._stage, self._note, self._acts = stage, note, acts
        self._pools = {lane: ThreadPoolExecutor(1, thread_name_prefix=f"hotkey {lane}") for lane in _LANES}
        self._lock = threading.Lock()
        self._one = False
        """An order of which there is one at a time is under way."""
        self._holds: list[str] = []
        """Personas whose hold keys are down, the newest last. Used in the thread of the orders alone."""
        self._before: dict[str, str] = {}
        """Who was on stage before a toggle, by whom it called. A key that is held over it knows nothing of this."""

    def give(self, action: Action) -> None:
        """Has it carried out. After `close` nothing is."""
        with self._lock:
            if action.kind == _ONE:
                if self._one:
                    return
                self._one = True
        lane = next((lane for lane, kinds in _LANES.items() if action.kind in kinds), "order")
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self._pools[lane].submit(self._do, action)

    def close(self) -> None:
        """What was given is still carried out; it is not waited for. May be called twice."""
        for pool in self._pools.values():
            pool.shutdown(wait=False)

    def _do(self, action: Action) -> None:
        about = f"hotkey {action}"
        try:
            self._acts(action)
            self._carry_out(action)
        except PortraitError as error:
            self._note(about, str(error), False)
        except Exception as error:  # one key that fails must not silence the others
            self._note(about, f"The key for '{action}' failed ({type(error).__name__}: {error}).", False)
        finally:
            if action.kind == _ONE:
                with self._lock:
                    self._one = False

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
                self._toggle(name)
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

    def _toggle(self, name: str) -> None:
        now = self._stage.status()["persona"]
        if now != name:
            self._stage.switch(name)
            self._before[name] = now
        elif (before := self._before.pop(name, None)) is not None:
            self._stage.switch(before)

    def _let_go(self, name: str) -> None:
        """Of several keys that are held the one that was pressed last counts."""
        newest = self._holds[-1:] == [name]
        self._holds.remove(name)
        if not self._holds:
            self._stage.hold(None)
        elif newest:
            self._stage.hold(self._holds[-1])
