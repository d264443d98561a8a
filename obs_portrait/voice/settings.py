"""The `[voice]` section of a profile. A converter with settings of its own subclasses `VoiceSettings`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["VoiceSettings"]


class VoiceSettings(BaseModel):
    """Settings that every voice converter understands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    converter: str = "dsp"
