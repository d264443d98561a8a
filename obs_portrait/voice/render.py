"""Converting sound that is there as a whole: the converter's delay is taken off."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obs_portrait.errors import VoiceError
from obs_portrait.media.types import SAMPLE_RATE
from obs_portrait.voice.converter import VoiceConverter

__all__ = ["render"]


def render(samples: ArrayLike, converter: VoiceConverter[Any], block: int = SAMPLE_RATE) -> NDArray[np.float32]:
    """Converts (n,) mono samples at 48 kHz and returns as many, aligned with the input.

    converter: prepared. block: samples fed at a time; the result does not depend on it.
    Raises `VoiceError` for samples of another shape.
    """
    x = np.asarray(samples, np.float32)
    if x.ndim != 1:
        raise VoiceError(
            f"A voice is one row of mono samples, not an array of shape {x.shape}; mix the channels first."
        )
    if block < 1:
        raise VoiceError(f"A block of {block} samples cannot be fed; use 1 or more.")
    state, delay = converter.new_state(), converter.latency
    fed = np.concatenate((x, np.zeros(delay, np.float32)))
    parts = [converter.process(state, fed[at : at + block]) for at in range(0, fed.size, block)]
    return np.concatenate([np.zeros(0, np.float32), *parts])[delay:]
