"""What the session and its two processes say to each other: small picklable objects, never pixels, never samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from obs_portrait.face.types import Observation
from obs_portrait.media.sinks.base import AudioSink, VideoSink
from obs_portrait.media.sources.base import AudioSource, VideoSource

__all__ = [
    "AudioSinkSpec",
    "AudioSourceSpec",
    "Calibrate",
    "Calibrated",
    "Ended",
    "Failed",
    "Hear",
    "Look",
    "Notice",
    "Prepare",
    "Prepared",
    "Quality",
    "Ready",
    "Refer",
    "Reference",
    "Rehearsed",
    "Request",
    "Search",
    "Start",
    "Stop",
    "Stopped",
    "Switch",
    "Switched",
    "Use",
    "VideoSinkSpec",
    "VideoSourceSpec",
]

# A spec is text for people ("camera:0"), or for programs a picklable callable that makes the object inside the process
# that will own it. Text never names code to run.
VideoSourceSpec = str | Callable[[], VideoSource]
AudioSourceSpec = str | Callable[[], AudioSource]
VideoSinkSpec = str | Callable[[], VideoSink]
AudioSinkSpec = str | Callable[[], AudioSink]


# ---- session -> process ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """Everything is warm: open the source and run. `epoch_ns`: the moment that media time 0 of a file stands for.
    `stage`: who is on stage at that moment; prepared. `reference`, `source`, `audio_sinks`: as they are now, where that
    is known and may be other than in the plan. Only what text names can change and goes with it: a program's object may
    hold shared memory, which a process is given at its birth or never. `camera`: what the source is called in
    `Calibrated`."""

    epoch_ns: int
    stage: str
    reference: Observation | None = None
    source: str | None = None
    audio_sinks: Sequence[str] | None = None
    camera: str = ""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Prepare a persona in the background; answered by `Prepared`. `persona` is what the process needs of it."""

    name: str
    persona: Any


@dataclass(frozen=True, slots=True)
class Switch:
    """Become `name` (prepared before) with everything captured at or after `at_ns`. `number` counts the orders."""

    name: str
    at_ns: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Take the driver's neutral reference anew."""


@dataclass(frozen=True, slots=True)
class Search:
    """Begin or end the search for a better reference frame."""


@dataclass(frozen=True, slots=True)
class Refer:
    """Take this as the driver's neutral reference: kept from before."""

    reference: Observation


@dataclass(frozen=True, slots=True)
class Use:
    """Take another camera (to the video process) or microphone (to the audio process) from now on: a spec of its own
    kind. `camera`: what it is called in `Calibrated`. `reference`: what was kept of the driver before that camera;
    None: to be calibrated with its pictures."""

    source: Any
    camera: str = ""
    reference: Observation | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """The control cells have changed in a way that is not to wait for the next picture."""


@dataclass(frozen=True, slots=True)
class Hear:
    """To the audio process: let the voice be heard there, in the place of the speaker until now; None: at none. All
    other sinks go on."""

    sink: AudioSinkSpec | None


@dataclass(frozen=True, slots=True)
class Stop:
    """Finish files, release devices, end."""


# ---- process -> session ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """All personas of the plan are prepared, everything is compiled; waiting for `Start`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Source and sinks are open. `source`, `sinks`: names for people."""

    source: str
    sinks: Sequence[str]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Answer to `Prepare`. `problem` is None, or one sentence that says why the persona cannot be used here."""

    name: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Switched:
    """The first frame or block of `name` was made; its capture time and the number of the order."""

    name: str
    captured_ns: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class Reference:
    """The search's two figures, as avatarify shows them: distance of the current frame and of the best one so far."""

    current: float
    best: float


@dataclass(frozen=True, slots=True)
class Quality:
    """How fit the driver's face is as a reference now, a few times a second: `calibration.assess`'s score, 0 to 1, and
    one sentence on what to do, None where nothing is amiss."""

    score: float
    advice: str | None


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The driver's new neutral reference: numbers, never pixels. A restarted process is given it again. `camera`: which
    one saw it, as `Start` or `Use` called it; `persona`: who was on stage then."""

    reference: Observation
    camera: str
    persona: str


@dataclass(frozen=True, slots=True)
class Request:
    """A key in the preview window asks the session for something: "persona" with a number from 1, or "quit"."""

    what: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """One clear sentence for the user. `problem`: it is still so; a later notice with the same `about` ends it."""

    about: str
    text: str
    problem: bool = True


@dataclass(frozen=True, slots=True)
class Ended:
    """The source is a file and has ended; all of it went through."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The process cannot serve and ends now. `final`: a restart would not help (no such device, broken persona)."""

    text: str
    final: bool = True
    detail: str = ""
    """Where it happened, for the log."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Everything is finished and released. `figures`: final counters; `parts`: files of a recording."""

    figures: dict[str, Any] = field(default_factory=dict)
    parts: Sequence[str] = ()
