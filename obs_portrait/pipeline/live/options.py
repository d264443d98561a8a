"""What a live session is to do, and what its two processes are told of it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obs_portrait.face.types import Canvas, Observation
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.messages import AudioSinkSpec, AudioSourceSpec, VideoSinkSpec, VideoSourceSpec

if TYPE_CHECKING:
    from obs_portrait.media.sinks.obs_stream.voice import VoiceRing
    from obs_portrait.pipeline.live.picture_mail import Mails
    from obs_portrait.pipeline.prepare import PreparedFace, PreparedVoice
    from obs_portrait.voice.settings import VoiceSettings

__all__ = ["AUDIO_CELLS", "VIDEO_CELLS", "AudioPlan", "LiveOptions", "VideoPlan", "Voice"]


@dataclass(frozen=True, slots=True)
class Makers:
    """What else could make the inner parts, for tests and for programs that bring their own. None: the usual ones.

    Picklable callables, passed through the spawn arguments and in no other way: no text that a user, a profile or the
    environment gives can name code to run.
    """

    face: Callable[[Any, Canvas], PreparedFace] | None = None
    """As `prepare.prepare_face`."""
    voice: Callable[[Any], PreparedVoice] | None = None
    """As `prepare.prepare_voice`."""
    tracker: Callable[[], Any] | None = None
    """Makes an object with `FaceTracker`'s `track`."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """A live session.

    source, sinks, audio, audio_sinks: specs as on the command line ("camera:0", "window", "mic", "speaker", a path),
    or picklable callables that make the object in the process that owns it. audio None: no voice at all.
    personas: names (or `Profile` objects); the first one is on stage at the start, all are prepared beforehand.
    record: a file to record picture and voice into, assembled when the session stops.
    loop: a file starts again at its end instead of ending the session.
    """

    source: VideoSourceSpec
    personas: Sequence[Any]
    sinks: Sequence[VideoSinkSpec] = ("window",)
    audio: AudioSourceSpec | None = None
    audio_sinks: Sequence[AudioSinkSpec] = ()
    record: Path | None = None
    width: int = 512
    height: int = 512
    rate: Fraction = Fraction(30)
    loop: bool = False
    force: bool = False
    rests: bool = False
    """Begins at rest: camera and microphone stay closed until `LiveSession.rest(False)`."""
    calibrations: Path | None = None
    """File in which the driver's references are kept, for each camera and persona; None: they end with the session."""
    patient: bool = False
    """A camera or microphone that is not there at the start is waited for, as one that was lost; otherwise it is an
    error."""
    understudies: bool = False
    """Each media process has a second one that has rehearsed and takes its place at once when it dies. Costs memory."""
    hung_s: float = 4.0
    """An engine or converter that works on one frame for longer is killed with its process."""
    makers: Makers = field(default_factory=Makers)


@dataclass(frozen=True, slots=True)
class Voice:
    """All that the audio process needs of a persona: nothing of its face, so nothing of a face engine is imported."""

    name: str
    voice: VoiceSettings


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """Spawn argument of the video process. `first`: a source that cannot be opened is an error, not a lost camera."""

    options: LiveOptions
    personas: Sequence[Any]
    stage: str
    control: Board
    first: bool = True
    part: Path | None = None
    reference: Observation | None = None
    voice: VoiceRing | None = None
    """Where the voice comes from that a stream to OBS carries beside the picture."""
    previews: Mails | None = None
    """Where small pictures go for who asks for them."""
    listener: socket.socket | None = None
    """The stream's open door, which the session keeps open while this process is started again."""


@dataclass(frozen=True, slots=True)
class AudioPlan:
    """Spawn argument of the audio process."""

    options: LiveOptions
    personas: Sequence[Voice]
    stage: str
    control: Board
    first: bool = True
    part: Path | None = None
    voice: VoiceRing | None = None
    """Where the voice is put for the stream to OBS."""


VIDEO_CELLS = (
    "beat_ns",  # last sign of life of the main thread
    "busy_since_ns",  # the engine works on one frame since; 0: it waits
    "source_ok",  # 1: frames come
    "frames_in",  # camera frames that the engine was given
    "frames_dropped",  # camera frames that a newer one replaced before the engine was free
    "frames_out",  # ticks written to the sinks
    "from_engine",
    "held",
    "portraits",
    "cards",
    "revealed",
    "lost_faces",  # frames without a face
    "errors",  # tracker or engine raised
    "late",  # ticks that had no new frame
    "fps_milli",  # new engine frames a second x 1000
    "latency_ns",  # capture -> sink, median of the last seconds, without the alignment delay
    "latency_p95_ns",
    "track_ns",  # median
    "render_ns",  # median
    "persona",  # number in the order of preparation
    "state",  # pipeline.guard's state
    "refused",  # objects without a seal that a sink refused: must stay 0
    "leaks",  # results that the guard stopped because they were the camera picture: must stay 0
    "players",  # who plays the stream to OBS
)

AUDIO_CELLS = (
    "beat_ns",
    "busy_since_ns",
    "source_ok",
    "blocks",
    "silent_blocks",
    "late",  # blocks that took longer than they last
    "over_60_ms",  # blocks that left so much later than they were spoken, whatever the sinks add
    "skipped",  # samples that came too late to be of use
    "errors",
    "underruns",
    "unheard",  # samples that a sink left out, because its device did not take them in time
    "latency_ns",  # capture -> sink without the alignment delay
    "latency_p95_ns",
    "process_p50_ns",
    "process_p99_ns",
    "process_max_ns",
    "delay_ns",  # alignment delay in force
    "persona",
    "priority",  # 0 ordinary, 1 nice, 2 real time
    "level_milli",  # peak of what went out in the last half second, x 1000
    "level_in_milli",  # the same of what the microphone gave
    "pitch_in_dhz",  # f0 of the newest sound in tenths of a hertz, 0: unvoiced or unknown
    "pitch_out_dhz",  # the same of what went out
    "refused",
    "leaks",
)

CONTROL_CELLS = (
    "delay_ns",  # how long this path waits for the other
    "panic",  # 1: only the card, only silence
    "rest",  # 1: the device is closed; the card now and then, no sound at all
    "muted",  # 1: the user has switched the face or the voice off: the persona's still portrait; silence
    "hidden",  # 1: the same, because somebody who reveals is about to leave the stage
    "obs_period_ns",  # how long OBS's frames last; 0: nobody knows
)
"""Written by the session, read by a process each frame or block without waiting: they reach a process that is busy,
and one that was started again has them from its first frame on."""
