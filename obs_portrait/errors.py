"""The errors of OBS Portrait: one base class, one subclass for each layer.

Every message is one sentence or two for the person who runs the program: what happened, where (a file and line for
a profile), and what to do about it. No message carries a secret.
"""

from __future__ import annotations

__all__ = [
    "CheckpointError",
    "ControlError",
    "DesktopError",
    "EngineLostError",
    "FaceError",
    "LeakError",
    "MediaError",
    "ObsError",
    "PipelineError",
    "PortraitError",
    "ProfileError",
    "VoiceError",
]


class PortraitError(Exception):
    """Base class of every error that this project raises on purpose. ``str(error)`` is fit to show to a user."""


class CheckpointError(PortraitError):
    """Weights are missing, damaged, of another family, or not the ones that the catalogue names."""


class MediaError(PortraitError):
    """A camera, file, screen, sound device or sink cannot be opened, read or written."""


class FaceError(PortraitError):
    """A picture has no usable face, or a face engine cannot run here."""


class EngineLostError(FaceError):
    """A face engine can do nothing more in this process: its GPU was lost, or is in a state that only another process
    comes out of."""


class VoiceError(PortraitError):
    """A voice converter cannot run here, or its settings make no sense."""


class ProfileError(PortraitError):
    """A persona's profile cannot be used. ``problems`` holds all of them, one sentence each, with file and line."""

    def __init__(self, problems: str | list[str]) -> None:
        self.problems: list[str] = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class PipelineError(PortraitError):
    """The loop from source to sink cannot start or go on."""


class ObsError(PortraitError):
    """OBS cannot be reached, refuses a request, or did not do what it was asked for.

    ``code`` is obs-websocket's request status (its protocol's RequestStatus), or None where OBS did not answer.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        self.code = code
        super().__init__(message)


class ControlError(PortraitError):
    """The running daemon cannot be reached, refuses a request, or cannot open its control API.

    ``status`` is the HTTP status, or None where no answer came.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class DesktopError(PortraitError):
    """The desktop (tray, hotkeys, notices, start at login) does not do what it was asked for."""


class LeakError(PortraitError):
    """Something tried to send camera pixels or microphone samples to a sink. The guard stops it and counts it."""
