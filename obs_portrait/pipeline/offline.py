"""Rendering a file: every frame of a driving video through a persona, with its sound, exactly in sync.

The same `FacePipeline` and `VoicePipeline` as live; here nothing is dropped and time is media time. The converter's
delay is taken off, so a sound stays with the frame that it was recorded with, to the sample.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Final, Literal

import numpy as np

from obs_portrait.errors import PortraitError
from obs_portrait.face.types import Canvas
from obs_portrait.media.files import check_output
from obs_portrait.media.sinks.file import FileSink
from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, MicBlock, PersonaFrame
from obs_portrait.pipeline.face_pipeline import FacePipeline, Tracker
from obs_portrait.pipeline.guard import beside, part
from obs_portrait.pipeline.prepare import Persona, PreparedFace, PreparedVoice, prepare_face, prepare_voice
from obs_portrait.pipeline.reference import Reference, find_reference
from obs_portrait.pipeline.stats import Stats
from obs_portrait.pipeline.voice_pipeline import VoicePipeline

__all__ = ["Change", "Job", "Progress", "Result", "default_tracker", "render"]

BLOCK: Final = SAMPLE_RATE // 50
"""20 ms: how much sound is converted at a time."""
_AHEAD_NS: Final = 200_000_000
"""How far the sound runs ahead of the picture in the file, so that the muxer can interleave them."""

Progress = Callable[[int, int | None], None]
"""Called after each frame with the number of frames done and of all frames, if that is known."""


@dataclass(frozen=True, slots=True)
class Change:
    """From media time `at_ns` on, picture and sound belong to `persona`."""

    at_ns: int
    persona: Persona


def default_tracker() -> Tracker:
    """The real one."""
    from obs_portrait.face.tracker import FaceTracker

    return FaceTracker("video")


@dataclass(frozen=True, slots=True)
class Job:
    """What to render. Sources are given as functions that make them, since finding a reference reads them twice.

    sound: "convert" with the persona's converter; "none": no sound track; "reveal": the real voice, as it is.
    side_by_side: the driver stands on the left of the persona, and is therefore seen.
    """

    persona: Persona
    video: Callable[[], VideoSource]
    audio: Callable[[], AudioSource] | None
    out: Path
    canvas: Canvas = field(default_factory=Canvas)
    sound: Literal["convert", "none", "reveal"] = "convert"
    side_by_side: bool = False
    reference: Reference = "calibrate"
    changes: tuple[Change, ...] = ()
    force: bool = False
    make_tracker: Callable[[], Tracker] = default_tracker


@dataclass(slots=True)
class Result:
    """What came out."""

    out: Path
    frames: int = 0
    samples: int = 0
    damaged: int = 0
    """Frames, packets or samples of the driving file that could not be decoded."""
    width: int = 0
    height: int = 0
    rate: Fraction = Fraction(0)
    reference_frame: int | None = None
    """Index of the driving frame that counts as neutral; None: no face was found."""
    voice_latency: int = 0
    """Delay of the converter in samples (taken off in the file)."""
    wall_s: float = 0.0
    interrupted: bool = False
    problem: str = ""
    """Why the driving file could not be read to its end, in one sentence; "" if it could."""
    face: Stats = field(default_factory=Stats)
    voice: Stats = field(default_factory=Stats)

    def summary(self) -> dict[str, Any]:
        """For the report: plain values, ready for JSON."""
        face, voice = self.face.summary(), self.voice.summary()
        busy_s = self.face.stages["frame"].total / 1e9 if "frame" in self.face.stages else 0.0
        return {
            "out": str(self.out),
            "frames": self.frames,
            "samples": self.samples,
            "size": [self.width, self.height],
            "rate": float(self.rate),
            "damaged": self.damaged,
            "reference_frame": self.reference_frame,
            "origins": {"video_frames": face["origins"], "audio_samples": voice["origins"]},
            "events": {"video": face["events"], "audio": voice["events"]},
            "stages": face["stages"] | voice["stages"],
            "fps": self.frames / busy_s if busy_s else 0.0,
            "voice_latency_ms": self.voice_latency * 1e3 / SAMPLE_RATE,
            "wall_s": self.wall_s,
            "interrupted": self.interrupted,
            "problem": self.problem,
        }


def render(job: Job, progress: Progress | None = None) -> Result:
    """Does the job. A first Ctrl-C finishes the file where it is; a second one raises KeyboardInterrupt.

    Raises `PortraitError` with one sentence, before anything is written, if the output may not be written or source,
    persona or reference cannot be used; `MediaError` later if the disk is full (what was written stays playable).
    """
    begin = perf_counter_ns()
    check_output(job.out, job.force)
    with contextlib.ExitStack() as stack:
        video = stack.enter_context(job.video())
        audio = stack.enter_context(job.audio()) if job.audio is not None and job.sound != "none" else None
        faces = _faces(job, stack)
        result = Result(job.out)
        reference = find_reference(job.video, job.make_tracker, job.reference, faces[0][1].portrait)
        face = FacePipeline(faces[0][1], job.make_tracker, stats=result.face)
        stack.callback(face.close)
        if reference is not None:
            face.set_reference(reference.observation, reference.frame)
            result.reference_frame = reference.index
        voice = _voice(job, result.voice) if audio is not None else None
        for at_ns, prepared in faces[1:]:
            face.switch(prepared, at_ns)
        width = job.canvas.width + (_driver_width(video, job.canvas) if job.side_by_side else 0)
        result.width, result.height, result.rate = width, job.canvas.height, video.rate
        sink = stack.enter_context(FileSink(job.out, sound=voice is not None, force=job.force))
        sink.video.open(width, job.canvas.height, video.rate)
        track = _SoundTrack(audio, voice, sink, result) if audio is not None and voice is not None else None
        _loop(job, video, face=face, sink=sink, track=track, result=result, progress=progress)
    result.wall_s = (perf_counter_ns() - begin) / 1e9
    return result


def _loop(
    job: Job,
    video: VideoSource,
    *,
    face: FacePipeline,
    sink: FileSink,
    track: _SoundTrack | None,
    result: Result,
    progress: Progress | None,
) -> None:
    last_ns = 0
    with _interruptible() as stopped:
        while not stopped.is_set():
            frame = _read(video, result)
            if frame is None:
                break
            out = face.process(frame)
            sink.video.write(_compose(job, frame, out))
            last_ns = frame.captured_ns
            result.frames += 1
            if track is not None:
                track.advance(last_ns + _AHEAD_NS)
            if progress is not None:
                progress(result.frames, video.frame_count)
        result.interrupted = stopped.is_set()
    if track is not None:
        track.finish(last_ns if result.interrupted else None)
    result.damaged += video.damaged


def _read(video: VideoSource, result: Result) -> CameraFrame | None:
    try:
        return video.read()
    except PortraitError as error:  # the rest of the file is lost; what came before is kept
        result.problem = str(error)
        return None


def _compose(job: Job, frame: CameraFrame, persona: PersonaFrame) -> PersonaFrame:
    return beside(frame, persona, driver_may_be_seen=True) if job.side_by_side else persona


def _driver_width(video: VideoSource, canvas: Canvas) -> int:
    return max(2, round(video.width * canvas.height / video.height / 2) * 2)


def _faces(job: Job, stack: contextlib.ExitStack) -> Sequence[tuple[int, PreparedFace]]:
    """All personas of the job, prepared once each, with the times at which their turns begin."""
    ready: dict[int, PreparedFace] = {}
    turns = []
    for at_ns, persona in ((0, job.persona), *((change.at_ns, change.persona) for change in job.changes)):
        if id(persona) not in ready:
            ready[id(persona)] = prepare_face(persona, job.canvas)
            stack.callback(ready[id(persona)].close)
        turns.append((at_ns, ready[id(persona)]))
    return turns


def _voice(job: Job, stats: Stats) -> VoicePipeline:
    """The pipeline for the job's sound, all switches already asked for."""
    if job.sound == "reveal":
        from obs_portrait.voice.reveal import RevealConverter

        converter = RevealConverter()
        return VoicePipeline([PreparedVoice(job.persona.name, converter, reveals=True)], stats)
    personas = [job.persona, *(change.persona for change in job.changes)]
    ready = {id(persona): prepare_voice(persona) for persona in personas}
    pipeline = VoicePipeline([ready[id(persona)] for persona in personas], stats)
    for change in job.changes:
        pipeline.switch(ready[id(change.persona)], change.at_ns)
    return pipeline


