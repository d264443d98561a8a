"""The contract of a voice converter, and how one is found.

A converter is a plug-in: register a subclass of `VoiceConverter` under the entry point group
``obs_portrait.voice_converters``. Importing its module must be cheap:
heavy imports and compiling belong into `prepare`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from obs_portrait import registry
from obs_portrait.errors import VoiceError
from obs_portrait.voice.settings import VoiceSettings

__all__ = ["GROUP", "VoiceConverter", "converter_class", "converter_names"]

GROUP = "obs_portrait.voice_converters"

S = TypeVar("S")


class VoiceConverter(ABC, Generic[S]):
    """Turns the driver's voice into the persona's, block by block. Mono float32 at 48 kHz.

    The converter holds settings and tables only; whatever lives from block to block is in the state object `S`.
    Streaming equals offline: feeding a signal in blocks of any sizes gives bit for bit what feeding it whole gives.
    """

    name: ClassVar[str]
    settings_model: ClassVar[type[VoiceSettings]] = VoiceSettings
    reveals: ClassVar[bool] = False
    """True only for the converter that lets the real voice through."""

    latency: int
    """Constant delay in samples between a sound in the input and the same sound in the output. Valid after
    `prepare`; includes everything, also the fixed internal sub-block."""

    @classmethod
    def validate_environment(cls) -> str | None:
        """None if the converter can run here, else one sentence that says why not and what to do."""
        return None

    @abstractmethod
    def prepare(self, settings: VoiceSettings) -> None:
        """Builds tables and compiles. Seconds are allowed. Must raise `VoiceError` if the settings make no sense."""

    @abstractmethod
    def new_state(self) -> S:
        """A state for the start of a stream, all buffers allocated."""

    @abstractmethod
    def process(self, state: S, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Feeds (n,) float32 samples, n >= 0, and returns exactly n converted samples (a new array), delayed by
        `latency`: the first `latency` samples of a stream are zeros. All input is finite (sources see to that).

        Allowed time: 1 ms for 10 ms of sound (p99). May raise anything: the guard then sends silence.
        """

    def pitch(self, state: S) -> tuple[float, float] | None:
        """f0 of the newest sound in Hz, (as it came, as it goes out), for a meter; None if it is unvoiced or unknown.

        Called ten times a second from another thread than `process`: must only look, and not wait.
        """
        return None


def converter_names() -> list[str]:
    """Names of the converters that are installed, sorted."""
    return registry.names(GROUP)


def converter_class(name: str) -> type[VoiceConverter[Any]]:
    """The converter registered as `name`. Raises `VoiceError` with a suggestion if there is none."""
    return cast("type[VoiceConverter[Any]]", registry.load(GROUP, name, "voice converter", VoiceError))
