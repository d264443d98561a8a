"""`Rooms`: what the page needs beyond the show: pictures to look at, clips, devices, new personas."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import Field
from typing_extensions import TypedDict  # as in `stage`

__all__ = ["Clip", "Consent", "Device", "DeviceKind", "Devices", "Look", "Newcomer", "Points", "Rooms", "Trimmed"]

DeviceKind = Literal["camera", "microphone", "speaker"]
Point = Annotated[list[float], Field(min_length=2, max_length=2)]
Points = list[Point]
"""[x, y] in pixels of a picture, x right and y down, from its upper left corner."""


class Clip(TypedDict):
    """A clip, the newest first. id: stays the same as long as the file's name does and the daemon runs. seconds: None
    if it cannot be read. size: in bytes. made: local time with its offset, ISO 8601."""

    id: str
    name: str
    persona: str | None
    seconds: float | None
    size: int
    made: str


class Trimmed(TypedDict):
    """The new clip, and how it was made, in one sentence."""

    id: str
    message: str


class Device(TypedDict):
    """spec: what the settings and `POST /v1/devices` take. name: for people. chosen: it is in use."""

    spec: str
    name: str
    chosen: bool


class Devices(TypedDict):
    """What is plugged in now, and what is chosen even if it is not."""

    cameras: list[Device]
    microphones: list[Device]
    speakers: list[Device]
    virtual_cameras: list[Device]


class Look(TypedDict):
    """The face in a picture. points: 478, in pixels of that picture as it is shown (turned upright). names: of each
    point. found: False: nobody found a face, the points are a face's in the middle, to be dragged to where they
    belong."""

    points: Points
    names: list[str]
    found: bool


class Newcomer(TypedDict):
    """A persona that was made. landmarks: as it will play. found: the face was found without help."""

    persona: str
    landmarks: Points
    found: bool


class Consent(TypedDict):
    """Whose face it is and why it may be used (docs/personas.md)."""

    kind: str
    subject: str
    statement: str


class Rooms(Protocol):
    """Every method may be called from any thread and by several at once, and may raise `PortraitError`; a
    `ControlError` names the HTTP status. Pictures are JPEG files as bytes."""

    def preview(self) -> bytes | None:
        """The persona as it goes out, 480 pixels at most; None if there is none (yet: nothing is encoded before
        somebody asks)."""
        ...

    def allow_camera(self, on: bool) -> None:
        """Whether the camera may be looked at. Ends by itself after 60 s."""
        ...

    def camera(self) -> bytes | None:
        """The camera under the persona's portrait, with the lines that were found in the face; None if there is none
        (yet). Raises `ControlError` (403) unless it was allowed."""
        ...

    def portrait(self, persona: str) -> bytes:
        """A persona's picture, 256 pixels at most."""
        ...

    def look(self, picture: bytes) -> Look:
        """Looks for the face in a picture (PNG, JPEG, WebP)."""
        ...

    def make(self, name: str, picture: bytes, consent: Consent, landmarks: Points | None) -> Newcomer:
        """Makes a persona from a picture; landmarks: corrected by hand, as `look` gave them."""
        ...

    def clips(self) -> list[Clip]:
        """All clips."""
        ...

    def thumbnail(self, clip: str) -> bytes:
        """A clip's picture, 320 pixels at most."""
        ...

    def video(self, clip: str) -> Path:
        """A clip's file."""
        ...

    def trim(self, clip: str, start_s: float, end_s: float | None) -> Trimmed:
        """Makes a new clip of a part; end_s None: to the end. The old one stays."""
        ...

    def discard(self, clip: str) -> None:
        """Into the system's trash, or the folder "Deleted" beside the clips."""
        ...

    def devices(self) -> Devices:
        """What there is; never older than a few seconds."""
        ...

    def choose(self, chosen: Mapping[DeviceKind, str]) -> None:
        """Takes these devices at once; spec of each kind."""
        ...
