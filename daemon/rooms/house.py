"""`House`: all rooms under one roof, as the control API wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.control.rooms import Clip, Consent, DeviceKind, Devices, Look, Newcomer, Points, Rooms, Trimmed
from daemon.rooms.clips import ClipRoom
from daemon.rooms.devices import DeviceRoom
from daemon.rooms.errands import Errands
from daemon.rooms.newcomers import NewcomerRoom
from daemon.rooms.pictures import PictureRoom
from daemon.rooms.previews import PreviewRoom

if TYPE_CHECKING:
    from obs_portrait.pipeline.live.session import LiveSession

__all__ = ["House"]


class House(Rooms):
    """Of a session that runs, or is about to. Nothing is started before somebody asks.

    remember(kind, spec): keeps the choice of a device for the next start; may raise `PortraitError`.
    """

    def __init__(
        self, session: LiveSession, remember: Callable[[DeviceKind, str], None] = lambda kind, spec: None
    ) -> None:
        self._errands, self._cutting = Errands("errands"), Errands("cutting")
        self._previews = PreviewRoom(session)
        self._pictures = PictureRoom(session, self._errands)
        self._newcomers = NewcomerRoom(self._errands)
        self._clips = ClipRoom(self._errands, self._cutting)
        self._devices = DeviceRoom(session, self._errands, remember)

    def close(self) -> None:
        """Ends what still works. May be called twice."""
        self._previews.close()
        self._errands.close()
        self._cutting.close()

    def preview(self) -> bytes | None:
        """See `Rooms`."""
        return self._previews.persona()

    def allow_camera(self, on: bool) -> None:
        """See `Rooms`."""
        self._previews.allow_camera(on)

    def camera(self) -> bytes | None:
        """See `Rooms`."""
        return self._previews.camera()

    def portrait(self, persona: str) -> bytes:
        """See `Rooms`."""
        return self._pictures.portrait(persona)

    def look(self, picture: bytes) -> Look:
        """See `Rooms`."""
        return self._newcomers.look(picture)

    def make(self, name: str, picture: bytes, consent: Consent, landmarks: Points | None) -> Newcomer:
        """See `Rooms`."""
        return self._newcomers.make(name, picture, consent, landmarks)

    def clips(self) -> list[Clip]:
        """See `Rooms`."""
        return self._clips.rows()

    def thumbnail(self, clip: str) -> bytes:
        """See `Rooms`."""
        return self._clips.thumbnail(clip)

    def video(self, clip: str) -> Path:
        """See `Rooms`."""
        return self._clips.video(clip)

    def trim(self, clip: str, start_s: float, end_s: float | None) -> Trimmed:
        """See `Rooms`."""
        return self._clips.trim(clip, start_s, end_s)

    def discard(self, clip: str) -> None:
        """See `Rooms`."""
        self._clips.discard(clip)

    def devices(self) -> Devices:
        """See `Rooms`."""
        return self._devices.rows()

    def choose(self, chosen: Mapping[DeviceKind, str]) -> None:
        """See `Rooms`."""
        self._devices.choose(chosen)
