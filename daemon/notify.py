"""Notices on the desktop for what a streamer must know, and nothing else."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["NoticeSettings"]


class NoticeSettings(BaseModel):
    """`[notices]` of settings.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    enabled: bool = True
    """False: nothing is shown on the desktop; the page, the tray and the terminal tell it all."""
    clips: bool = False
    """Tells of every clip that was saved."""
