"""Which key does what, from the settings and from all profiles, and what is wrong with that."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daemon.hotkeys.chord import Chord
from daemon.hotkeys.settings import HotkeySettings
from obs_portrait.persona.lines import LineIndex
from obs_portrait.persona.problems import meant

__all__ = ["Action", "Binding", "PersonaKey", "Table", "compile_table", "installed_keys"]

_PLAIN: Final = ("panic", "end_panic", "calibrate", "search", "clip", "voice", "face", "off")
_OF_PERSONAS: Final = ("switch", "toggle", "hold")


@dataclass(frozen=True, slots=True)
class Action:
    """What a key asks for. kind: a field of `HotkeySettings`. persona: for switch, toggle and hold."""

    kind: str
    persona: str | None = None

    def __str__(self) -> str:
        return self.kind if self.persona is None else f"{self.kind} {self.persona}"


@dataclass(frozen=True, slots=True)
class Binding:
    """A key in force. where: "settings.toml:12" with its folder, or what else tells a person where it stands."""

    chord: Chord
    action: Action
    where: str


@dataclass(frozen=True, slots=True)
class PersonaKey:
    """The key that a persona's profile asks for. path: the profile, for messages; None if it has none."""

    name: str
    hotkey: str | None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """bindings: one for each chord. problems: sentences with the place, for the user; their keys are not in force."""

    bindings: tuple[Binding, ...] = ()
    problems: tuple[str, ...] = ()

    def key_of(self, persona: str) -> str | None:
        """The key that becomes this persona, for menus and lists."""
        order = {kind: rank for rank, kind in enumerate(_OF_PERSONAS)}
        mine = [one for one in self.bindings if one.action.persona == persona]
        mine.sort(key=lambda one: order[one.action.kind])
        return str(mine[0].chord) if mine else None


def compile_table(
    settings: HotkeySettings, personas: Iterable[PersonaKey] = (), settings_path: Path | None = None
) -> Table:
    """The settings go first, then the profiles in their order; who comes later with a key that is taken is told so."""
    personas = list(personas)
    taken: dict[Chord, Binding] = {}
    problems: list[str] = []

    def take(chord: Chord, action: Action, where: str) -> None:
        other = taken.get(chord)
        if other is None:
            taken[chord] = Binding(chord, action, where)
        elif other.action != action:
            problems.append(
                f"{where}: the key {chord} for '{action}' is taken by '{other.action}' ({other.where}), which keeps "
                "it; choose another key."
            )

    own = {name for name, text in settings.switch.items() if not text}  # its profile's key is taken away
    for place, chord, action in _settings_keys(settings):
        where = _where(settings_path, ("hotkeys", *place), f"settings, hotkeys.{'.'.join(place)}")
        if action.persona is not None:
            names = [one.name for one in personas]
            if names and action.persona not in names:
                problems.append(f"{where}: there is no persona '{action.persona}'.{meant(action.persona, names)}")
                continue
            if action.kind == "switch":
                own.add(action.persona)
        take(chord, action, where)
    for persona in personas:
        if persona.hotkey is None or persona.name in own:
            continue
        where = _where(persona.path, ("obs", "hotkey"), f"persona {persona.name}, obs.hotkey")
        try:
            chord = Chord.parse(persona.hotkey)
        except ValueError as error:
            problems.append(f"{where}: the key '{persona.hotkey}' cannot be used: {error}{_stop(error)}")
            continue
        take(chord, Action("switch", persona.name), where)
    return Table(tuple(taken.values()), tuple(problems))


def installed_keys() -> list[PersonaKey]:
    """The keys of all profiles that can be read."""
    from obs_portrait.persona import store
    from obs_portrait.persona.profile import PROFILE

    return [
        PersonaKey(one.name, one.profile.obs.hotkey, one.profile.folder / PROFILE)
        for one in store.list_profiles()
        if one.profile is not None
    ]


def _settings_keys(settings: HotkeySettings) -> Iterator[tuple[tuple[str, ...], Chord, Action]]:
    """(place inside [hotkeys], chord, action)."""
    for kind in _PLAIN:
        text: str | None = getattr(settings, kind)
        if text:
            yield (kind,), Chord.parse(text), Action(kind)
    for kind in _OF_PERSONAS:
        keys: dict[str, str] = getattr(settings, kind)
        for name, text in keys.items():
            if not text:
                continue
            yield (kind, name), Chord.parse(text), Action(kind, name)


def _stop(error: ValueError) -> str:
    return "" if str(error).endswith("?") else "."


def _where(path: Path | None, place: tuple[str, ...], otherwise: str) -> str:
    """ "FILE:LINE", or the words for a place that is in no file (a default, a persona made on the way)."""
    if path is None:
        return otherwise
    try:
        text = path.read_text("utf-8-sig")
        value: object = tomllib.loads(text)
        for name in place:
            value = value[name]  # type: ignore[index]
        return f"{path}:{LineIndex(text).of(place)}"
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return otherwise
