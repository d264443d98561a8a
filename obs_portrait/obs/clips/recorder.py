"""The recorder: tells OBS to save or record, waits until OBS says that the file is finished, and takes it in."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from obs_portrait.clock import now_ns
from obs_portrait.errors import ObsError
from obs_portrait.obs.client import ObsClient, ObsEvent
from obs_portrait.obs.clips.diary import Diary, Take
from obs_portrait.obs.clips.library import Clip, Library
from obs_portrait.obs.clips.preflight import auto_remux, check_folder, record_folder, running_out
from obs_portrait.obs.clips.sidecar import ClipInfo

__all__ = ["ClipRecorder", "Outcome", "Staged"]

_RECORD: Final = "RecordStateChanged"
_REPLAY: Final = "ReplayBufferStateChanged"
_STARTED: Final = "OBS_WEBSOCKET_OUTPUT_STARTED"
_STOPPED: Final = "OBS_WEBSOCKET_OUTPUT_STOPPED"
_PAUSED: Final = "OBS_WEBSOCKET_OUTPUT_PAUSED"
_RESUMED: Final = "OBS_WEBSOCKET_OUTPUT_RESUMED"
_NOT_AVAILABLE: Final = 604
_LOOK_AHEAD_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Staged:
    """What only the live session knows. timings: medians in ms, as the sidecar keeps them."""

    engine: str | None = None
    converter: str | None = None
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. message: one sentence for the streamer. clip: None where there is no file (yet)."""

    action: str
    message: str
    clip: Clip | None = None

    def as_dict(self) -> dict[str, Any]:
        """As the control API's `ClipResult`."""
        path = str(self.clip.path) if self.clip is not None else None
        seconds = self.clip.info.duration_s if self.clip is not None else None
        return {"action": self.action, "path": path, "message": self.message, "seconds": seconds}


