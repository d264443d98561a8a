"""The video process: camera thread -> engine thread -> pacer, which is the main thread and owns the sinks.

The pacer is the main thread because windows need that on macOS, and because its heartbeat then says the thing that
matters: pictures go out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from obs_portrait.clock import now_ns
from obs_portrait.errors import EngineLostError, PipelineError, PortraitError
from obs_portrait.face.types import Canvas, Observation
from obs_portrait.media.sinks.base import VideoSink
from obs_portrait.media.sources.base import VideoSource
from obs_portrait.media.types import CameraFrame, Origin, PersonaFrame
from obs_portrait.pipeline.live import devices
from obs_portrait.pipeline.live.child import Link
from obs_portrait.pipeline.live.cue import CueSheet
from obs_portrait.pipeline.live.devices import releases
from obs_portrait.pipeline.live.feed import Feed, Mailbox
from obs_portrait.pipeline.live.figures import VideoFigures
from obs_portrait.pipeline.live.messages import (
    Calibrate,
    Ended,
    Look,
    Notice,
    Prepare,
    Prepared,
    Ready,
    Refer,
    Rehearsed,
    Search,
    Start,
    Stop,
    Stopped,
    Switch,
    Switched,
    Use,
)
from obs_portrait.pipeline.live.options import VideoPlan
from obs_portrait.pipeline.live.picture_mail import Mails
from obs_portrait.pipeline.live.policy import ASLEEP_BEAT_S
from obs_portrait.pipeline.live.reading import open_in_time
from obs_portrait.pipeline.live.sinks import open_sinks

if TYPE_CHECKING:
    from obs_portrait.pipeline.prepare import PreparedFace

__all__ = ["body"]

_PUBLISH_NS = 100_000_000
_OVER_TICKS = 3
"""So many ticks in a row without anything under way before the end is believed: a frame may be between two hands."""


def body(link: Link, plan: VideoPlan) -> Stopped:
    """What the video process does from its first heartbeat to its end."""
    return _VideoProcess(link, plan).run()


class _VideoProcess:
    def __init__(self, link: Link, plan: VideoPlan) -> None:
        self._link, self._plan = link, plan
        self._options = plan.options
        self._canvas = Canvas(self._options.width, self._options.height)
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="prepare")  # one at a time, beside a show that goes on
        self._cues = CueSheet(plan.stage)
        self._frames: Mailbox[CameraFrame] = Mailbox()
        self._results: Mailbox[PersonaFrame] = Mailbox(room=8)
        self._published_ns = 0
        self._number = 0
        self._camera = ""
        self._stopping = False
        self._woken = threading.Event()

    def run(self) -> Stopped:
        self._link.beat_until(self._check)
        self._link.beat_until(self._rehearse)
        self._link.send(Rehearsed())
        epoch = self._await_start()
        if epoch is None:
            return Stopped()
        return self._perform(epoch)

    # ---- before the show -----------------------------------------------------------------------------------------

    def _check(self) -> None:
        """What can be said at once is said before anything slow is prepared."""
        for spec in self._options.sinks:
            if isinstance(spec, str) and spec != "window":
                devices.video_sink(spec)
        if self._plan.first and isinstance(self._options.source, str):
            devices.check_video(self._options.source)

    def _rehearse(self) -> None:
        """Imports, compiles, prepares every persona, and makes the tracker: all that is slow."""
        import cv2

        from obs_portrait.pipeline.guard import VideoGuard
        from obs_portrait.pipeline.live.wardrobe import StagePipeline, Wardrobe

        cv2.setNumThreads(1)
        self._faces = Wardrobe()
        for persona in self._plan.personas:
            try:
                self._faces.put(self._prepare(persona))
            except PortraitError as error:
                if persona.name == self._plan.stage:
                    raise
                self._link.send(Prepared(persona.name, str(error)))  # the show goes on without
        make_tracker = self._options.makers.tracker or _warm_tracker
        first = self._faces[self._plan.stage]
        self._pipeline = StagePipeline(first, make_tracker, background=True)
        self._stand_ins = VideoGuard(first.look, self._canvas)  # the pacer's own: the engine's thread may hang

    def _enter(self, stage: str) -> None:
        """Who is on stage may have changed since the plan was made, or was edited."""
        face = self._faces[stage]
        if not self._pipeline.plays(face):
            self._cues = CueSheet(stage)
            self._pipeline.switch(face)
            self._stand_ins.switch(face.look)

    def _prepare(self, persona: Any) -> PreparedFace:
        from obs_portrait.pipeline.live.dress import dress_rehearsal
        from obs_portrait.pipeline.prepare import prepare_face

        face = (self._options.makers.face or prepare_face)(persona, self._canvas)
        dress_rehearsal(face)
        return face

    def _await_start(self) -> int | None:
        while not self._link.stopping.is_set():
            self._link.beat()
            self._link.wait(0.25)
            for message in self._link.receive():
                match message:
                    case Start(epoch, stage, reference, source, _, camera):
                        self._camera = camera
                        self._enter(stage)
                        self._plan = replace(self._plan, reference=reference)
                        if source is not None:
                            self._options = replace(self._options, source=source)
                        return epoch
                    case Stop():
                        return None
                    case _:
                        self._obey(message)
        return None

    # ---- the show ------------------------------------------------------------------------------------------------

    def _perform(self, epoch: int) -> Stopped:
        from obs_portrait.media.sinks.obs_stream.sink import ObsStreamSink
        from obs_portrait.pipeline.live.desk import Desk
        from obs_portrait.pipeline.live.pacer import Pacer
        from obs_portrait.pipeline.live.performer import Performer
        from obs_portrait.pipeline.live.preview import Preview
        from obs_portrait.pipeline.live.previews import Previews

        self._epoch = epoch
        self._previews = Previews(self._plan.previews or Mails(), lambda: self._on_stage().look.still)
        self._preview = Preview(self._lines, lambda: self._cover() is not None)
        self._performer = Performer(self._pipeline, self._frames, self._results, self._link.board)
        self._performer.notice = lambda text, problem: self._notice("engine", text, problem)
        self._desk = Desk(
            self._pipeline, self._performer, self._preview, send=self._link.send, face=self._on_stage,
            who=lambda captured_ns: self._cues.at(captured_ns)[0], camera=self._camera,
        )  # fmt: skip
        self._desk.watch = self._watch
        if self._plan.reference is None:
            self._desk.calibrate()
        else:
            self._desk.refer(self._plan.reference)
        sinks = open_sinks(self._plan, self._epoch, self._window, self._notice)
        for sink in sinks:
            if isinstance(sink, ObsStreamSink):  # has threads of its own, which go on when the pacer hangs
                sink.stand_by(self._card(now_ns()), lambda: bool(self._plan.control.get("panic")))
        self._pacer = Pacer(
            sinks,
            self._options.rate,
            results=self._results,
            cues=self._cues,
            stand_in=self._stand_in,
            reveals=self._faces.reveals,
            cover=self._cover,
            notice=self._notice,
        )
        self._pacer.on_written = self._on_written
        try:
            source, opened = self._first_source()
            self._feed = Feed(
                self._make_source, source, self._frames, lambda t, p: self._notice("camera", t, p),
                rests=lambda: releases(self._options.source) and self._rests, opened=opened,
            )  # fmt: skip
            self._measures = VideoFigures(
                self._pipeline.stats, self._pacer, self._performer, self._feed, lambda: self._frames.replaced
            )
            self._performer.asleep = lambda: self._cover() is not None and not self._plan.control.get("panic")
            self._feed.start()
            self._performer.start()
            threading.Thread(target=self._listen, name="orders", daemon=True).start()
            self._link.send(Ready(source.name, [sink.name for sink in sinks]))
            try:
                self._loop()
            except Exception:
                if self._pacer.state is Origin.REVEAL:  # a persona's last picture may stay until the next process comes
                    self._pacer.bow(self._card(now_ns()))
                raise
            self._pacer.bow(self._card(now_ns()))  # at once: the rest takes a while, and some show the last for ever
            self._feed.stop()
            self._performer.stop()
        finally:
            self._previews.stop()
            self._pacer.close()
        self._publish(now_ns())
        return Stopped(self._figures(), [str(self._plan.part)] if self._plan.part else [])

    def _listen(self) -> None:
        """Orders are heard at once, not once a tick: a switch is for a moment that has almost come."""
        while not self._stopping and not self._link.stopping.is_set():
            self._link.wait(1.0)
            for message in self._link.receive():
                self._obey(message)
        self._look()

    def _loop(self) -> None:
        over = 0
        while not self._stopping and not self._link.stopping.is_set():
            self._link.beat()
            self._pacer.delay_ns = self._plan.control.get("delay_ns")
            self._pacer.tick()
            now = now_ns()
            if now - self._published_ns >= _PUBLISH_NS:
                self._publish(now)
            if self._rests:
                self._rest()
            over = over + 1 if self._is_over() else 0
            if over == _OVER_TICKS:
                self._link.send(Ended())
            if self._pipeline.lost:  # another process may have more luck with the GPU
                raise EngineLostError(self._pipeline.lost)
            if self._feed.stuck:  # whoever takes this process' place can have the device
                raise RuntimeError("a camera could not be let go")
            if not self._performer.is_alive():
                raise RuntimeError("the engine's thread has ended")
            if not self._pacer.sinks:
                raise PipelineError("No video sink is left; nothing can be shown.")

    @property
    def _rests(self) -> bool:
        return bool(self._plan.control.get("rest"))

    def _rest(self) -> None:
        """The card need not be drawn thirty times a second."""
        self._woken.wait(ASLEEP_BEAT_S)
        self._woken.clear()

    def _is_over(self) -> bool:
        """The file has ended and all of it has gone through."""
        return self._feed.ended.is_set() and not len(self._frames) and self._performer.idle and self._pacer.idle

    def _obey(self, message: object) -> None:
        match message:
            case Switch(name, at_ns, number):
                self._switch(name, at_ns, number)
            case Prepare(name, persona):
                self._aside.submit(self._prepare_aside, name, persona)
            case Look():
                self._look()
            case Stop():
                self._stopping = True
            case Calibrate():
                self._desk.calibrate()
            case Search():
                self._desk.search()
            case Refer(reference):
                self._desk.refer(reference)
            case Use(source, camera, reference):
                self._options = replace(self._options, source=source)
                self._feed.use(
                    lambda: devices.video_source(source, self._epoch, self._options.loop),
                    lambda: self._desk.sit_down(camera, reference),
                )

    def _look(self) -> None:
        """Whoever waits in this process looks at once whether it still has to."""
        self._woken.set()
        self._results.nudge()
        self._frames.nudge()
        self._feed.look()

    def _switch(self, name: str, at_ns: int, number: int) -> None:
        def become(face: PreparedFace) -> None:
            self._cues.add(at_ns, name, number)
            self._performer.order(lambda pipeline: pipeline.switch(face, at_ns))

        if not self._faces.order(name, become):
            self._link.send(Prepared(name, f"'{name}' is not prepared; choose another persona."))

    def _prepare_aside(self, name: str, persona: Any) -> None:
        problem = None
        try:
            self._faces.put(self._prepare(persona))
        except PortraitError as error:
            problem = str(error)
        except Exception as error:
            problem = f"Persona '{name}': {type(error).__name__}: {error}"
        self._link.send(Prepared(name, problem))

    def _watch(self, camera: CameraFrame, observation: Observation | None) -> None:
        """In the engine's thread, after each frame."""
        self._previews.look(camera, observation)
        for face in self._faces.sort_out(self._pipeline.plays):
            self._aside.submit(face.close)  # a plug-in may take its time

    def _on_stage(self) -> PreparedFace:
        return self._faces[self._cues.at(now_ns())[0]]

    def _stand_in(self, captured_ns: int) -> PersonaFrame:
        self._follow_cue(captured_ns)
        return self._stand_ins.stand_in(captured_ns)

    def _cover(self) -> Callable[[int], PersonaFrame] | None:
        """Whose frames are shown whatever the engine makes: of a panic and a rest, of a face that is switched off."""
        control = self._plan.control
        if control.get("panic") or control.get("rest"):
            return self._card
        return self._stand_in if control.get("muted") or control.get("hidden") else None

    def _card(self, captured_ns: int) -> PersonaFrame:
        self._follow_cue(captured_ns)
        return self._stand_ins.card(captured_ns)

    def _follow_cue(self, captured_ns: int) -> None:
        name, _, _ = self._cues.at(captured_ns)
        look = self._faces[name].look
        if look is not self._stand_ins.look:
            self._stand_ins.switch(look)

    # ---- devices -------------------------------------------------------------------------------------------------

    def _make_source(self) -> VideoSource:
        return devices.video_source(self._options.source, self._epoch, self._options.loop)

    def _first_source(self) -> tuple[VideoSource, bool]:
        """(source, whether it is open). Opened here, so that a camera that is not there stops the program with its
        sentence; where that may come later, and after a restart of this process, nobody waits for it."""
        source = self._make_source()
        rests = self._rests and releases(self._options.source)
        if rests or self._options.patient or not self._plan.first:
            return source, False
        self._link.beat_until(lambda: open_in_time(source))
        return source, True

    def _window(self) -> VideoSink:
        from obs_portrait.pipeline.live.window import PreviewWindow

        return PreviewWindow(self._preview, self._desk.act)

    # ---- figures -------------------------------------------------------------------------------------------------

    def _notice(self, about: str, text: str, problem: bool) -> None:
        self._link.send(Notice(about, text, problem))

    def _on_written(self, frame: PersonaFrame, latency: int | None) -> None:
        self._previews.show(frame)
        if latency is not None:
            self._measures.shown(latency)
        name, number, _ = self._cues.at(frame.captured_ns)
        if number != self._number and frame.persona == name:
            self._number = number
            self._link.send(Switched(name, frame.captured_ns, number))

    def _publish(self, now: int) -> None:
        self._published_ns = now
        self._previews.tidy()
        self._link.board.publish(self._cells())

    def _cells(self) -> dict[str, int]:
        return self._measures.cells(self._faces.number(self._cues.at(now_ns())[0]))

    def _lines(self) -> list[str]:
        return self._measures.lines()

    def _figures(self) -> dict[str, Any]:
        return {**self._cells(), **self._pipeline.stats.summary()}


def _warm_tracker() -> Any:
    import numpy as np

    from obs_portrait.face.tracker import FaceTracker

    tracker = FaceTracker()
    tracker.track(np.zeros((240, 320, 3), np.uint8), 0)  # the first picture costs more than all others
    return tracker
