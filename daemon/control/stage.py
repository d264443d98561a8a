"""`Stage`: what the control API can ask of the running daemon. The API knows the daemon by this protocol alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from typing_extensions import (
    TypedDict,
)  # pydantic reads these shapes for the OpenAPI schema; before 3.12 it needs these

if TYPE_CHECKING:
    from daemon.control.rooms import Rooms

__all__ = [
    "Binding", "ClipAction", "ClipResult", "Hint", "History", "Latency", "ObsState", "Persona", "Quality", "Reference",
    "SettingsView", "Stage", "StageTimes", "Status", "Voice",
]  # fmt: skip

ClipAction = Literal["save", "start", "stop", "last"]
"""save: the replay buffer. start, stop: a recording. last: tells of the newest clip, does nothing."""


class Persona(TypedDict):
    """A row of `Stage.personas`.

    ready: prepared, so that a switch takes effect at once. problem: why it cannot be played, in one sentence. reveals:
    it shows the real face or lets the real voice out, says its profile.
    """

    name: str
    description: str
    ready: bool
    on_stage: bool
    hotkey: str | None
    problem: str | None
    reveals: bool


class Binding(TypedDict):
    """A scene rule in the order in which rules are tried.

    scene: an exact name or a glob. persona: None means "leave as it is". where: file and line, or "script".
    """

    scene: str
    persona: str | None
    where: str


class Latency(TypedDict, total=False):
    """Medians in ms from capture to sink, None until they are measured. skew_ms: how much later the sound leaves."""

    picture_ms: float | None
    voice_ms: float | None
    skew_ms: float | None


class ObsState(TypedDict, total=False):
    """The link to OBS. problem: why there is none, in one sentence. streaming, recording, replay: OBS's outputs."""

    connected: bool
    version: str | None
    scene: str | None
    streaming: bool
    recording: bool
    replay: bool
    problem: str | None


class Reference(TypedDict):
    """The running search for a better reference frame: now and the best so far (smaller is better)."""

    current: float
    best: float


class StageTimes(TypedDict):
    """Medians of the picture's stages in ms."""

    track: float
    render: float


class Voice(TypedDict, total=False):
    """The voice meter: peaks in dBFS, median pitch in Hz, of what goes in and of what comes out; None: silence."""

    in_db: float | None
    out_db: float | None
    pitch_hz: float | None
    pitch_out_hz: float | None


class Quality(TypedDict):
    """How fit the driver's face is as a reference now: 0 to 1, and what to do about it."""

    score: float
    advice: str | None


class Hint(TypedDict):
    """Something that is wrong, and what to do."""

    text: str
    fix: str | None


class History(TypedDict):
    """Figures over time, newest last, one every `step_s` seconds; None where unknown.

    series: fps, picture_ms, voice_ms, skew_ms, track_ms and render_ms (how long the stages of a picture take), dropped
    and late_blocks (in that step), cpu_percent (of one core, all processes together), memory_mb.
    """

    step_s: float
    series: dict[str, list[float | None]]


class SettingsView(TypedDict):
    """settings.toml as it is in force, its JSON schema, and where it is. problem: why the file is not in force."""

    settings: dict[str, Any]
    schema: dict[str, Any]
    path: str
    problem: str | None


