"""The clips: listed, looked at, cut, put into the trash. The page knows them by ids, never by paths."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from daemon.control.rooms import Clip, Trimmed
from daemon.rooms.errands import Errands
from daemon.rooms.shelf import Shelf, print_of
from daemon.rooms.trash import discard
from obs_portrait.errors import ControlError

if TYPE_CHECKING:
    from obs_portrait.obs.clips import library

__all__ = ["ClipRoom"]

_LOOK_S: Final = 20.0
_TRIM_S: Final = 115.0
_GONE: Final = "There is no such clip any more; look at the list again."


class ClipRoom:
    """errands: makes thumbnails. cutting: trims, which may take long. folder: `library.clips_dir()` if left out.

    Names of clips can be guessed, and whoever knows an id and has a page's cookie may watch (`daemon.control.guard`):
    ids are made with a secret of this start.
    """

    def __init__(self, errands: Errands, cutting: Errands, folder: Path | None = None) -> None:
        self._errands, self._cutting, self._folder = errands, cutting, folder
        self._thumbnails = Shelf()
        self._secret = secrets.token_bytes(32)

    def id_of(self, path: Path) -> str:
        """20 hexadecimal digits that stand for a file's name as long as the daemon runs."""
        return hashlib.blake2b(os.fsencode(path.name), digest_size=10, key=self._secret).hexdigest()

    def rows(self) -> list[Clip]:
        """See `Rooms`."""
        found = []
        for clip in self._library().list():
            with contextlib.suppress(OSError):  # it has just been moved away
                found.append(self._row(clip))
        return found

    def thumbnail(self, clip: str) -> bytes:
        """See `Rooms`."""
        path = self.video(clip)

        def make() -> bytes:
            return self._errands.do("thumbnail of a clip", {"path": str(path)}, timeout=_LOOK_S).content

        try:
            return self._thumbnails.get(print_of(path), make)
        except OSError:
            raise ControlError(_GONE, 404) from None

    def video(self, clip: str) -> Path:
        """See `Rooms`."""
        found = next((path for path in self._library().paths() if self.id_of(path) == clip), None)
        if found is None or not found.is_file():
            raise ControlError(_GONE, 404)
        return found

    def trim(self, clip: str, start_s: float, end_s: float | None) -> Trimmed:
        """See `Rooms`."""
        if end_s is not None and end_s <= start_s:
            raise ControlError(f"The end ({end_s:g} s) must come after the beginning ({start_s:g} s).", 422)
        path = self.video(clip)
        done = self._cutting.do("trim", {"path": str(path), "start_s": start_s, "end_s": end_s}, timeout=_TRIM_S)
        made = path.with_name(str(done.told["file"]))
        return {"id": self.id_of(made), "message": f"Made {made.name}: {done.told['how']}."}

    def discard(self, clip: str) -> None:
        """See `Rooms`."""
        from obs_portrait.obs.clips.sidecar import sidecar_path

        path = self.video(clip)
        discard([one for one in (path, sidecar_path(path)) if one.exists()])

    def _row(self, clip: library.Clip) -> Clip:
        return {
            "id": self.id_of(clip.path),
            "name": clip.path.stem,
            "persona": clip.info.persona,
            "seconds": round(clip.info.duration_s, 3) if clip.info.duration_s is not None else None,
            "size": clip.path.stat().st_size,
            "made": clip.info.when.isoformat(),
        }

    def _library(self) -> library.Library:
        from obs_portrait.obs.clips.library import Library

        return Library(self._folder)
