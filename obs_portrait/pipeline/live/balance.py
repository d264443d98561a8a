"""Keeps picture and voice together: reads both latencies, tells both processes how long to wait."""

from __future__ import annotations

from collections.abc import Callable

from obs_portrait.clock import now_ns
from obs_portrait.pipeline.live.align import Aligner
from obs_portrait.pipeline.live.board import Board

__all__ = ["Balance"]

_EVERY_NS = 100_000_000


class Balance:
    """video_control, audio_control: boards of `CONTROL_CELLS` that are written here, read by the video process each
    tick and by the audio process each block. video, audio: give the status boards of both processes as they are now
    (audio None: nothing to align)."""

    def __init__(
        self,
        video_control: Board,
        audio_control: Board,
        video: Callable[[], Board],
        audio: Callable[[], Board] | None,
    ) -> None:
        self._video, self._audio = video, audio
        self.video_control, self.audio_control = video_control, audio_control
        self.controls = (self.video_control, self.audio_control)
        self._aligner = Aligner()
        self._done_ns = 0

    def update(self) -> None:
        """Called often; does something ten times a second."""
        now = now_ns()
        latencies = self._latencies()
        if latencies is None or now - self._done_ns < _EVERY_NS:
            return
        self._done_ns = now
        alignment = self._aligner.update(*latencies)
        self.audio_control.publish({"delay_ns": alignment.audio_delay_ns})
        self.video_control.publish({"delay_ns": alignment.video_delay_ns})

    def forget(self) -> None:
        """A process was restarted: keep the delays, measure anew."""
        self._aligner.forget()

    def skew_ms(self) -> float | None:
        """How much later the sound leaves than the picture of the same moment; None until both are measured."""
        latencies = self._latencies()
        if latencies is None or self._audio is None:
            return None
        video, audio = latencies
        return (audio + self._audio().get("delay_ns") - video - self.video_control.get("delay_ns")) / 1e6

    def _latencies(self) -> tuple[int, int] | None:
        if self._audio is None:
            return None
        video, audio = self._video().get("latency_ns"), self._audio().get("latency_ns")
        return (video, audio) if video and audio else None
