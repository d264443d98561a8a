"""One stream of pictures: camera frame -> tracker -> engine -> guard -> persona frame. One in, one out, always."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from obs_portrait.face.types import Observation
from obs_portrait.media.types import CameraFrame, PersonaFrame
from obs_portrait.pipeline.guard import HOLD_S, VideoGuard
from obs_portrait.pipeline.prepare import PreparedFace
from obs_portrait.pipeline.stats import Stats
from obs_portrait.pipeline.trouble import Trouble
from obs_portrait.pipeline.watched import PATIENCE, WatchedEngine

__all__ = ["FacePipeline", "Timings", "Tracker"]


class Tracker(Protocol):
    """What the pipeline needs of a tracker; `obs_portrait.face.tracker.FaceTracker` has it."""

    def track(self, image: NDArray[np.uint8], captured_ns: int) -> Observation | None:
        """The face in a (H, W, 3) uint8 RGB picture, None if there is none. Times must increase."""


@dataclass(frozen=True, slots=True)
class Timings:
    """How long one frame took, in ns; and what the engine says of its own stages, if it does."""

    track: int = 0
    render: int = 0
    guard: int = 0
    engine: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """From the camera frame to the persona frame."""
        return self.track + self.render + self.guard


class FacePipeline:
    """Drives one persona at a time. Used offline on every frame and live on the newest: it knows no difference.

    Not thread-safe: all methods belong to the thread that calls `process`.
    """

    def __init__(
        self,
        face: PreparedFace,
        make_tracker: Callable[[], Tracker],
        *,
        stats: Stats | None = None,
        hold_s: float = HOLD_S,
        background: bool = False,
    ) -> None:
        """`make_tracker` is called now, and again if the tracker keeps failing. `background`: a failing engine is
        prepared anew in a thread (live), else at once (offline)."""
        self.stats = stats if stats is not None else Stats()
        self.guard = VideoGuard(face.look, face.canvas, hold_s)
        self.observation: Observation | None = None
        """The face in the last frame; None if there was none."""
        self.reference: Observation | None = None
        """The driver's neutral frame; None until a face was seen."""
        self._reference_frame: CameraFrame | None = None
        self.timings = Timings()
        """Of the last frame."""
        self.news: deque[tuple[str, bool]] = deque(maxlen=4)
        """Sentences for the user, and whether it is a problem that goes on: why there have been only stand-ins for a
        second although somebody is seen, and that it is over."""
        self._trouble = Trouble()
        self._make_tracker = make_tracker
        self._tracker = make_tracker()
        self._tracker_failures = 0
        self._failure = ""  # why the tracker saw nobody in the last frame
        self._face = face
        self._engine = WatchedEngine(face, background)
        self._next: list[tuple[int, PreparedFace]] = []
        self._frame: CameraFrame | None = None

    @property
    def persona(self) -> str:
        """Name of the persona that is shown."""
        return self._face.name

    @property
    def lost(self) -> str | None:
        """Why the engine on stage can do nothing more in this process; None while it can."""
        return self._engine.lost

    def switch(self, face: PreparedFace, at_ns: int | None = None) -> None:
        """Shows `face` on every frame captured at or after `at_ns` (None: from the next frame on). Takes the place of
        earlier calls whose moment is not before it. The engine that is left stays prepared: its owner closes it."""
        at = at_ns if at_ns is not None else -1
        self._next = [*(one for one in self._next if one[0] < at), (at, face)]

    def set_reference(self, reference: Observation | None, frame: CameraFrame | None = None) -> None:
        """The driver's neutral frame (from `face.calibration`); None: the next face that is seen. `frame` is the
        picture in which it was seen, for engines that need pixels; it is kept, and not written to."""
        self._refer(reference, frame)
        self._engine.refer(reference)

    def process(self, frame: CameraFrame) -> PersonaFrame:
        """The persona's picture for `frame`. Whatever tracker and engine do: it returns, with a stand-in if need be."""
        self._take_turn(frame.captured_ns)
        self._frame = frame
        begin = perf_counter_ns()
        self.guard.watch(frame)  # also where the engine fails: it may return the picture later
        watched = perf_counter_ns()
        observation = self._track(frame)
        self.observation = observation
        tracked = perf_counter_ns()
        result: object = None
        if observation is not None:
            if self.reference is None:
                self._refer(observation, frame)
            reference = self.reference or observation
            result = self._engine.render(observation, frame, reference, self._reference_frame, self.stats)
        rendered = perf_counter_ns()
        out = self.guard.stand_in(frame.captured_ns, frame.index) if result is None else self._admit(result, frame)
        done = perf_counter_ns()
        own = {k: v for k, v in self._engine.stages().items() if v >= 0}
        self.timings = Timings(tracked - watched, rendered - tracked, done - rendered + watched - begin, own)
        self._count(out, observation is not None)
        self._report(out, observation is not None, result is not None)
        return out

    def again(self) -> PersonaFrame | None:
        """The last frame once more, as the persona whose turn it is by now: a switch need not wait for the camera.

        None if nobody else's turn has come since, or there was no face in that frame. The tracker is not asked again.
        """
        frame, seen = self._frame, self.observation
        if frame is None or seen is None or not any(at <= frame.captured_ns for at, _ in self._next):
            return None
        self._take_turn(frame.captured_ns)
        begin = perf_counter_ns()
        result = self._engine.render(seen, frame, self.reference or seen, self._reference_frame, self.stats)
        if result is None:
            return None
        out = self._admit(result, frame)
        self.stats.add("again", perf_counter_ns() - begin)
        return out

    def missing(self, captured_ns: int, index: int = -1) -> PersonaFrame:
        """The stand-in for a moment without any camera frame: the camera was pulled, is black, has stopped."""
        self._take_turn(captured_ns)
        self.observation = self._frame = None
        out = self.guard.stand_in(captured_ns, index)
        self.stats.origins[out.origin] += 1
        return out

    def close(self) -> None:
        """Releases the tracker. The engines belong to whoever prepared them. Never raises."""
        _close(self._tracker)

    def _refer(self, reference: Observation | None, frame: CameraFrame | None) -> None:
        self.reference, self._reference_frame = reference, frame
        if frame is not None:
            self.guard.watch_reference(frame)

    def _take_turn(self, captured_ns: int) -> None:
        due = [face for at, face in self._next if at <= captured_ns]
        if due:
            self._next = [one for one in self._next if one[0] > captured_ns]
            self._face = due[-1]
            self._engine = WatchedEngine(self._face, self._engine.background)
            self.guard.switch(self._face.look)

    def _track(self, frame: CameraFrame) -> Observation | None:
        self._failure = ""
        try:
            seen = self._tracker.track(frame.image, frame.captured_ns)
            self._tracker_failures = 0
        except Exception as error:  # a tracker that fails sees no face; the guard does the rest
            self._failure = type(error).__name__
            self.stats.events["tracker_errors"] += 1
            self._tracker_failures += 1
            if self._tracker_failures % PATIENCE == 0:
                self._renew_tracker()
            return None
        if seen is None:
            self.stats.events["no_face"] += 1
        elif seen.faces > 1:
            self.stats.events["several_faces"] += 1
        return seen

    def _renew_tracker(self) -> None:
        try:
            renewed = self._make_tracker()
        except Exception:  # the old one is tried on
            self.stats.events["tracker_errors"] += 1
            return
        _close(self._tracker)
        self._tracker = renewed
        self.stats.events["tracker_renewed"] += 1

    def _admit(self, result: object, frame: CameraFrame) -> PersonaFrame:
        before = self.guard.leaks, self.guard.rejected
        engine = self._face.engine
        out = self.guard.admit(result, frame, engine.reveals, engine.needs_pixels)
        self.stats.events["leaks"] += self.guard.leaks - before[0]
        self.stats.events["rejected"] += self.guard.rejected - before[1]
        return out

    def _report(self, out: PersonaFrame, seen: bool, drawn: bool) -> None:
        """Notes whether this frame was the persona's own; types of errors are told, never their words, which may hold
        anything. A frame without a face says nothing of the engine."""
        why, do = "", "choose another persona"
        if self._failure:
            why, do = f"is not drawn, because the tracker fails ({self._failure})", "restart the program"
        elif seen and not drawn:
            why = f"is not drawn, because its engine fails ({self._engine.failure})"
        elif seen and self.guard.reason:
            why = f"is not shown, because the guard has refused {self.guard.reason}"
        turn = self._trouble.note(not why if seen or self._failure else None, out.captured_ns)
        if turn is not None:
            self.news.append((f"'{out.persona}' {why}; {do}." if turn else f"'{out.persona}' is drawn again.", turn))

    def _count(self, out: PersonaFrame, seen: bool) -> None:
        self.stats.origins[out.origin] += 1
        self.stats.add("track", self.timings.track)
        if seen:
            self.stats.add("render", self.timings.render)
            for name, ns in self.timings.engine.items():
                self.stats.add(name, ns)
        self.stats.add("guard", self.timings.guard)
        self.stats.add("frame", self.timings.total)


def _close(tracker: Tracker) -> None:
    with contextlib.suppress(Exception):
        getattr(tracker, "close", lambda: None)()
