"""The running daemon: one live session, its link to OBS, and the API through which it is steered.

Ordered start: the control API first (it is also the lock that makes this the only one), then the show, then OBS. The
stop is the reverse. The media never wait for OBS: it may come, go and crash as it likes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.control.stage import Binding, ClipAction, ClipResult, ObsState, Persona, Stage, Status
from obs_portrait.errors import ObsError, PortraitError
from obs_portrait.pipeline.live.messages import Notice
from obs_portrait.pipeline.live.session import LiveSession

if TYPE_CHECKING:
    from daemon.control.server import ControlServer
    from obs_portrait.obs.client import ObsEvent
    from obs_portrait.obs.clips.recorder import Staged
    from obs_portrait.pipeline.live.options import LiveOptions
    from obs_portrait.pipeline.live.status import LiveReport

__all__ = ["App", "Doors"]

_HINT_S = 6.0
_FRESH_S = 2.0
"""For so long the list of installed profiles is believed."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Which ways lead into the daemon. obs: follow OBS. control: serve the API; port 0 takes any, and one that is taken
    is given up for the next."""

    obs: bool = True
    control: bool = True
    port: int = 0


class App(Stage):
    """`with App(options, …) as app: app.session.wait()`. The methods of `Stage` may be called from any thread.

    on_notice: one sentence for the user, from any thread.
    """

    def __init__(
        self, options: LiveOptions, doors: Doors | None = None, on_notice: Callable[[Notice], None] | None = None
    ) -> None:
        """Loads the profiles (raises `ProfileError`); starts nothing yet."""
        self._doors = doors or Doors()
        self._tell = on_notice or (lambda notice: None)
        self.session = LiveSession(options, self._heard)
        self._obs: _ObsSide | None = None
        self._control: ControlServer | None = None
        self._begun = time.monotonic()
        self._listed: tuple[float, list[Persona]] = (float("-inf"), [])
        self._problems: dict[str, str] = {}
        self._lock = threading.Lock()
        self.last_clip: Path | None = None

    # ---- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Raises `ControlError` if another daemon runs, `PipelineError` if the show cannot begin."""
        try:
            if self._doors.control:
                from daemon.control.server import ControlServer

                self._control = ControlServer(self, port=self._doors.port, yielding=True)
                self._control.start()
                if self._control.moved is not None:
                    self._note("page", self._control.moved, True)
            self.session.start()
            if self._doors.obs:
                self._obs = _ObsSide(self.session, self._note)
                self._obs.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> LiveReport:
        """Reverse order; may be called twice, and after a start that failed."""
        if self._obs is not None:
            self._obs.stop()
            self._obs = None
        report = self.session.stop()
        if self._control is not None:
            self._control.stop()
            self._control = None
        return report

    def __enter__(self) -> App:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ---- what is told --------------------------------------------------------------------------------------------

    def _heard(self, notice: Notice) -> None:
        self._tell(notice)
        if self._control is not None:
            self._control.notify()

    def _note(self, about: str, text: str, problem: bool) -> None:
        with self._lock:
            if problem:
                self._problems[about] = text
            else:
                self._problems.pop(about, None)
        self._heard(Notice(about, text, problem))

    # ---- Stage ---------------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """See `Stage`."""
        live = self.session.status()
        with self._lock:
            problems = [*live.problems, *self._problems.values()]
        audio = live.audio
        return {
            "running": live.running,
            "state": live.state,
            "persona": live.persona,
            "panic": live.panic,
            "prepared": list(live.prepared),
            "fps": round(live.fps, 1),
            "latency": {
                "picture_ms": _known(live.video.latency_ms),
                "voice_ms": _known(audio.latency_ms) if audio is not None else None,
                "skew_ms": round(live.skew_ms, 1) if live.skew_ms is not None else None,
            },
            "dropped": live.video.cells.get("frames_dropped", 0),
            "late_blocks": audio.cells.get("late", 0) if audio is not None else 0,
            "restarts": live.video.restarts + (audio.restarts if audio is not None else 0),
            "problems": problems,
            "reference": {"current": live.reference[0], "best": live.reference[1]} if live.reference else None,
            "obs": self._obs.state() if self._obs is not None else {"connected": False},
            "last_clip": str(self.last_clip) if self.last_clip is not None else None,
            "uptime_s": round(time.monotonic() - self._begun, 1),
        }

    def personas(self) -> list[Persona]:
        """See `Stage`."""
        ready, on_stage = self.session.personas, self.session.persona
        rows = {row["name"]: row for row in self._installed()}
        for name in ready:
            rows.setdefault(
                name, Persona(name=name, description="", ready=True, on_stage=False, hotkey=None, problem=None)
            )
        order = [*ready, *(name for name in rows if name not in ready)]
        return [Persona(**{**rows[n], "ready": n in ready, "on_stage": n == on_stage}) for n in order]  # type: ignore[typeddict-item]

    def _installed(self) -> list[Persona]:
        """The installed profiles, read again after a moment."""
        from obs_portrait.persona import store

        stamp, rows = self._listed
        if time.monotonic() - stamp < _FRESH_S:
            return rows
        rows = []
        for one in store.list_profiles():
            profile, problem = one.profile, one.problem
            rows.append(
                Persona(
                    name=one.name,
                    description=profile.description if profile is not None else "",
                    ready=False,
                    on_stage=False,
                    hotkey=profile.obs.hotkey if profile is not None else None,
                    problem=str(problem).splitlines()[0] if problem is not None else None,
                )
            )
        self._listed = (time.monotonic(), rows)
        return rows

    def switch(self, name: str) -> None:
        """See `Stage`."""
        self.session.switch(name)

    def calibrate(self) -> None:
        """See `Stage`."""
        self.session.calibrate()

    def search_reference(self) -> None:
        """See `Stage`."""
        self.session.search_reference()

    def panic(self, on: bool) -> None:
        """See `Stage`. The sinks first, OBS after them; at the end the other way round."""
        self.session.panic(on)
        if self._obs is not None:
            self._obs.curtain.draw(on)
        if self._control is not None:
            self._control.notify()

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


