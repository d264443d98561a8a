"""What a media process is told at its start, and what an understudy rehearses."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from obs_portrait.face.types import Observation
from obs_portrait.media.sinks.obs_stream.voice import VoiceRing
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.cast import Cast, is_light
from obs_portrait.pipeline.live.child import Body
from obs_portrait.pipeline.live.options import CONTROL_CELLS, AudioPlan, LiveOptions, VideoPlan, Voice
from obs_portrait.pipeline.live.picture_mail import Mails
from obs_portrait.pipeline.live.recording import Recorder
from obs_portrait.pipeline.live.understudy import Understudy

__all__ = ["Plans"]


class Plans:
    """Belongs to a session; used by its supervisor's thread. options(): as they are now."""

    def __init__(
        self,
        options: Callable[[], LiveOptions],
        cast: Cast,
        *,
        recorder: Recorder | None,
        previews: Mails,
        voice: VoiceRing | None,
        rests: Callable[[], bool],
    ) -> None:
        self._options, self._cast, self._recorder = options, cast, recorder
        self._previews, self._voice, self._rests = previews, voice, rests
        self.video_control, self.audio_control = Board(*CONTROL_CELLS), Board(*CONTROL_CELLS)
        self.first = {"video": True, "audio": True}
        """Whether a device that cannot be opened is an error: it has never been open."""
        self.neutral: Observation | None = None
        """The driver's reference that holds now."""
        self.listener: socket.socket | None = None
        """The open door of the stream to OBS."""

    def video(self, personas: tuple[Any, ...] | None = None) -> VideoPlan:
        """personas: those that an understudy rehearses, nobody for the card; None: it is for the one that goes on now,
        and the cast counts on it."""
        return VideoPlan(
            replace(self._options(), personas=(), audio=None, audio_sinks=()),
            self._cast.plan("video") if personas is None else personas,
            self._cast.stage,
            self.video_control,
            self.first["video"],
            self._recorder.part("video") if self._recorder else None,
            self.neutral,
            self._voice,
            previews=self._previews,
            listener=self.listener,
        )

    def audio(self, personas: tuple[Any, ...] | None = None) -> AudioPlan:
        """As `video`."""
        voices = self._cast.plan("audio") if personas is None else personas
        return AudioPlan(
            replace(self._options(), personas=(), source="", sinks=()),
            tuple(Voice(persona.name, persona.voice) for persona in voices),
            self._cast.stage,
            self.audio_control,
            self.first["audio"],
            self._recorder.part("audio") if self._recorder else None,
            self._voice,
        )

    def understudy(self, name: str, body: Body, cells: tuple[str, ...]) -> Understudy | None:
        """None where the options ask for none. A recording's parts are numbered as processes are started, so there it
        is done without."""
        if not self._options().understudies or self._recorder is not None:
            return None
        make: Callable[[tuple[Any, ...]], Any] = self.video if name == "video" else self.audio

        def plan() -> Any:
            everybody = tuple(self._cast.personas.values())
            light = all(is_light(persona) for persona in everybody)
            return make(everybody) if light and not self._rests() else None

        def took(plan: Any, failed: set[str]) -> None:
            def same(one: Any) -> bool:
                now = self._cast.personas.get(one.name)
                return now is one if name == "video" else now is not None and now.voice is one.voice

            self._cast.took(name, {one.name for one in plan.personas if same(one)} - failed, plan.stage)

        return Understudy(name, body, plan, took, cells)
