"""The `[voice]` section of a profile with ``converter = "dsp"``: what the voice becomes, in units one can hear."""

from __future__ import annotations

import math
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from obs_portrait.voice.settings import VoiceSettings

__all__ = ["Band", "DspSettings", "is_disguised"]

DISGUISE_FORMANT: Final = 1.08
"""A formant ratio at least this far from 1 (or below its inverse), together with a pitch of the persona's own."""
DISGUISE_FORMANT_ALONE: Final = 1.16
"""A formant ratio at least this far from 1 (or below its inverse) where the pitch is kept."""
DISGUISE_BREATH: Final = 0.8
"""Breath from here on is a whisper: the pitch and the glottal sound of the speaker are gone."""
DISGUISE_ROBOT: Final = 0.6
"""Robot from here on takes away most of the intonation and covers the timbre, if the pitch is the persona's own."""


class Band(BaseModel):
    """One band of the equaliser, a second-order section (R. Bristow-Johnson, Audio EQ Cookbook)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hz: float = Field(ge=20.0, le=20_000.0)
    """Centre (peak) or corner (shelf) frequency in Hz."""
    gain_db: float = Field(ge=-24.0, le=24.0)
    """Gain at the centre, or of the shelf, in dB."""
    q: float = Field(default=0.9, ge=0.1, le=12.0)
    """Sharpness: centre frequency / bandwidth. For a shelf 0.7 is the steepest without overshoot."""
    kind: Literal["peak", "low_shelf", "high_shelf"] = "peak"


class DspSettings(VoiceSettings):
    """Settings of the model-free converter.

    With the defaults nothing but a limiter acts, and the voice is the speaker's own: see `is_disguised`.
    """

    converter: str = "dsp"

    pitch_hz: float | None = Field(default=None, ge=50.0, le=500.0)
    """The persona's median pitch (f0) in Hz; leave it out to keep the speaker's."""
    pitch_range: float = Field(default=1.0, ge=0.0, le=2.0)
    """Intonation: ratio of the deviation of log f0 from its median. 0: monotone, 1: the speaker's, 2: doubled."""
    source_hz: float | None = Field(default=None, ge=50.0, le=500.0)
    """The speaker's median pitch in Hz, if known: then the pitch ratio is constant from the first word on. Left out,
    it is estimated while the stream runs (settles within about a second of voiced sound)."""
    formant: float = Field(default=1.0, ge=0.7, le=1.4)
    """Ratio by which the formants move. > 1: a smaller head, brighter; < 1: a larger one, darker."""

    equaliser: tuple[Band, ...] = Field(default=(), max_length=8)
    gain_db: float = Field(default=0.0, ge=-24.0, le=24.0)
    """Gain before the limiter in dB."""
    gate_db: float | None = Field(default=None, ge=-90.0, le=-20.0)
    """Sound below this level (RMS in dB of full scale) is shut off: fans, keyboards, breathing. Left out: no gate."""
    limiter_db: float = Field(default=-1.0, ge=-24.0, le=0.0)
    """No sample leaves louder than this, in dB of full scale."""

    robot: float = Field(default=0.0, ge=0.0, le=1.0)
    """Metal: flattens the intonation, a tuned comb and a ring modulator."""
    breath: float = Field(default=0.0, ge=0.0, le=1.0)
    """Replaces voicing by breath through the same vocal tract. 0.3: a breathy voice, 1: a whisper."""
    growl: float = Field(default=0.0, ge=0.0, le=1.0)
    """Roughness: every second glottal period is weakened and all are jittered. For monsters and old machines."""
    hall: float = Field(default=0.0, ge=0.0, le=1.0)
    """Reverberation of a stone hall. The direct sound is not delayed."""
    hall_s: float = Field(default=1.8, ge=0.2, le=6.0)
    """Time in s in which the hall's sound falls by 60 dB."""
    shimmer: float = Field(default=0.0, ge=0.0, le=1.0)
    """Hologram: two swept copies beside the direct sound and a fine flutter."""

    @model_validator(mode="after")
    def _source_hz_is_used(self) -> DspSettings:
        if self.source_hz is not None and self.pitch_hz is None and self.pitch_range == 1.0:
            raise ValueError("source_hz has no effect unless pitch_hz or pitch_range is set")
        return self


def is_disguised(settings: DspSettings) -> bool:
    """Whether the voice is far enough from the speaker's for people not to know it again.

    One of these must hold (the thresholds are constants of this module):

    - the formants move by 8% or more *and* the pitch is the persona's own (`pitch_hz`, or monotone),
    - the formants move by 16% or more,
    - the voice is whispered (`breath` >= 0.8),
    - `robot` >= 0.6 with a pitch of the persona's own.

    Formants carry most of the identity: in the enrolment spike the pitch alone moved the speaker similarity by 0.02,
    the formants by 0.11. It is a check of a profile, not a proof of anonymity: rhythm, accent and words stay.
    """
    own_pitch = settings.pitch_hz is not None
    moved = abs(math.log(settings.formant)) + 1e-9
    return (
        (moved >= math.log(DISGUISE_FORMANT) and (own_pitch or settings.pitch_range <= 0.2))
        or moved >= math.log(DISGUISE_FORMANT_ALONE)
        or settings.breath >= DISGUISE_BREATH
        or (settings.robot >= DISGUISE_ROBOT and own_pitch)
    )
