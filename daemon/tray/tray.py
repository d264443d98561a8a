"""`Tray`: the icon beside the clock. It looks at the stage, has a process show it, and carries out what is chosen.

The libraries that draw menus can end their process (a display that is gone, a fault in GTK): they do so in the child
(`daemon.tray.child`), which is started again. On macOS the menu bar wants a main thread; the child has one to give.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from daemon.control.stage import Stage, Status
from daemon.hotkeys.table import Table
from daemon.tray.availability import desktop_is_there
from daemon.tray.devices import DeviceWatch
from daemon.tray.menu import DEVICE_KINDS, Entry, Snapshot, View, build
from daemon.tray.process import TrayProcess
from daemon.tray.words import Words
from obs_portrait.errors import DesktopError, PortraitError

__all__ = ["Tray"]

_LOOK_S: Final = 0.5
_SLOW_LOOK_S: Final = 3.0
"""How often personas and devices are looked at: they are files and devices."""
_COUNTDOWN_S: Final = 3
_FIRST_AGAIN_S: Final = 1.0
_LAST_AGAIN_S: Final = 60.0
_PROVEN_S: Final = 30.0
"""An icon that stayed for so long was no failure when it ends: the next one comes soon again."""

Note = Callable[[str, str, bool], None]


class Tray:
    """`run` blocks until `stop`; `start` does the same in a thread of its own.

    words: its language, the desktop's if left out. keys: the hotkeys in force, for the menu. note: (about,
    sentence, whether it is a problem), as `App.note`. tell: a sentence that the user should see now. open_page: opens
    the page.
    """

    def __init__(
        self,
        stage: Stage,
        words: Words | None = None,
        *,
        keys: Callable[[], Table] = Table,
        note: Note = lambda about, text, problem: None,
        tell: Callable[[str], None] = lambda text: None,
        open_page: Callable[[], None] | None = None,
    ) -> None:
        self._stage, self._keys = stage, keys
        self._note, self._tell, self._open_page = note, tell, open_page or _open_page
        self._words = words or Words()
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._running = False
        self._lock = threading.Lock()
        self._prepared: TrayProcess | None = None
        self._process: TrayProcess | None = None
        self._devices = DeviceWatch(stage.rooms, self._look_again)
        self._slow: tuple[float, Snapshot] = (float("-inf"), Snapshot({}))
        self._calibrate_at: float | None = None
        self._calibrating = threading.Lock()
        self._offered: frozenset[str] = frozenset()
        self.shown = threading.Event()
        """Set while an icon is shown."""
        self.problem: str | None = None
        """Why no icon is shown, in one sentence, or None."""

    # ---- life ----------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Has the desktop's libraries loaded meanwhile: the icon is there sooner after `start`. Raises OSError."""
        with self._lock:
            if self._prepared is None and not self._stopping.is_set() and desktop_is_there():
                self._prepared = TrayProcess(self._wake.set)

    def start(self) -> None:
        """Returns at once."""
        threading.Thread(target=self.run, name="tray", daemon=True).start()

    def run(self) -> None:
        """Shows the icon for as long as there is a tray, again and again. Never raises."""
        if not desktop_is_there():
            self.problem = "There is no display, so there is no tray."  # and none will come: nobody needs to be told
            return
        self._running = True
        again = _FIRST_AGAIN_S
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                self.prepare()
                process, self._prepared = self._prepared, None
                if process is None:
                    break
                self._process = process
                try:
                    self._show(process)
                    self._choices(process, self._offered)
                finally:
                    process.end()
                if not self._stopping.is_set() and self.problem is None:
                    self._missing("The tray icon ended unexpectedly; it is started again.")
            except Exception as error:  # the show goes on without an icon
                self._missing(f"The tray icon is missing ({type(error).__name__}: {error}).")
            self.shown.clear()
            again = _FIRST_AGAIN_S if time.monotonic() - begun > _PROVEN_S else min(again * 2, _LAST_AGAIN_S)
            self._stopping.wait(again)
        self._ended.set()

    def stop(self) -> None:
        """From any thread; the icon is gone when this returns. May be called twice."""
        self._stopping.set()
        self._devices.stop()
        self._wake.set()
        if self._running and not self._ended.wait(5.0) and self._process is not None:
            self._process.kill()  # whatever holds our thread up: no icon stays behind
        with self._lock:
            process, self._prepared = self._prepared, None
        if process is not None:
            process.end()

    @property
    def pid(self) -> int | None:
        """Of the process that shows the icon, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.alive else None

    @property
    def offered(self) -> frozenset[str]:
        """What can be chosen in the menu now."""
        return self._offered

    def refresh(self) -> None:
        """Something has changed: look now."""
        self._wake.set()

    def _show(self, process: TrayProcess) -> None:
        """Until the process ends or this tray does."""
        sent: View | None = None
        while not self._stopping.is_set() and process.alive:
            if not process.answers():
                self._missing("The tray icon does not answer; it is started again.")
                process.kill()
                return
            view = self._view()
            if view != sent:
                process.tell(view.as_dict())
                sent = view
                offered, self._offered = self._offered, frozenset(_actions(view.entries))
                self._choices(process, offered | self._offered)  # what was chosen meanwhile was in the menu before
            self._wake.wait(_LOOK_S / 2 if self._calibrate_at is not None else _LOOK_S)
            self._wake.clear()
            self._choices(process, self._offered)

    def _choices(self, process: TrayProcess, offered: frozenset[str]) -> None:
        """What the process said since the last time."""
        for message in process.said():
            if "unavailable" in message:
                self._missing(str(message["unavailable"]))
            elif message.get("shown"):
                self.shown.set()
                self._devices.start()  # there is a menu now
                if self.problem is not None:
                    self.problem = None
                    self._note("tray", "The tray icon is there.", False)
            elif message.get("chosen") in offered:
                self._begin(str(message["chosen"]))

    def _missing(self, why: str) -> None:
        """Told once; that there is no tray is no problem of the show."""
        if why != self.problem:
            self.problem = why
            self._note("tray", why, False)

    # ---- what is shown -------------------------------------------------------------------------------------------

    def _view(self) -> View:
        now = time.monotonic()
        status = self._stage.status()
        at, slow = self._slow
        if now - at >= _SLOW_LOOK_S or status.get("persona") != slow.status.get("persona"):
            slow = Snapshot(status, self._stage.personas(), self._devices.now, self._keys())
            self._slow = (now, slow)
        return build(replace(slow, status=status, countdown=self._countdown(now, status)), self._words)

    def _look_again(self) -> None:
        """What is looked at seldom has changed."""
        self._slow = (float("-inf"), self._slow[1])
        self.refresh()

    def _countdown(self, now: float, status: Status) -> int | None:
        """Seconds that are left, rounded up; begins the calibration when none is. Gives it up when nobody is looked at
        any more: rest was chosen meanwhile, or the face switched off."""
        if self._calibrate_at is None:
            return None
        if status.get("off") or not status.get("face_on", True):
            self._calibrate_at = None
            return None
        left = self._calibrate_at - now
        if left > 0:
            return int(left) + 1
        self._calibrate_at = None
        self._begin("calibrate now")
        return None

    # ---- what is chosen ------------------------------------------------------------------------------------------

    def _begin(self, action: str) -> None:
        threading.Thread(target=self._do, args=(action,), name=f"tray {action}", daemon=True).start()

    def _do(self, action: str) -> None:
        try:
            self._carry_out(action)
        except PortraitError as error:
            self._note("tray", str(error), False)
        except Exception as error:  # one choice that fails must not take the others along
            self._note("tray", f"'{action}' failed ({type(error).__name__}: {error}).", False)
        self._look_again()

    def _carry_out(self, action: str) -> None:
        stage = self._stage
        kind, _, rest = action.partition(" ")
        match kind:
            case "panic":
                stage.panic(rest == "on")
            case "switch":
                stage.switch(rest)
            case "face":
                stage.face(not stage.status().get("face_on", True))
            case "voice":
                stage.voice(not stage.status().get("voice_on", True))
            case "off":
                stage.off(not stage.status().get("off", False))
            case "calibrate" if rest == "now":
                if self._calibrating.acquire(blocking=False):  # it takes seconds; a second one would only wait for it
                    try:
                        stage.calibrate()
                    finally:
                        self._calibrating.release()
            case "calibrate":
                self._calibrate_at = time.monotonic() + _COUNTDOWN_S
                self._tell(self._words("countdown", seconds=_COUNTDOWN_S))
            case "search":
                stage.search_reference()
            case "clip":
                stage.clip("save")
            case "use":
                what, _, spec = rest.partition(" ")
                stage.rooms.choose({DEVICE_KINDS[what]: spec})
                self._devices.look()
            case "dock":
                self._open_page()
            case "quit":
                stage.quit()


def _actions(entries: Sequence[Entry]) -> set[str]:
    found = {entry.action for entry in entries if entry.action is not None}
    return found.union(*(_actions(entry.children) for entry in entries))


def _open_page() -> None:
    """As `obs-portrait dock --open`, in a process of its own: a browser may take its time."""
    asked = subprocess.run(
        [sys.executable, "-P", "-m", "daemon.cli", "dock", "--open"], capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    if asked.returncode:
        raise DesktopError(asked.stderr.strip() or "The page could not be opened; type: obs-portrait dock")
