"""The engine's thread in the video process: newest camera frame in, persona frame out, one at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from obs_portrait.clock import now_ns
from obs_portrait.media.types import CameraFrame, PersonaFrame
from obs_portrait.pipeline.face_pipeline import FacePipeline
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.feed import Mailbox
from obs_portrait.pipeline.live.framing import Framing
from obs_portrait.pipeline.live.policy import ASLEEP_S, REST_S

__all__ = ["Performer"]


class Performer(threading.Thread):
    """Runs a `FacePipeline`, which belongs to this thread alone: orders for it come as functions through `order`.

    While it works on a frame the board's "busy_since_ns" says since when, so that the session can tell an engine that
    hangs from one that has nothing to do.
    """

    def __init__(
        self, pipeline: FacePipeline, frames: Mailbox[CameraFrame], results: Mailbox[PersonaFrame], board: Board
    ) -> None:
        super().__init__(name="engine", daemon=True)
        self._pipeline, self._frames, self._results, self._board = pipeline, frames, results, board
        self._orders: deque[Callable[[FacePipeline], None]] = deque()
        self._halt = threading.Event()
        self.asleep: Callable[[], bool] = lambda: False
        """While true, camera frames are thrown away unseen: nobody would be shown what the engine makes of them."""
        self.framing = Framing()
        """Replaced as a whole by the keys; read once for each frame."""
        self.processed = 0
        self.idle = True
        """Nothing is being worked on and nothing waits."""
        self.after: Callable[[CameraFrame, PersonaFrame], None] = lambda camera, persona: None
        """Called in this thread after each frame: calibration, search, preview."""
        self.notice: Callable[[str, bool], None] = lambda text, problem: None
        """Called in this thread with each sentence of the pipeline for the user."""

    def order(self, order: Callable[[FacePipeline], None]) -> None:
        """Has something done to the pipeline before the next frame. From any thread."""
        self._orders.append(order)
        self._frames.nudge()

    def run(self) -> None:
        while not self._halt.is_set():
            frame = self._frames.take(ASLEEP_S if self.asleep() else REST_S)
            if frame is not None and self.asleep():
                frame = None
            self.idle = False
            self._board.set("busy_since_ns", now_ns())
            while self._orders:
                self._orders.popleft()(self._pipeline)
            if frame is None:
                again = self._pipeline.again()
                if again is not None:
                    self._results.put(again)
            else:
                camera = self.framing.cut(frame)
                persona = self._pipeline.process(camera)
                self._results.put(persona)
                self.processed += 1
                self.after(camera, persona)
            while self._pipeline.news:
                self.notice(*self._pipeline.news.popleft())
            self._board.set("busy_since_ns", 0)
            self.idle = frame is None

    def stop(self, seconds: float = 1.0) -> None:
        """Ends the thread; an engine that hangs is left behind, the process ends soon anyway."""
        self._halt.set()
        self.join(seconds)
