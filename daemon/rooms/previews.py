"""What the page shows live: the persona, and the camera for as long as that was asked for."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from obs_portrait.errors import ControlError

if TYPE_CHECKING:
    from obs_portrait.pipeline.live.picture_mail import PictureMail
    from obs_portrait.pipeline.live.session import LiveSession

__all__ = ["ALLOWED_S", "PreviewRoom"]

ALLOWED_S: Final = 60
_PATIENCE_S: Final = 0.4
_LOOK_S: Final = 0.02


class PreviewRoom:
    """Reads the mailboxes of a session (`previews`), which hold JPEG files: no pixel is decoded here."""

    def __init__(self, session: LiveSession) -> None:
        self._mails = session.previews
        self._closed = threading.Event()

    def persona(self) -> bytes | None:
        """See `Rooms.preview`."""
        return self._asked(self._mails.persona)

    def allow_camera(self, on: bool) -> None:
        """See `Rooms`."""
        self._mails.camera.allow(ALLOWED_S * 1_000_000_000 if on else 0)

    def camera(self) -> bytes | None:
        """See `Rooms`."""
        if not self._mails.camera.allowed:
            raise ControlError(
                "The camera is not shown unless you ask for it; that holds for a minute: POST /v1/preview/camera.", 403
            )
        return self._asked(self._mails.camera)

    def close(self) -> None:
        """Nobody looks any more."""
        self._closed.set()
        self._mails.camera.allow(0)

    def _asked(self, mail: PictureMail) -> bytes | None:
        """The first one is waited for: nothing is encoded before somebody asks."""
        if self._closed.is_set():
            return None
        mail.ask()
        deadline = time.monotonic() + _PATIENCE_S
        while (picture := mail.take()) is None and time.monotonic() < deadline:
            if self._closed.wait(_LOOK_S) or not mail.allowed:
                return None
        return picture
