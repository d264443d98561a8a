"""The personas' portraits, small."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.rooms.errands import Errands
from daemon.rooms.shelf import Shelf, print_of
from obs_portrait.errors import ControlError, ProfileError
from obs_portrait.persona import store
from obs_portrait.persona.names import check_name

if TYPE_CHECKING:
    from obs_portrait.pipeline.live.session import LiveSession

__all__ = ["PictureRoom"]

_LOOK_S: Final = 20.0


class PictureRoom:
    """Of the personas of a session, and of those that are installed."""

    def __init__(self, session: LiveSession, errands: Errands) -> None:
        self._session, self._errands = session, errands
        self._made = Shelf()

    def portrait(self, persona: str) -> bytes:
        """See `Rooms`."""
        path = self._path(persona)

        def make() -> bytes:
            return self._errands.do("thumbnail of a picture", {"path": str(path)}, timeout=_LOOK_S).content

        try:
            return self._made.get(print_of(path), make)
        except OSError as error:
            raise ControlError(f"{path}: there is no such picture ({error.strerror or error}).", 404) from None

    def _path(self, persona: str) -> Path:
        playing = self._session.profile(persona)
        if playing is not None:
            return Path(playing.portrait_path)
        try:
            check_name(persona)  # so that it is a name and no path
            return store.load(persona).portrait_path
        except (ValueError, ProfileError) as error:
            raise ControlError(f"There is no persona '{persona}' with a picture ({error}).", 404) from None
