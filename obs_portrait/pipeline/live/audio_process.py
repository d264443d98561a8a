"""The audio process: one thread from microphone to sinks, and a main thread that listens to the session.

It imports nothing of the picture (a test holds that), compiles before the stream starts, freezes the garbage
collector and asks for real-time priority: a block that comes 10 ms late is heard.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections import deque
from dataclasses import replace
from typing import Any

from obs_portrait.clock import now_ns
from obs_portrait.errors import PipelineError, PortraitError
from obs_portrait.media import portaudio
from obs_portrait.media.sources.base import AudioSource
from obs_portrait.media.types import SAMPLE_RATE, MicBlock
from obs_portrait.pipeline.live import devices
from obs_portrait.pipeline.live.child import Link
from obs_portrait.pipeline.live.cue import CueSheet
from obs_portrait.pipeline.live.delay import DelayLine
from obs_portrait.pipeline.live.devices import releases
from obs_portrait.pipeline.live.ear import Ear
from obs_portrait.pipeline.live.figures import AudioFigures
from obs_portrait.pipeline.live.messages import (
    Ended,
    Hear,
    Look,
    Notice,
    Prepare,
    Prepared,
    Ready,
    Rehearsed,
    Start,
    Stop,
    Stopped,
    Switch,
    Switched,
    Use,
)
from obs_portrait.pipeline.live.options import AudioPlan
from obs_portrait.pipeline.live.outlets import Outlets
from obs_portrait.pipeline.live.policy import ASLEEP_BEAT_S, ASLEEP_S
from obs_portrait.pipeline.live.priority import raise_priority
from obs_portrait.pipeline.live.reading import open_in_time

__all__ = ["body"]

_BLOCK = SAMPLE_RATE // 100
_BLOCK_NS = 10_000_000
_MOST_DELAY = SAMPLE_RATE
_PUBLISH_S = 0.1


def body(link: Link, plan: AudioPlan) -> Stopped:
    """What the audio process does from its first heartbeat to its end."""
    return _AudioProcess(link, plan).run()


class _AudioProcess:
    def __init__(self, link: Link, plan: AudioPlan) -> None:
        self._link, self._plan, self._options = link, plan, plan.options
        self._voices: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._cues = CueSheet(plan.stage)
        self._orders: deque[tuple[Any, int]] = deque()
        self._delay = DelayLine(_MOST_DELAY)
        self._halt, self._woken = threading.Event(), threading.Event()
        self._ended = threading.Event()
        self._trouble: deque[tuple[str, str, bool]] = deque()
        self._outlets = Outlets(plan, self._say)
        self._hushed = False
        self._number = 0

    def run(self) -> Stopped:
        self._link.beat_until(self._rehearse)
        self._link.send(Rehearsed())
        epoch = self._await_start()
        return Stopped() if epoch is None else self._perform(epoch)

    # ---- before the show -----------------------------------------------------------------------------------------

    def _rehearse(self) -> None:
        """Imports, compiles and tries every voice on a second of silence."""
        import numpy as np

        from obs_portrait.pipeline.voice_pipeline import VoicePipeline

        for persona in self._plan.personas:
            try:
                self._voices[persona.name] = self._prepare(persona)
            except PortraitError as error:
                if persona.name == self._plan.stage:
                    raise
                self._link.send(Prepared(persona.name, str(error)))  # the show goes on without
        self._first = self._voices[self._plan.stage]
        voices = [self._first, *(voice for voice in self._voices.values() if voice is not self._first)]
        trial = VoicePipeline(voices)
        for voice in voices:
            trial.switch(voice)
            for n in range(30):
                trial.process(MicBlock(np.zeros(_BLOCK, np.float32), n * _BLOCK_NS, n * _BLOCK))
        self._pipeline = VoicePipeline(voices)
        self._figures = AudioFigures(self._pipeline)

    def _prepare(self, persona: Any) -> Any:
        from obs_portrait.pipeline.prepare import prepare_voice

        return (self._options.makers.voice or prepare_voice)(persona)

    def _await_start(self) -> int | None:
        while not self._link.stopping.is_set():
            self._link.beat()
            self._link.wait(0.25)
            for message in self._link.receive():
                match message:
                    case Start(epoch, stage, _, source, named, _):
                        if source is not None:
                            self._options = replace(self._options, audio=source)
                        if named is not None:
                            objects = [spec for spec in self._options.audio_sinks if not isinstance(spec, str)]
                            self._options = replace(self._options, audio_sinks=[*objects, *named])
                        with self._lock:
                            voice = self._voices[stage]
                        if voice is not self._first:  # another one has come on stage since the plan was made
                            self._cues = CueSheet(stage)
                            self._pipeline.switch(voice)
                        return epoch
                    case Stop():
                        return None
                    case _:
                        self._obey(message)
        return None

    # ---- the show ------------------------------------------------------------------------------------------------

    def _perform(self, epoch: int) -> Stopped:
        self._epoch = epoch
        self._link.beat_until(lambda: self._outlets.open(epoch, self._options.audio_sinks))
        stop = False
        thread = threading.Thread(target=self._play, name="audio", daemon=True)
        try:
            source, opened = self._first_source()
            self._ear = Ear(
                self._make_source, source, lambda text, problem: self._say("microphone", text, problem), opened=opened
            )
            gc.collect()
            gc.freeze()
            gc.disable()  # the loop makes no cycles; a collection would be heard
            # Windows rounds to whole milliseconds, and 0 would be a wait that burns the processor.
            sys.setswitchinterval(0.001 if sys.platform == "win32" else 0.0005)
            thread.start()
            self._link.send(Ready(source.name, [sink.name for sink in self._outlets.sinks]))
            while not stop and not self._link.stopping.is_set():
                self._link.beat()
                self._link.wait(ASLEEP_BEAT_S if self._plan.control.get("rest") else _PUBLISH_S)
                for message in self._link.receive():
                    stop = stop or isinstance(message, Stop)
                    self._obey(message)
                self._report()
                if portaudio.stuck():  # whoever takes this process' place sees what has come back
                    raise RuntimeError("a sound device hangs")
            self._halt.set()
            self._woken.set()
            thread.join(2.0)
            self._ear.close()
        finally:
            self._outlets.close()
        self._report()
        figures = {**self._cells(), **self._pipeline.stats.summary()}
        return Stopped(figures, [str(self._plan.part)] if self._plan.part else [])

    def _obey(self, message: object) -> None:
        match message:
            case Switch(name, at_ns, number):
                with self._lock:
                    voice = self._voices.get(name)
                if voice is None:
                    self._link.send(Prepared(name, f"'{name}' has no prepared voice; choose another persona."))
                else:
                    self._cues.add(at_ns, name, number)
                    self._orders.append((voice, at_ns))
            case Use(source):
                self._options = replace(self._options, audio=source)
                self._ear.use(self._make_source)
            case Hear(spec):
                self._outlets.hear(spec)
            case Look():
                self._woken.set()
            case Prepare(name, persona):
                threading.Thread(target=self._prepare_aside, args=(name, persona), daemon=True).start()

    def _prepare_aside(self, name: str, persona: Any) -> None:
        problem = None
        try:
            voice = self._prepare(persona)
            if voice.latency > self._pipeline.latency:
                problem = f"The voice of '{name}' is slower than those on stage; name the persona at the start."
            else:
                with self._lock:
                    self._voices[name] = voice
        except PortraitError as error:
            problem = str(error)
        except Exception as error:
            problem = f"Persona '{name}': {type(error).__name__}: {error}"
        self._link.send(Prepared(name, problem))

    def _play(self) -> None:
        """The loop. No logging, no pipe, no lock that another thread holds for long."""
        from obs_portrait.pipeline.guard import hushed, risen

        self._figures.priority = raise_priority()
        board, control = self._link.board, self._plan.control
        self._hushed = rested = bool(control.get("rest"))
        while not self._halt.is_set():
            if self._hushed and control.get("rest"):
                self._rest()
                continue
            if rested and not control.get("rest"):
                rested = False
                self._delay.forget()
                self._pipeline.forget()
            board.set("busy_since_ns", now_ns())  # waiting for the device counts: a device may hang as well
            block = self._ear.read()
            if block is None:
                break
            while self._orders:
                voice, at_ns = self._orders.popleft()
                self._pipeline.switch(voice, at_ns)
            self._outlets.settle()
            self._delay.aim(control.get("delay_ns") * SAMPLE_RATE // 1_000_000_000)
            delayed = self._delay.process(block.samples)
            wait_ns = self._delay.delay * 1_000_000_000 // SAMPLE_RATE
            out = self._pipeline.process(MicBlock(delayed, block.captured_ns - wait_ns, block.index))
            rests = bool(control.get("rest"))
            rested = rested or rests
            hush = rests or any(control.get(cell) for cell in ("panic", "muted", "hidden"))
            if hush:  # the pipeline goes on underneath, so that a switch is carried out and the end is no beginning
                out = hushed(out, begins=not self._hushed)
            elif self._hushed:
                out = risen(out)
            self._hushed = hush
            while self._pipeline.news:
                self._say("voice", *self._pipeline.news.popleft())
            self._outlets.write(out)
            self._figures.written(block, out, wait_ns, self._outlets.adds_ns)
        board.set("busy_since_ns", 0)
        self._ended.set()

    def _rest(self) -> None:
        """No block is read, converted or written until it is over; what plays us plays silence."""
        self._link.board.set("busy_since_ns", 0)
        while self._plan.control.get("rest") and not self._halt.is_set():
            if releases(self._options.audio or ""):
                self._ear.rest()  # again and again: one that was lost may come back meanwhile
            self._woken.wait(ASLEEP_S)
            self._woken.clear()

    # ---- devices -------------------------------------------------------------------------------------------------

    def _make_source(self) -> AudioSource:
        if self._options.audio is None:
            raise PipelineError("The audio process was started without a microphone. Please report this bug.")
        return devices.audio_source(self._options.audio, self._epoch, self._options.loop)

    def _first_source(self) -> tuple[AudioSource, bool]:
        """(source, whether it is open). As in the video process."""
        source = self._make_source()
        rests = bool(self._plan.control.get("rest")) and releases(self._options.audio or "")
        if rests or self._options.patient or not self._plan.first:
            return source, False
        self._link.beat_until(lambda: open_in_time(source))
        return source, True

    # ---- figures, in the main thread -------------------------------------------------------------------------------

    def _say(self, about: str, text: str, problem: bool) -> None:
        """From any thread: the main thread sends it."""
        self._trouble.append((about, text, problem))

    def _report(self) -> None:
        while self._trouble:
            self._link.send(Notice(*self._trouble.popleft()))
        name, number, _ = self._cues.at(self._figures.heard_ns)
        if self._figures.blocks and number != self._number:
            self._number = number
            self._link.send(Switched(name, self._figures.heard_ns, number))
        if self._ended.is_set() and not self._halt.is_set():
            self._halt.set()
            self._link.send(Ended())
        self._link.board.publish(self._cells())

    def _cells(self) -> dict[str, int]:
        with self._lock:
            names = list(self._voices)
        persona = names.index(self._cues.at(self._figures.heard_ns)[0])
        return self._figures.cells(persona, self._ear, self._outlets, self._delay.delay)