class _ObsSide:
    """Everything that has to do with OBS: made together, started and stopped together."""

    def __init__(self, session: LiveSession, note: Callable[[str, str, bool], None]) -> None:
        from obs_portrait.obs.binding_file import BindingFile
        from obs_portrait.obs.client import LINK_DOWN, LINK_UP, ObsClient
        from obs_portrait.obs.clips.diary import Diary
        from obs_portrait.obs.clips.recorder import ClipRecorder
        from obs_portrait.obs.curtain import Curtain
        from obs_portrait.obs.director import Director
        from obs_portrait.obs.keeping import find_address
        from obs_portrait.obs.revive import Reviver
        from obs_portrait.obs.setup_record import SetupRecord
        from obs_portrait.obs.watch import ObsWatch

        self._note, self._session = note, session
        self._was_up = False
        self.client = ObsClient(find_address)
        self._end = self.client.subscribe(self._link, LINK_UP, LINK_DOWN)
        self.watch = ObsWatch(self.client)
        self.bindings = BindingFile(on_problem=lambda text: note("bindings", text, True))
        self.director = Director(self.client, self.bindings, session, note)
        self.curtain = Curtain(self.client, lambda: SetupRecord.load().inputs)
        self._reviver = Reviver(self.client, self._unplayed)
        self._hint = threading.Timer(_HINT_S, self._say_why)
        self._hint.daemon = True
        self._diary = Diary(lambda kind, name, at_ns: kind == "persona" and self.clips.chapter(name))
        self.clips = ClipRecorder(
            self.client, diary=self._diary, staged=self._staged, local=lambda: find_address().local
        )

    def _link(self, event: ObsEvent) -> None:
        from obs_portrait.obs.client import LINK_UP

        if event.name == LINK_UP:
            self._was_up = True
            self._session.obs_runs_at(self._period_ns())
            version = event.data.get("obsVersion", "")
            self._note("obs link", f"OBS {version} is connected; scenes switch personas.", False)
        elif self._was_up:
            self._note("obs link", f"{event.data.get('why', 'OBS is gone.')} It is looked for; the show goes on.", True)

    def _staged(self, persona: str | None) -> Staged:
        """What a clip's sidecar says of the show."""
        from obs_portrait.obs.clips.recorder import Staged
        from obs_portrait.persona import store

        live = self._session.status()
        measured = {
            "picture_ms": live.video.latency_ms,
            "voice_ms": live.audio.latency_ms if live.audio is not None else None,
            "skew_ms": live.skew_ms,
        }
        timings = {name: round(ms, 1) for name, ms in measured.items() if ms}
        try:
            profile = store.load(persona or self._session.persona)
        except PortraitError:  # deleted meanwhile; its clip is none the worse
            return Staged(timings=timings)
        return Staged(profile.face.engine, profile.voice.converter, timings)

    def _say_why(self) -> None:
        """OBS runs and does not let us in: that is told. That it does not run needs no telling, it may come later."""
        why = self.client.problem
        if not self.client.connected and why is not None and not why.startswith("Nobody listens"):
            self._note("obs link", why, True)

    def _period_ns(self) -> int:
        """How long OBS's frames last, 0 if it does not say: the stream repeats pictures so often that none lacks."""
        try:
            video = self.client.request("GetVideoSettings")
            return round(1e9 * int(video["fpsDenominator"]) / int(video["fpsNumerator"]))
        except (ObsError, KeyError, TypeError, ValueError, ZeroDivisionError):
            return 0

    def _unplayed(self) -> bool:
        """The stream is served and nobody plays it."""
        from obs_portrait.pipeline.live.supervisor import Phase

        if self._session.stream_port is None:
            return False
        video = self._session.status().video
        return video.phase is Phase.RUNNING and video.cells.get("frames_out", 0) > 0 and not video.cells.get("players")

    def state(self) -> ObsState:
        """For the status."""
        now = self.watch.now
        return {
            "connected": now.connected,
            "version": now.version or None,
            "scene": self.director.scene,
            "streaming": now.streaming,
            "recording": now.recording,
            "replay": now.replay,
            "problem": self.client.problem,
        }

    def start(self) -> None:
        """Begins to look for OBS."""
        self._diary.watch(lambda: (self._session.persona, self.director.scene))
        self.director.start()
        self._reviver.start()
        self.client.start()
        self._hint.start()

    def stop(self) -> None:
        """Lets go of OBS."""
        self._diary.close()
        self.clips.close()
        self._hint.cancel()
        self._reviver.stop()
        self.director.close()
        self.curtain.close()
        self.watch.close()
        self._end()
        self.client.close()


def _known(ms: float) -> float | None:
    return round(ms, 1) if ms else None
