"""What a session tells about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from obs_portrait.pipeline.live.supervisor import Keeper, Phase

__all__ = ["LiveReport", "LiveStatus", "PathStatus", "figures_of", "status_of"]


@dataclass(frozen=True, slots=True)
class PathStatus:
    """One of the two media processes. `cells`: its status block (see `options.VIDEO_CELLS`, `AUDIO_CELLS`)."""

    phase: Phase
    restarts: int
    problem: str | None
    cells: Mapping[str, int]

    @property
    def latency_ms(self) -> float:
        """Median capture -> sink without the alignment delay."""
        return self.cells.get("latency_ns", 0) / 1e6


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """A snapshot of a session.

    persona: the one on stage. skew_ms: how much later the sound leaves than the picture of the same moment (measured
    at the sinks' doors; negative: earlier), None until both are measured. problems: sentences that hold now.
    reference: avatarify's two figures of the reference search, None while it is off. panic: only the card and silence
    go out. rests: camera and microphone are closed. face_on: the persona moves, otherwise its portrait stands still.
    voice_on: the persona is heard. quality: how fit the driver's face is as a reference now, 0 to 1, and one sentence
    on what to do about it, None if nothing; None while nobody is looked at. reveals: who is on stage shows the real
    face or voice, as they play: not as an edit says that is still being prepared.
    """

    running: bool
    persona: str
    prepared: Sequence[str]
    video: PathStatus
    audio: PathStatus | None
    skew_ms: float | None = None
    problems: Sequence[str] = ()
    reference: tuple[float, float] | None = None
    panic: bool = False
    rests: bool = False
    face_on: bool = True
    voice_on: bool = True
    quality: tuple[float, str | None] | None = None
    reveals: bool = False

    @property
    def fps(self) -> float:
        """New persona frames a second."""
        return self.video.cells.get("fps_milli", 0) / 1000

    @property
    def state(self) -> str:
        """One word for the tray and the terminal."""
        cells = self.video.cells
        if self.video.phase is not Phase.RUNNING:
            return self.video.phase.name.lower()
        if self.panic:
            return "panic"
        if self.rests:
            return "off"
        if not cells.get("source_ok"):
            return "source lost"
        return STATES[cells.get("state", 0)] if 0 <= cells.get("state", 0) < len(STATES) else "unknown"


STATES = ("waiting", "live", "hold", "portrait", "card", "revealed")
"""What the picture on the sinks is: index = the video process's cell "state"."""


@dataclass(frozen=True, slots=True)
class LiveReport:
    """What a session did, for `--report`: final counters of both processes, restarts, leaks.

    cues: each switch of persona as (capture time in ns from which on it holds, name).
    """

    seconds: float
    persona: str
    video: Mapping[str, Any] = field(default_factory=dict)
    audio: Mapping[str, Any] | None = None
    skew_ms: float | None = None
    cues: Sequence[tuple[int, str]] = ()
    notices: Sequence[str] = ()
    recording: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def status_of(keeper: Keeper) -> PathStatus:
    """The status of one process as its keeper and its board tell it."""
    return PathStatus(keeper.phase, keeper.restarts, keeper.problem, keeper.board.snapshot())


def figures_of(keeper: Keeper) -> dict[str, Any]:
    """The final figures of one process: its own where it stopped in order, else what its board said last."""
    own = keeper.final.figures if keeper.final is not None else dict(keeper.board.snapshot())
    return {**own, "restarts": keeper.restarts, "problem": keeper.problem}
