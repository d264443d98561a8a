"""What travels through the pipeline: frames and blocks, each with its capture time on one monotonic clock.

The types carry the fail-closed promise. What comes in is a `CameraFrame` or a `MicBlock`; sinks take only a
`PersonaFrame` or a `PersonaBlock`, and those can be made only with the seal that `obs_portrait.pipeline.guard` holds
(a test walks the source tree to prove that nobody else touches it). The streamer's real face and voice therefore
have no way to a sink by accident.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import LeakError

__all__ = ["SAMPLE_RATE", "CameraFrame", "MicBlock", "Origin", "PersonaBlock", "PersonaFrame", "Seal"]

SAMPLE_RATE: Final = 48_000
"""Sample rate in Hz of every block inside the program. Sources resample to it, sinks from it."""


@dataclass(frozen=True, slots=True, eq=False)
class CameraFrame:
    """A picture of the real person (or of whatever drives the persona). Must never reach a sink.

    image: (H, W, 3) uint8, RGB, C-contiguous.
    captured_ns: capture time in ns; live on `clock.now_ns()`, offline the media time since the file's start.
    index: 0, 1, 2 … since the source was opened; a gap means frames were dropped at the source.
    """

    image: NDArray[np.uint8]
    captured_ns: int
    index: int

    def __repr__(self) -> str:  # never print pixels of the real person into a log
        return f"CameraFrame({self.image.shape[1]}x{self.image.shape[0]}, t={self.captured_ns}, #{self.index})"


@dataclass(frozen=True, slots=True, eq=False)
class MicBlock:
    """A block of the real voice. Must never reach a sink.

    samples: (n,) float32, mono, nominally within [-1, 1], at `SAMPLE_RATE`, finite.
    captured_ns: capture time of the first sample in ns, same clock as `CameraFrame.captured_ns`.
    index: number of the first sample since the source was opened.
    """

    samples: NDArray[np.float32]
    captured_ns: int
    index: int

    def __repr__(self) -> str:
        return f"MicBlock({self.samples.size} samples, t={self.captured_ns}, #{self.index})"


class Origin(StrEnum):
    """Where a persona frame or block comes from; statistics and the tray's colour are made of it."""

    ENGINE = "engine"  # the persona's engine or converter made it
    HOLD = "hold"  # the last persona frame, held
    PORTRAIT = "portrait"  # the persona's still portrait
    CARD = "card"  # a neutral card: there is nothing of the persona to show
    SILENCE = "silence"  # the voice's stand-in
    REVEAL = "reveal"  # the persona says in its profile that the real person may be seen or heard


class Seal:
    """Proof that the guard made a frame. One instance exists; only `obs_portrait.pipeline.guard` may import it."""

    __slots__ = ()

    def __reduce__(self) -> str:  # a pickled frame keeps the one seal of the process that reads it
        return "_SEAL"


_SEAL: Final = Seal()


def _check(seal: Seal, what: str) -> None:
    if seal is not _SEAL:
        raise LeakError(f"A {what} was made without the guard's seal; nothing was sent. Please report this bug.")


@dataclass(frozen=True, slots=True, eq=False)
class PersonaFrame:
    """A picture of the persona: the only thing that a video sink accepts.

    image: (H, W, 3) uint8, RGB, C-contiguous; not to be written to.
    captured_ns: capture time of the camera frame that it answers to (stand-ins: the time at which one was due).
    index: number of the camera frame that it answers to, or -1.
    persona: name of the profile.
    """

    image: NDArray[np.uint8]
    captured_ns: int
    index: int
    persona: str
    origin: Origin
    seal: Seal = field(repr=False)

    def __post_init__(self) -> None:
        _check(self.seal, "PersonaFrame")


@dataclass(frozen=True, slots=True, eq=False)
class PersonaBlock:
    """A block of the persona's voice: the only thing that an audio sink accepts.

    samples: (n,) float32 mono within [-1, 1] at `SAMPLE_RATE`.
    captured_ns: capture time of the real sample that the first sample answers to (the converter's delay taken off).
    index: number of the first sample, in the same count as `MicBlock.index`.
    """

    samples: NDArray[np.float32]
    captured_ns: int
    index: int
    persona: str
    origin: Origin
    seal: Seal = field(repr=False)

    def __post_init__(self) -> None:
        _check(self.seal, "PersonaBlock")
