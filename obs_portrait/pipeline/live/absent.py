"""What stands for a device that could not be opened: reading it tells why, and so it is opened again and again."""

from __future__ import annotations

from obs_portrait.errors import MediaError
from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import CameraFrame, MicBlock

__all__ = ["AbsentCamera", "AbsentMicrophone"]


class AbsentCamera(VideoSource):
    """In the place of a camera, a screen or a file."""

    live = True

    def __init__(self, name: str, why: str) -> None:
        self.name, self._why = name, why

    def open(self) -> None:
        """Never is."""
        raise MediaError(self._why)

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        """Raises what the opening raised."""
        raise MediaError(self._why)

    def close(self) -> None:
        """Nothing to release."""


class AbsentMicrophone(AudioSource):
    """In the place of a microphone."""

    live = True

    def __init__(self, name: str, why: str) -> None:
        self.name, self._why = name, why

    def open(self) -> None:
        """Never is."""
        raise MediaError(self._why)

    def read(self, samples: int) -> MicBlock | None:
        """Raises what the opening raised."""
        raise MediaError(self._why)

    def close(self) -> None:
        """Nothing to release."""