class ClipRecorder:
    """Clips of one OBS. Methods may be called from any thread; one action at a time is carried out."""

    def __init__(
        self,
        client: ObsClient,
        library: Library | None = None,
        *,
        diary: Diary | None = None,
        staged: Callable[[str | None], Staged] = lambda persona: Staged(),
        local: Callable[[], bool] = lambda: True,
        switch_on: bool = True,
        patience: float = 20.0,
    ) -> None:
        """diary: who is on stage; nobody is, if left out. staged(persona): asked when a clip is finished.
        local(): does OBS write on this machine? switch_on: a replay buffer that is off may be started. patience: s
        that OBS has for finishing a file.
        """
        self._client, self.library = client, library or Library()
        self._diary, self._staged = diary or Diary(), staged
        self._local, self._switch_on, self._patience = local, switch_on, patience
        self._lock = threading.Lock()
        self._take: Take | None = None
        self._chapters = 0
        self._end = client.subscribe(self._heard, _RECORD)

    def close(self) -> None:
        """Follows OBS's recordings no more."""
        self._end()

    def _heard(self, event: ObsEvent) -> None:
        """Whoever started a recording, here or in OBS: when it began and was held is known."""
        state, take = event.data.get("outputState"), self._take
        if state == _STARTED:
            self._take, self._chapters = Take(event.received_ns), 0
        elif take is not None and state == _PAUSED:
            take.pause(event.received_ns)
        elif take is not None and state == _RESUMED:
            take.resume(event.received_ns)

    # ---- the replay buffer ---------------------------------------------------------------------------------------

    def save(self) -> Outcome:
        """The last seconds. If the replay buffer is off, it is started (or `ObsError`), and there is no clip yet."""
        with self._lock:
            if not self._replay_runs():
                return self._start_replay()
            self._check()
            with self._client.expect("ReplayBufferSaved") as arrival:
                asked, when = now_ns(), datetime.now().astimezone()
                self._client.request("SaveReplayBuffer")
                event = arrival.wait(self._patience)
            return self._finish("save", str(event.data.get("savedReplayPath", "")), "replay", asked, event, when)

    def _replay_runs(self) -> bool:
        try:
            return bool(self._client.request("GetReplayBufferStatus").get("outputActive"))
        except ObsError as error:
            if error.code != _NOT_AVAILABLE:
                raise
            raise ObsError(
                "OBS has no replay buffer: switch it on in OBS's Settings > Output > Replay Buffer > Enable Replay "
                "Buffer.",
                error.code,
            ) from None

    def _start_replay(self) -> Outcome:
        if not self._switch_on:
            raise ObsError("The replay buffer is off: press Start Replay Buffer in OBS.")
        self._check()
        if not self._client.request("GetInputList").get("inputs"):
            # OBS would open a question and wait for somebody at the screen.
            raise ObsError("OBS has no source yet, and does not start a replay buffer then: add one, any will do.")
        self._begin("StartReplayBuffer", _REPLAY, "GetReplayBufferStatus")
        return Outcome("save", "The replay buffer was off and is on now: from here on a clip can be saved.")

    # ---- recordings ----------------------------------------------------------------------------------------------

    def start(self) -> Outcome:
        """Begins a recording. Raises `ObsError`, also if one is running."""
        with self._lock:
            if self._client.request("GetRecordStatus").get("outputActive"):
                raise ObsError("OBS is recording already; end it with: obs-portrait clip stop")
            folder = self._check()
            self._begin("StartRecord", _RECORD, "GetRecordStatus")
            warning = running_out(folder) if folder is not None else None
            return Outcome("start", " ".join(filter(None, ("Recording.", warning))))

    def stop(self) -> Outcome:
        """Ends the recording, whoever started it, and takes it in. Raises `ObsError`."""
        with self._lock:
            if not self._client.request("GetRecordStatus").get("outputActive"):
                raise ObsError("OBS is not recording; begin with: obs-portrait clip start")
            self._wait_for_a_picture()
            keep = auto_remux(self._client)
            with self._client.expect(_RECORD, lambda event: event.data.get("outputState") == _STOPPED) as arrival:
                asked, when = now_ns(), datetime.now().astimezone()
                answer = self._client.request("StopRecord")
                event = arrival.wait(self._patience)
            path = str(event.data.get("outputPath") or answer.get("outputPath") or "")
            take, self._take = self._take, None
            return self._finish("stop", path, "recording", asked, event, when, take, keep)

    def _wait_for_a_picture(self) -> None:
        """An encoder looks ahead, over a second or more: what is stopped before its first picture is an empty file."""
        deadline = time.monotonic() + _LOOK_AHEAD_S
        while time.monotonic() < deadline:
            status = self._client.request("GetRecordStatus")
            if status.get("outputDuration") or status.get("outputPaused") or not status.get("outputActive"):
                return
            time.sleep(0.05)

    def last(self) -> Outcome:
        """The newest clip. Raises `ObsError` if there is none."""
        clip = self.library.last()
        return Outcome("last", f"The last clip is {clip.path.name}{_length(clip.info)}.", clip)

    def chapter(self, name: str) -> bool:
        """Writes a chapter into the recording under way, where OBS can (30.2 and later, Hybrid MP4). Never raises."""
        if self._take is None or not self._client.supports("CreateRecordChapter"):
            return False
        try:
            self._client.request("CreateRecordChapter", {"chapterName": name})
        except ObsError:
            return False  # another container, or no recording any more: the mark in the sidecar is there all the same
        self._chapters += 1
        return True

    # ---- what both share -----------------------------------------------------------------------------------------

    def _check(self) -> Path | None:
        """Raises `ObsError` if OBS or we could not write. None if OBS is on another machine."""
        if not self._local():
            return None
        folder = record_folder(self._client)
        check_folder(folder)
        self.library.prepare()
        return folder

    def _begin(self, request: str, event: str, status: str) -> None:
        """Starts an output. OBS 29 may answer with success and do nothing when the output has only just stopped: then
        it is asked once more."""
        for patience in (self._patience / 4, self._patience):
            with self._client.expect(event, lambda news: news.data.get("outputState") == _STARTED) as arrival:
                if self._client.request(status).get("outputActive"):
                    return
                self._client.request(request)
                try:
                    arrival.wait(patience)
                    return
                except ObsError:
                    if not self._client.connected:
                        raise
        raise ObsError("OBS did not begin; look at its window, it may be showing a question.")

    def _finish(
        self,
        action: str,
        path: str,
        kind: str,
        asked_ns: int,
        event: ObsEvent,
        when: datetime,
        take: Take | None = None,
        keep: bool = False,
    ) -> Outcome:
        if not path:
            raise ObsError("OBS has written the clip and did not say where; look into its folder for recordings.")
        if not self._local():
            return Outcome(action, f"Saved on OBS's machine as {path}; it is not here, so it is left there.")
        info = self._info(kind, when)
        info.timings["asked_to_written_ms"] = round((event.received_ns - asked_ns) / 1e6, 1)
        info.chapters = kind == "recording" and self._chapters > 0

        def complete(info: ClipInfo) -> None:
            """Known only when the file has been looked at: its own length says when it began."""
            seconds = info.duration_s or 0.0
            info.begun_at = (when - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
            info.marks = self._diary.marks(_aligned(take, asked_ns, seconds), asked_ns)

        clip = self.library.adopt(Path(path), info, keep=keep, complete=complete)
        return Outcome(action, f"Saved {clip.path.name}{_length(info)} in {clip.path.parent}.", clip)

    def _info(self, kind: str, when: datetime) -> ClipInfo:
        version = self._client.version
        persona = self._diary.now("persona")
        staged = self._staged(persona)
        return ClipInfo(
            kind=kind,
            saved_at=when.isoformat(timespec="milliseconds"),
            persona=persona,
            engine=staged.engine,
            converter=staged.converter,
            scene=self._ask("GetCurrentProgramScene", "currentProgramSceneName") or self._diary.now("scene"),
            collection=self._ask("GetSceneCollectionList", "currentSceneCollectionName"),
            versions={
                "obs_portrait": metadata.version("obs-portrait"),
                "obs": str(version.get("obsVersion", "")),
                "obs_websocket": str(version.get("obsWebSocketVersion", "")),
                "system": f"{platform.system()} {platform.release()}",
            },
            timings=dict(staged.timings),
        )

    def _ask(self, kind: str, name: str) -> str | None:
        try:
            return str(self._client.request(kind)[name])
        except (ObsError, KeyError):
            return None  # the clip is worth more than the name of its scene


def _aligned(take: Take | None, end_ns: int, seconds: float) -> Take:
    """OBS goes on until it has encoded the picture of the moment in which it was asked, so the *end* of a file is
    known to a frame or two. Its beginning is not: OBS reported it up to three seconds before the first picture came."""
    pauses = take.pauses if take is not None else []
    paused_ns = take.paused_ns if take is not None else None
    held = sum(end - start for start, end in pauses) + (end_ns - paused_ns if paused_ns is not None else 0)
    return Take(end_ns - round(seconds * 1e9) - held, pauses, paused_ns)


def _length(info: ClipInfo) -> str:
    return f" ({info.duration_s:.1f} s)" if info.duration_s is not None else ""
