"""The personas as the daemon knows them: the list for menus and pages, and profiles that are edited while they play."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol

from daemon.control.stage import Persona
from daemon.hotkeys.settings import HotkeySettings
from daemon.hotkeys.table import PersonaKey, Table, compile_table
from obs_portrait.errors import PortraitError
from obs_portrait.persona import store
from obs_portrait.persona.profile import Profile, load

__all__ = ["Session", "Troupe"]

_FRESH_S: Final = 2.0
"""For so long the list of installed profiles is believed; after that their files are looked at, and read if they are
other ones: somebody asks every few seconds, and at rest that would be most of what the daemon does."""

_Print = tuple[tuple[str, int, int], ...]


class Session(Protocol):
    """What is needed of a live session."""

    @property
    def personas(self) -> list[str]:
        """Names in the order of their keys."""

    @property
    def persona(self) -> str:
        """The one on stage, or about to be."""

    def profile(self, name: str) -> Profile | None:
        """As it plays."""

    def renew(self, persona: Profile) -> None:
        """Plays on with the profile as it is now."""


class Troupe:
    """`rows` for whoever lists personas; `look`, called once a second or so, gives the session what was edited.

    A bad edit keeps the persona as it plays and says why. note(about, text, problem): one sentence for the user.
    hotkeys: the settings of the keys, which go before those of the profiles.
    """

    def __init__(
        self,
        session: Session,
        note: Callable[[str, str, bool], None],
        hotkeys: Callable[[], HotkeySettings] = HotkeySettings,
    ) -> None:
        self._session, self._note, self._hotkeys = session, note, hotkeys
        self._lock = threading.Lock()
        self._listed: list[store.Listing] = []
        self._listed_at = float("-inf")
        self._listed_of: dict[Path, _Print] | None = None
        self._plays: dict[str, _Print] = {}  # files as they are on stage
        self._edited: dict[str, _Print] = {}  # files as the last look found them, if other than that
        self._broken: set[str] = set()

    # ---- the list ------------------------------------------------------------------------------------------------

    def rows(self) -> list[Persona]:
        """Those of the session first, in the order of their keys, then all others that are installed."""
        ready, on_stage = self._session.personas, self._session.persona
        found = {one.name: one for one in self._installed()}
        names = [*ready, *(name for name in found if name not in ready)]
        keys = self._keys(found.values())
        return [
            _row(name, found.get(name), ready=name in ready, on_stage=name == on_stage, hotkey=keys.key_of(name))
            for name in names
        ]

    def _keys(self, installed: Iterable[store.Listing]) -> Table:
        """As `daemon.hotkeys` has them in force; none where none is listened for."""
        settings = self._hotkeys()
        if not settings.enabled:
            return Table()
        known = [PersonaKey(one.name, one.profile.obs.hotkey) for one in installed if one.profile is not None]
        return compile_table(settings, known)

    def _installed(self) -> list[store.Listing]:
        with self._lock:
            if time.monotonic() - self._listed_at >= _FRESH_S:
                found = {folder: _print(folder) for folder, _ in store.installed().values()}
                if found != self._listed_of:
                    self._listed, self._listed_of = store.list_profiles(), found
                self._listed_at = time.monotonic()
            return self._listed

    # ---- edits ---------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Looks whether a persona of the session was edited. An edit counts when two looks have found the same: a file
        that is just being written is not yet one. Never raises."""
        for name in self._session.personas:
            profile = self._session.profile(name)
            if not isinstance(profile, Profile):
                continue
            now = _print(profile.folder)
            if now == self._plays.setdefault(name, now):
                self._edited.pop(name, None)
            elif self._edited.get(name) != now:
                self._edited[name] = now
            else:
                self._plays[name] = now
                self._reload(name, profile)

    def _reload(self, name: str, before: Profile) -> None:
        try:
            profile = load(before.folder).model_copy(update={"name": name})
        except PortraitError as error:
            self._broken.add(name)
            self._note(f"profile {name}", f"{error}\n'{name}' plays on as it was before the edit.", True)
            return
        if name in self._broken or profile != before:
            self._broken.discard(name)
            self._note(f"profile {name}", f"'{name}' was edited; it is prepared anew.", False)
        self._session.renew(profile)


def _row(name: str, one: store.Listing | None, *, ready: bool, on_stage: bool, hotkey: str | None) -> Persona:
    profile = one.profile if one is not None else None
    problem = one.problem if one is not None else None
    return Persona(
        name=name,
        description=profile.description if profile is not None else "",
        ready=ready,
        on_stage=on_stage,
        hotkey=hotkey,
        problem=str(problem).splitlines()[0] if problem is not None else None,
        reveals=profile is not None and bool(profile.reveals),
    )


def _print(folder: Path) -> _Print:
    """Names, times and sizes of a profile's files; empty where they cannot be read."""
    try:
        found = [(path.name, path.stat()) for path in folder.iterdir() if path.is_file()]
    except OSError:
        return ()
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in found))
