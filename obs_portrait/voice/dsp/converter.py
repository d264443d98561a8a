"""The model-free converter: pitch, formants and colour of the voice, 30 ms late, a few per cent of one core."""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import VoiceError
from obs_portrait.voice.converter import VoiceConverter
from obs_portrait.voice.dsp.settings import DspSettings
from obs_portrait.voice.settings import VoiceSettings

if TYPE_CHECKING:
    from obs_portrait.voice.dsp.layout import DspState
    from obs_portrait.voice.dsp.tables import Tables

__all__ = ["DspConverter"]


class DspConverter(VoiceConverter["DspState"]):
    """Streaming TD-PSOLA with formant shift and colour effects. Needs no weights; runs on any CPU.

    `latency` is 1440 samples (30 ms) for every setting. The first `prepare` on a machine compiles for about half a
    minute; numba keeps the result on disk.
    """

    name: ClassVar[str] = "dsp"
    settings_model: ClassVar[type[VoiceSettings]] = DspSettings
    _tables: Tables

    @classmethod
    def validate_environment(cls) -> str | None:
        if find_spec("numba") is None:
            return "The 'dsp' voice needs numba, which is not installed: pip install numba."
        return None

    def prepare(self, settings: VoiceSettings) -> None:
        from obs_portrait.voice.dsp.layout import LATENCY
        from obs_portrait.voice.dsp.loop import run
        from obs_portrait.voice.dsp.tables import build

        if not isinstance(settings, DspSettings):
            raise VoiceError(
                f"The 'dsp' voice converter was given the settings of '{settings.converter}'; "
                'set converter = "dsp" in the [voice] section of the profile.'
            )
        self._tables = build(settings)
        self._run = run
        self.latency = LATENCY
        self.process(self.new_state(), np.zeros(LATENCY, np.float32))  # compiles, and warms the caches

    def new_state(self) -> DspState:
        from obs_portrait.voice.dsp.layout import new_state

        return new_state()

    def pitch(self, state: DspState) -> tuple[float, float] | None:
        from obs_portrait.voice.dsp.grains import RATIO_HIGH, RATIO_LOW
        from obs_portrait.voice.dsp.layout import PERIODS
        from obs_portrait.voice.dsp.pitch import REVISE

        frame = int(state.scalars["frames"][0]) - 1 - REVISE  # newer ones may still be revised
        period = float(state.periods[frame & (PERIODS - 1)]) if frame >= 0 else 0.0
        if not period > 0.0:
            return None
        tables, own = self._tables, math.log2(48_000.0 / period)
        if not tables.move_pitch:
            return 2.0**own, 2.0**own
        source = float(state.scalars["source_log2"][0]) if math.isnan(tables.source_log2) else tables.source_log2
        target = source if math.isnan(tables.target_log2) else tables.target_log2
        ratio = 2.0 ** (target + tables.range * (own - source) - own)
        return 2.0**own, 2.0**own * min(max(ratio, RATIO_LOW), RATIO_HIGH)

    def process(self, state: DspState, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.array(samples, np.float32)  # always of one kind (writable, contiguous): compiled for once
        if out.ndim != 1:
            raise VoiceError(f"A voice is one row of mono samples, not an array of shape {out.shape}.")
        self._run(state, self._tables, out)
        return out