class _SoundTrack:
    """Pumps the driving sound through the voice pipeline into the file, on demand."""

    def __init__(self, source: AudioSource, voice: VoicePipeline, sink: FileSink, result: Result) -> None:
        self._source, self._voice, self._sink, self._result = source, voice, sink, result
        result.voice_latency = voice.latency
        self._next = 0  # number of the next input sample
        self._ended = False

    def advance(self, until_ns: int) -> None:
        """Writes the sound up to `until_ns` of media time, or to its end."""
        while not self._ended and (self._next - self._voice.latency) * 1e9 / SAMPLE_RATE < until_ns:
            try:
                block = self._source.read(BLOCK)
            except PortraitError as error:
                self._result.problem = self._result.problem or str(error)
                block = None
            if block is None:
                self._end()
            else:
                self._next = block.index + block.samples.size
                self._write(block)

    def finish(self, until_ns: int | None) -> None:
        """The rest of the sound; only up to `until_ns` after an interruption."""
        self.advance(until_ns if until_ns is not None else 1 << 62)
        self._result.damaged += self._source.damaged

    def _end(self) -> None:
        """What is still on its way through the converter when the input ends."""
        self._ended = True
        captured_ns = round(self._next * 1e9 / SAMPLE_RATE)
        self._write(MicBlock(np.zeros(self._voice.latency, np.float32), captured_ns, self._next))

    def _write(self, mic: MicBlock) -> None:
        block = self._voice.process(mic)
        early = max(0, -block.index)  # the converter's delay: answers to nothing that was recorded
        if early < block.samples.size:
            self._sink.audio.write(part(block, early, block.samples.size))
            self._result.samples += block.samples.size - early


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Ctrl-C sets the event instead of tearing a frame apart; the second one interrupts as usual."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = signal.getsignal(signal.SIGINT)

    def on_interrupt(number: int, frame: Any) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
