"""The converter that lets the real voice through, for the persona that says so in its profile."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from obs_portrait.voice.converter import VoiceConverter
from obs_portrait.voice.settings import VoiceSettings

__all__ = ["RevealConverter"]


class RevealConverter(VoiceConverter[None]):
    """Passes the microphone on. Used only where a profile says ``converter = "reveal"``."""

    name: ClassVar[str] = "reveal"
    reveals: ClassVar[bool] = True
    latency: int = 0

    def prepare(self, settings: VoiceSettings) -> None:
        """Nothing to prepare."""

    def new_state(self) -> None:
        return None

    def process(self, state: None, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.clip(samples, -1.0, 1.0).astype(np.float32, copy=True)
