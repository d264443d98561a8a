"""The `[face]` section of a profile. An engine with settings of its own subclasses `FaceSettings`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FaceSettings"]


class FaceSettings(BaseModel):
    """Settings that every face engine understands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: str = "mesh"
    source: str = "portrait.png"
    """Picture of the persona, relative to the profile's folder."""
    motion: Literal["relative", "absolute"] = "relative"
    """relative: the driver's motion since the reference frame moves the portrait. absolute: the portrait takes the
    driver's pose and expression as they are."""
    adapt_scale: bool = True
    """Scale motion by the ratio of face sizes (first-order-model's --adapt_scale)."""
    crop: Literal["auto", "none"] = "auto"
    """auto: the portrait is cropped about the face; none: used whole."""
    crop_scale: float = Field(default=2.3, ge=1.2, le=6.0)
    """Side of the automatic crop in face sizes."""
    background: Literal["portrait", "blur"] | str = "portrait"
    """portrait: what is in the picture; blur: the same, blurred; or a colour as "#rrggbb" where the canvas is wider
    than the picture."""
    smoothing: float = Field(default=0.3, ge=0.0, le=1.0)
    """0: none; 1: strongest. Lids and lips are never smoothed."""
    pose_strength: float = Field(default=1.0, ge=0.0, le=2.0)
    expression_strength: float = Field(default=1.0, ge=0.0, le=2.0)
