"""The running daemon: one live session, its link to OBS, and the API through which it is steered.

Ordered start: the control API first (it is also the lock that makes this the only one), then the show, then OBS. The
stop is the reverse. The media never wait for OBS: it may come, go and crash as it likes. The show takes seconds to get
ready, so it can be begun in the background: the API, the tray and the page are there at once and tell how it goes.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.control.stage import Binding, ClipAction, ClipResult, History, Persona, SettingsView, Stage, Status
from daemon.reference import References
from daemon.rooms.devices import OFF
from daemon.rooms.house import House
from daemon.settings import Settings, SettingsFile
from daemon.telling import tell
from daemon.troupe import Troupe
from daemon.vitals import Vitals
from obs_portrait.errors import ObsError, PipelineError, PortraitError
from obs_portrait.pipeline.live.devices import in_place_of
from obs_portrait.pipeline.live.messages import Notice
from obs_portrait.pipeline.live.session import LiveSession

if TYPE_CHECKING:
    from daemon.control.server import ControlServer
    from daemon.obs_side import ObsSide
    from obs_portrait.pipeline.live.options import LiveOptions
    from obs_portrait.pipeline.live.status import LiveReport

__all__ = ["App", "Doors"]

_LOOK_S = 0.2 if sys.platform == "win32" else 0.5
"""How often it is looked whether the show has ended. On Windows a wait does not hear Ctrl-C until it is over."""
_END_S = 2.5
"""So long the end of a panic may take; the control API waits a little longer for the answer."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Which ways lead into the daemon. obs: follow OBS. control: serve the API; port 0 takes any, and one that is taken
    is given up for the next."""

    obs: bool = True
    control: bool = True
    port: int = 0


class App(Stage):
    """`with App(options, …) as app: app.wait()`. The methods of `Stage` may be called from any thread.

    on_notice: one sentence for the user, from any thread. settings: watched while the daemon runs.
    """

    def __init__(
        self,
        options: LiveOptions,
        doors: Doors | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        settings: SettingsFile | None = None,
    ) -> None:
        """Loads the profiles (raises `ProfileError`); starts nothing yet."""
        self._doors = doors or Doors()
        self._tell = on_notice or (lambda notice: None)
        self.session = LiveSession(options, self._heard)
        self.settings_file = settings or SettingsFile()
        self._house = House(self.session, self._remember)
        self.rooms = self._house
        self._troupe = Troupe(self.session, self.note, lambda: self.settings_file.now.hotkeys)
        self._vitals = Vitals(
            self.session.status, self._pids, lambda: self.settings_file.now.alarm, self.note,
            self.settings_file.reload, self._troupe.look, lambda: self.on_step(),  # noqa: PLW0108 - it is set later
            rests=lambda: self.session.cover.rests,
        )  # fmt: skip
        self._obs: ObsSide | None = None
        self._control: ControlServer | None = None
        self._opening: threading.Thread | None = None
        self._begun = time.monotonic()
        self._problems: dict[str, str] = {}
        self._lock = threading.Lock()
        self._held: tuple[str, str] | None = None  # (who is held, who was before)
        self._quit = threading.Event()
        self._references = References(self.session, self._quit.is_set)
        self._error: PortraitError | None = None
        self.last_clip: Path | None = None
        self.on_settings: Callable[[Settings], None] = lambda settings: None
        """Told when settings.toml has changed, besides what takes effect by itself."""
        self.on_step: Callable[[], None] = lambda: None
        """Called once a second."""

    # ---- life ----------------------------------------------------------------------------------------------------

    def start(self, *, background: bool = False) -> None:
        """Raises `ControlError` if another daemon runs, `PipelineError` if the show cannot begin.

        background: returns as soon as the API is served; how the show begins is told by notices and `wait`.
        """
        try:
            if self._doors.control:
                from daemon.control.server import ControlServer

                self._control = ControlServer(self, port=self._doors.port, yielding=True)
                self._control.start()
                if self._control.moved is not None:
                    self.note("page", self._control.moved, True)
            self.settings_file.on_problem = lambda text: self.note(
                "settings", text or "settings.toml is fine.", bool(text)
            )
            self.settings_file.on_change = self._settings_changed
            if self.settings_file.problem is not None:
                self.note("settings", self.settings_file.problem, True)
            if background:
                self._opening = threading.Thread(target=self._open_aside, name="opening", daemon=True)
                self._opening.start()
            else:
                self._open()
        except BaseException:
            self.stop()
            raise

    def _open(self) -> None:
        self._vitals.start()
        self.session.start()
        if self._doors.obs and not self._quit.is_set():
            from daemon.obs_side import ObsSide

            self._obs = ObsSide(self.session, self.note)
            self._obs.start()

    def _open_aside(self) -> None:
        try:
            self._open()
        except PortraitError as error:
            if not self._quit.is_set():  # else it is only that the user ended it before it began
                self._error = error
                self.note("show", str(error), True)
            self._quit.set()
        except Exception as error:
            self._error = PipelineError(f"The show could not begin ({type(error).__name__}: {error}).")
            self._quit.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until the show has ended, or somebody wants it to; True if so. At most `seconds`.

        Raises what kept a show that was begun in the background from beginning.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self._quit.is_set():
            if not self.opening and self.session.wait(0):
                break
            left = _LOOK_S if deadline is None else min(_LOOK_S, deadline - time.monotonic())
            if left <= 0:
                return False
            self._quit.wait(left)
        if self._error is not None:
            raise self._error
        return True

    @property
    def opening(self) -> bool:
        """A show that was begun in the background is not yet on."""
        return self._opening is not None and self._opening.is_alive()

    def stop(self) -> LiveReport:
        """Reverse order; may be called twice, and after a start that failed."""
        self._quit.set()
        self._vitals.stop()
        if self._opening is not None:
            self.session.abandon()
            self._opening.join()
        if self._obs is not None:
            self._obs.stop()
            self._obs = None
        report = self.session.stop()
        sinks = [spec.partition(":")[0] for spec in self.session.options.audio_sinks if isinstance(spec, str)]
        if sys.platform == "linux" and "virtualmic" in sinks:
            from obs_portrait.media.sinks import virtualmic

            virtualmic.remove()  # what a process that was killed has left
        if self._control is not None:
            self._control.stop()
            self._control = None
        self._house.close()
        return report

    def __enter__(self) -> App:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _pids(self) -> list[int]:
        return [os.getpid(), *self.session.pids.values()]

    def _remember(self, kind: str, spec: str) -> None:
        """A device that was chosen is what the next show begins with."""
        if kind != "speaker":
            self.settings_file.change({"show": {"source" if kind == "camera" else "audio": spec}})
            return
        sinks = in_place_of(self.settings_file.now.show.audio_sinks, None if spec == OFF else spec)
        self.settings_file.change({"show": {"audio_sinks": sinks}})

    def _settings_changed(self, settings: Settings) -> None:
        self.note("settings", "settings.toml was read again.", False)
        self.on_settings(settings)

    # ---- what is told --------------------------------------------------------------------------------------------

    def _heard(self, notice: Notice) -> None:
        self._references.hear(notice)
        self._tell(notice)
        self._poke()

    def _poke(self) -> None:
        """Who watches is told at once."""
        if self._control is not None:
            self._control.notify()

    def note(self, about: str, text: str, problem: bool) -> None:
        """One sentence for the user, from any thread. problem: it is so until a later one with the same `about`."""
        with self._lock:
            if problem:
                self._problems[about] = text
            else:
                self._problems.pop(about, None)
        self._heard(Notice(about, text, problem))

    # ---- Stage ---------------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """See `Stage`."""
        with self._lock:
            problems = list(self._problems.values())
        return {
            **tell(self.session.status(), problems),
            "persona": self.session.persona,
            "obs": self._obs.state() if self._obs is not None else {"connected": False},
            "last_clip": str(self.last_clip) if self.last_clip is not None else None,
            "uptime_s": round(time.monotonic() - self._begun, 1),
            **({"running": True} if self.opening else {}),
        }

    def personas(self) -> list[Persona]:
        """See `Stage`."""
        return self._troupe.rows()

    def switch(self, name: str) -> None:
        """See `Stage`."""
        self._held = None
        self.session.switch(name)

    def hold(self, name: str | None) -> None:
        """See `Stage`."""
        if name is None:
            held, self._held = self._held, None
            if held is not None and self.session.persona == held[0]:
                self.session.switch(held[1])
            return
        if self._held is None or self._held[0] != name:  # a key repeats while it is down
            before = self.session.persona
            if self._held is not None and before == self._held[0]:
                before = self._held[1]  # a second key is held over the first: the way back stays the same
            self.session.switch(name)
            self._held = (name, before)

    def off(self, on: bool) -> None:
        """See `Stage`."""
        self.session.cover.set_rest(on)
        self._poke()

    def face(self, on: bool) -> None:
        """See `Stage`."""
        self.session.cover.set_face(on)
        self._poke()

    def voice(self, on: bool) -> None:
        """See `Stage`."""
        self.session.cover.set_voice(on)
        self._poke()

    def quit(self) -> None:
        """See `Stage`."""
        self._quit.set()

    def history(self) -> History:
        """See `Stage`."""
        return self._vitals.history()

    def settings(self) -> SettingsView:
        """See `Stage`."""
        now = self.settings_file.now
        return {
            "settings": now.model_dump(mode="json"),
            "schema": Settings.model_json_schema(),
            "path": str(self.settings_file.path),
            "problem": self.settings_file.problem,
        }

    def change_settings(self, part: dict[str, Any]) -> None:
        """See `Stage`."""
        self.settings_file.change(part)

    def calibrate(self) -> None:
        """See `Stage`."""
        self._references.take()

    def search_reference(self) -> None:
        """See `Stage`."""
        self.session.search_reference()

    def panic(self, on: bool) -> None:
        """See `Stage`. The sinks first, OBS after them; at the end the other way round."""
        self.session.panic(on, _END_S)
        if self._obs is not None:
            self._obs.curtain.draw(self.session.cover.panic)  # another one may have begun, by another door
        self._poke()

    def clip(self, action: ClipAction) -> ClipResult:
        """See `Stage`. The file of a clip that was saved or stopped is in the clips folder when this returns."""
        if self._obs is None:
            raise ObsError("OBS is not followed (--no-obs), so there are no clips.")
        clips = self._obs.clips
        outcome = {"save": clips.save, "start": clips.start, "stop": clips.stop, "last": clips.last}[action]()
        if outcome.clip is not None:
            self.last_clip = outcome.clip.path
        self._heard(Notice("clip", outcome.message, False))
        return {
            "action": outcome.action,
            "path": str(outcome.clip.path) if outcome.clip is not None else None,
            "message": outcome.message,
            "seconds": outcome.clip.info.duration_s if outcome.clip is not None else None,
        }

    def scenes(self) -> list[str]:
        """See `Stage`."""
        return list(self._obs.director.scenes) if self._obs is not None else []

    def bindings(self) -> list[Binding]:
        """See `Stage`."""
        from obs_portrait.obs.bindings import LEAVE

        if self._obs is None:
            return []
        now = self._obs.bindings.now
        rows = [
            Binding(
                scene=rule.scene if rule.scene is not None else str(rule.glob),
                persona=None if rule.persona == LEAVE else rule.persona,
                where="bindings.toml",
            )
            for rule in now.rules
            if rule.studio == "program" and rule.holds_in(self._obs.director.collection)
        ]
        rows += [Binding(scene=scene, persona=name, where=f"profile {name}") for scene, name in now.from_profiles]
        return rows

    def bind(self, scene: str, persona: str | None) -> None:
        """See `Stage`."""
        if self._obs is None:
            raise ObsError("OBS is not followed (--no-obs), so no scene can be bound.")
        if persona is not None:
            from obs_portrait.persona import store

            if persona not in self.session.personas:
                store.load(persona)
        self._obs.bindings.bind(scene, persona)
        self._obs.director.rescan()