class Status(TypedDict, total=False):
    """What a streamer wants to know at a glance. Everything but `running`, `state` and `persona` may be left out.

    off: the persona rests, camera and microphone are closed. face_on: False: its portrait stands still. voice_on:
    False: it is silent. state: "off", "live", "hold", "portrait", "card", "revealed", "waiting", "source lost",
    "starting", … (`LiveStatus.state`).
    reveals: the persona on stage shows the real face or voice, says its profile.
    persona: the one on stage. panic: card and silence are held until it is taken back. prepared: personas that can be
    switched to at once. fps: new persona frames a second. dropped: camera frames left out so far. late_blocks: blocks
    of sound that came late so far. blocks_over_60_ms: those, of `blocks`, that left so long after they were spoken.
    restarts: of the media processes so far. problems: sentences that hold now, the gravest first.
    reference: None while no search runs. last_clip: path of the newest clip.
    """

    running: bool
    state: str
    persona: str
    panic: bool
    off: bool
    reveals: bool
    face_on: bool
    voice_on: bool
    prepared: list[str]
    fps: float
    latency: Latency
    stage_ms: StageTimes
    voice: Voice | None
    quality: Quality | None
    dropped: int
    late_blocks: int
    blocks: int
    blocks_over_60_ms: int
    restarts: int
    problems: list[str]
    hints: list[Hint]
    reference: Reference | None
    obs: ObsState
    last_clip: str | None
    uptime_s: float


class ClipResult(TypedDict, total=False):
    """What a clip action came to. path: the file of save, stop and last. message: one sentence for the streamer."""

    action: str
    path: str | None
    message: str
    seconds: float | None


class Stage(Protocol):
    """The daemon, as the control API sees it.

    Every method may be called from any thread and by several at once, and should return within its time: 3 s, `clip`
    30 s, `calibrate` 10 s (the API answers 503 then and leaves the call behind, see `daemon.control.caller`). Each may
    raise `PortraitError`, whose sentence the API passes on with a 4xx; anything else becomes a 500 without details.
    Returned values must be JSON-ready: dicts, lists, str, int, finite float, bool and None. A str may be a file's name
    as Python has it, whatever its bytes.
    """

    rooms: Rooms
    """What the page needs beyond the show."""

    def status(self) -> Status:
        """A snapshot. Asked four times a second while a page is open: cheap, never waits for OBS or a device."""
        ...

    def personas(self) -> list[Persona]:
        """All personas that can be switched to, in the order of their keys."""
        ...

    def switch(self, name: str) -> None:
        """Becomes a persona; wins until the next scene change. Returns when the switch is under way."""
        ...

    def calibrate(self) -> None:
        """Takes the driver's neutral reference frame anew, and returns when it was taken. Raises `PortraitError` with
        why it refuses, or what the driver may do if no face was fit in time: it is taken as soon as one is, then."""
        ...

    def search_reference(self) -> None:
        """Begins, or ends, the search for a better reference frame."""
        ...

    def panic(self, on: bool) -> None:
        """Card and silence within a frame, the source in OBS hidden; or back to the persona. Never waits for OBS."""
        ...

    def off(self, on: bool) -> None:
        """The persona rests: camera and microphone are closed, the card is shown; or it is back."""
        ...

    def face(self, on: bool) -> None:
        """False: the persona's still portrait is shown, the camera is not looked at."""
        ...

    def voice(self, on: bool) -> None:
        """False: silence."""
        ...

    def hold(self, name: str | None) -> None:
        """Becomes a persona for as long as something is held; None: back to the one before, if nobody else has come."""
        ...

    def quit(self) -> None:
        """Ends the daemon in order. Returns at once."""
        ...

    def history(self) -> History:
        """The last three minutes in figures."""
        ...

    def settings(self) -> SettingsView:
        """The settings in force."""
        ...

    def change_settings(self, part: dict[str, Any]) -> None:
        """Changes settings.toml, keeping what is written around; None takes a key out. Takes effect at once where that
        can be, else at the next start."""
        ...

    def clip(self, action: ClipAction) -> ClipResult:
        """Saves, starts, stops or tells of a clip. Waits until OBS has finished the file."""
        ...

    def scenes(self) -> list[str]:
        """Names of OBS's scenes in their order, empty without OBS."""
        ...

    def bindings(self) -> list[Binding]:
        """The scene rules that hold now, in the order in which they are tried."""
        ...

    def bind(self, scene: str, persona: str | None) -> None:
        """Binds exactly this scene to a persona and keeps it; None takes the scene's own rule away."""
        ...
