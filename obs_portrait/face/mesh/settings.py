"""The `[face]` section of a profile with ``engine = "mesh"``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from obs_portrait.face.settings import FaceSettings

__all__ = ["MeshSettings"]

_COLOUR = r"^#[0-9a-fA-F]{6}$"


class MeshSettings(FaceSettings):
    """Settings of the mesh engine beside those of every engine."""

    engine: str = "mesh"
    eyes: Literal["auto", "off"] = "auto"
    """auto: iris and eyeball are a layer of their own under the lids; off: the lids move over what the picture shows
    (statues with blank eyes, lenses, painted slits)."""
    mouth: Literal["auto", "off"] = "auto"
    """auto: an open mouth shows teeth, tongue and depth, lit as the skin is; off: it shows the picture's own lips
    stretched (masks, beaks)."""
    teeth_colour: str | None = Field(default=None, pattern=_COLOUR)
    """"#rrggbb"; left out: ivory under the picture's own light."""
    mouth_colour: str | None = Field(default=None, pattern=_COLOUR)
    """Colour of the cavity behind the teeth, "#rrggbb"; left out: dark red under the picture's own light."""
    translation: float | None = Field(default=None, ge=0.0, le=1.5)
    """How much of the driver's shift and approach is taken over. Left out: 0.6, or 1 with ``crop = "none"``."""
