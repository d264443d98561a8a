"""A portrait, small."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from daemon.rooms.errands import Outcome
from daemon.rooms.jobs.drawing import jpeg
from obs_portrait.face.portrait import load_picture

__all__ = ["thumbnail"]

_SIDE: Final = 256


def thumbnail(told: dict[str, Any], content: bytes) -> Outcome:
    """told: path. A JPEG of 256 pixels at most."""
    return Outcome({}, jpeg(load_picture(Path(told["path"])), _SIDE))
