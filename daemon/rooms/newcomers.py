"""New personas from a picture: looked at first, points corrected by hand, consent asked."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from daemon.control.rooms import Consent, Look, Newcomer, Points
from daemon.rooms.errands import Errands
from obs_portrait.errors import ControlError, ProfileError
from obs_portrait.persona import store
from obs_portrait.persona.names import check_name

__all__ = ["LARGEST_PICTURE", "NewcomerRoom"]

LARGEST_PICTURE: Final = 6 * 1024 * 1024
_LOOK_S: Final = 55.0


class NewcomerRoom:
    """What strangers' pictures are decoded in is a child process (`errands`)."""

    def __init__(self, errands: Errands) -> None:
        self._errands = errands

    def look(self, picture: bytes) -> Look:
        """See `Rooms`."""
        _check(picture)
        found = self._errands.do("look", content=picture, timeout=_LOOK_S).told
        return {"points": list(found["points"]), "names": list(found["names"]), "found": bool(found["found"])}

    def make(self, name: str, picture: bytes, consent: Consent, landmarks: Points | None) -> Newcomer:
        """See `Rooms`."""
        _check(picture)
        _check_new(name)
        asked = {"landmarks": landmarks}
        done = self._errands.do("portrait", asked, picture, timeout=_LOOK_S)
        size = int(done.told["picture"])
        with tempfile.TemporaryDirectory(prefix="obs-portrait-") as folder:
            portrait, sidecar = Path(folder) / "portrait.png", Path(folder) / "landmarks.npz"
            portrait.write_bytes(done.content[:size])
            if len(done.content) > size:
                sidecar.write_bytes(done.content[size:])
            made = store.create(
                portrait,
                name,
                consent=consent["kind"],
                subject=consent["subject"],
                statement=consent["statement"],
                sidecar=sidecar if sidecar.exists() else None,
            )
        return {"persona": made.name, "landmarks": list(done.told["landmarks"]), "found": bool(done.told["found"])}


def _check(picture: bytes) -> None:
    """What can be said before anything is decoded."""
    if len(picture) > LARGEST_PICTURE:
        raise ControlError(f"The picture is larger than {LARGEST_PICTURE // 1024**2} MiB; save it smaller.", 413)
    is_webp = picture[:4] == b"RIFF" and picture[8:12] == b"WEBP"
    if not (picture.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) or is_webp):
        raise ControlError("The picture is not a PNG, JPEG or WebP file.", 422)


def _check_new(name: str) -> None:
    """Raises before any work is done for a name that cannot be had."""
    try:
        check_name(name)
    except ValueError as error:
        raise ControlError(f"The name {name!r} cannot be used: {error}.", 422) from error
    if any(listing.name.casefold() == name.casefold() for listing in store.list_profiles()):
        raise ProfileError(f"There is a persona '{name}' already; choose another name.")
