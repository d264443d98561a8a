"""Everything of the daemon that has to do with OBS: made together, started and stopped together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from daemon.control.stage import ObsState
from obs_portrait.errors import ObsError, PortraitError
from obs_portrait.obs.binding_file import BindingFile
from obs_portrait.obs.client import LINK_DOWN, LINK_UP, ObsClient, ObsEvent
from obs_portrait.obs.clips.diary import Diary
from obs_portrait.obs.clips.recorder import ClipRecorder, Staged
from obs_portrait.obs.curtain import Curtain
from obs_portrait.obs.director import Director
from obs_portrait.obs.keeping import find_address
from obs_portrait.obs.revive import Reviver
from obs_portrait.obs.setup_record import SetupRecord
from obs_portrait.obs.watch import ObsWatch
from obs_portrait.persona import store
from obs_portrait.pipeline.live.session import LiveSession
from obs_portrait.pipeline.live.supervisor import Phase

__all__ = ["ObsSide"]

_HINT_S: Final = 6.0
"""OBS may be slow to start; only then its silence is explained."""


class ObsSide:
    """Follows OBS for a session. note(about, text, problem): one sentence for the user, from any thread."""

    def __init__(self, session: LiveSession, note: Callable[[str, str, bool], None]) -> None:
        self._note, self._session = note, session
        self._was_up = False
        self.client = ObsClient(find_address)
        self._end = self.client.subscribe(self._link, LINK_UP, LINK_DOWN)
        self.watch = ObsWatch(self.client)
        self.bindings = BindingFile(on_problem=lambda text: note("bindings", text, True))
        self.director = Director(self.client, self.bindings, session, note)
        self.curtain = Curtain(self.client, lambda: SetupRecord.load().inputs)
        session.on_frozen = lambda on: self.curtain.draw(on, "frozen")
        self._reviver = Reviver(self.client, self._unplayed)
        self._hint = threading.Timer(_HINT_S, self._say_why)
        self._hint.daemon = True
        self._diary = Diary(lambda kind, name, at_ns: kind == "persona" and self.clips.chapter(name))
        self.clips = ClipRecorder(
            self.client, diary=self._diary, staged=self._staged, local=lambda: find_address().local
        )

    def _link(self, event: ObsEvent) -> None:
        if event.name == LINK_UP:
            self._was_up = True
            self._session.obs_runs_at(self._period_ns())
            version = event.data.get("obsVersion", "")
            self._note("obs link", f"OBS {version} is connected; scenes switch personas.", False)
        elif self._was_up:
            self._note("obs link", f"{event.data.get('why', 'OBS is gone.')} It is looked for; the show goes on.", True)

    def _staged(self, persona: str | None) -> Staged:
        """What a clip's sidecar says of the show."""
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
        if self._session.stream_port is None:
            return False
        video = self._session.status().video
        return video.phase is Phase.RUNNING and video.cells.get("frames_out", 0) > 0 and not video.cells.get("players")

    def _note_every(self) -> float:
        """Seconds between two looks at who is on stage: exact while OBS may record somebody, cheap otherwise."""
        return 0.05 if self.client.connected and not self._session.cover.rests else 0.5

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
        self._diary.watch(lambda: (self._session.persona, self.director.scene), self._note_every)
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
