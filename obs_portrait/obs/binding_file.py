"""`bindings.toml` in the config folder: read, watched, and changed without losing what its owner wrote around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import tomlkit
from pydantic import ValidationError
from tomlkit.items import AoT

from obs_portrait.errors import ProfileError
from obs_portrait.obs.bindings import LEAVE, Bindings, Rule
from obs_portrait.persona import store
from obs_portrait.persona.problems import decode, meant
from obs_portrait.persona.textfile import TextFile

__all__ = ["BindingFile", "bindings_path", "parse"]

_KEYS: Final = ("default", "bind")


def bindings_path() -> Path:
    """Where the file is; it need not exist."""
    return store.config_dir() / "bindings.toml"


def parse(text: str, path: Path) -> tuple[list[Rule], str]:
    """Rules and default. Raises `ProfileError` with every problem, one sentence each with file and line."""
    data, problems = decode(text, path)
    for key in data:
        if key not in _KEYS:
            problems.add((key,), f"there is no setting '{key}'.{meant(key, list(_KEYS))}")
    default = data.get("default", LEAVE)
    if not isinstance(default, str) or not default:
        problems.add(("default",), f"'default' must be a persona's name or \"{LEAVE}\".")
        default = LEAVE
    rules: list[Rule] = []
    entries = data.get("bind", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problems.add(("bind",), "rules are written as [[bind]] sections.")
        entries = []
    for number, entry in enumerate(entries):
        try:
            rules.append(Rule.model_validate(entry, strict=True))
        except ValidationError as error:
            problems.take(("bind", number), error, list(Rule.model_fields))  # type: ignore[arg-type]
    problems.stop()
    return rules, default


class BindingFile:
    """The rules as they are now. A bad edit keeps the old rules and says why, once. Safe from any thread."""

    def __init__(
        self,
        path: Path | None = None,
        profiles: Callable[[], Iterable[tuple[str, tuple[str, ...]]]] | None = None,
        on_problem: Callable[[str], None] = lambda text: None,
    ) -> None:
        """profiles: gives (persona, scenes) of every profile; the installed ones if None."""
        self.path = path or bindings_path()
        self._file = TextFile(self.path, "bindings")
        self._profiles = profiles or _installed
        self._on_problem = on_problem
        self._lock = threading.RLock()
        self._stamp: tuple[int, int] | None = None
        self._now = Bindings()
        self.problem: str | None = None
        """Why the file as it is now is not in force, or None."""
        self.reload(force=True)

    @property
    def now(self) -> Bindings:
        """The rules in force; the file is read again if it has changed."""
        self.reload()
        return self._now

    def reload(self, force: bool = False) -> None:
        """Reads the file if it is another than before. Never raises."""
        with self._lock:
            stamp = self._file.state()
            if stamp == self._stamp and not force:
                return
            self._stamp = stamp
            try:
                text = self._file.read()
                rules, default = parse(text, self.path)
            except ProfileError as error:
                self.problem = str(error)
                self._on_problem(f"{error}\nThe bindings from before stay in force.")
                return
            self.problem = None
            named = [(scene, persona) for persona, scenes in self._profiles() for scene in scenes]
            self._now = Bindings(tuple(rules), tuple(named), default)

    # ---- changes -------------------------------------------------------------------------------------------------

    def bind(self, scene: str, persona: str | None, **more: str) -> None:
        """Sets the rule for exactly this scene (before all others), or removes it if persona is None.

        more: `collection`, `studio`, `cut`. Raises `ProfileError` if the file has mistakes or cannot be written.
        """

        def change(document: tomlkit.TOMLDocument) -> None:
            rules = _rules(document)
            same = [n for n, rule in enumerate(rules) if rule.get("scene") == scene and _same_place(rule, more)]
            for number in reversed(same):
                del rules[number]
            if persona is not None:
                new = tomlkit.table()
                new.update({"scene": scene, "persona": persona, **more})
                new.add(tomlkit.nl())
                rules.insert(same[0] if same else 0, new)

        self._change(change)

    def rename_scene(self, old: str, new: str) -> bool:
        """OBS calls a scene by another name now: its rules follow. True if there was one."""
        ruled = any(rule.scene == old for rule in self.now.rules)
        persona = next((persona for scene, persona in self.now.from_profiles if scene == old), None)

        def change(document: tomlkit.TOMLDocument) -> None:
            for rule in _rules(document):
                if rule.get("scene") == old:
                    rule["scene"] = new

        if ruled:
            self._change(change)
        elif persona is not None and self.now.decide(new).persona != persona:
            self.bind(new, persona)  # the profile still has the old name; the file speaks first
        return ruled or persona is not None

    def rename_collection(self, old: str, new: str) -> bool:
        """The same for a scene collection."""
        if not any(rule.collection == old for rule in self.now.rules):
            return False

        def change(document: tomlkit.TOMLDocument) -> None:
            for rule in _rules(document):
                if rule.get("collection") == old:
                    rule["collection"] = new

        self._change(change)
        return True

    def _change(self, change: Callable[[tomlkit.TOMLDocument], None]) -> None:
        with self._lock:
            text = self._file.read()
            parse(text, self.path)  # a file with mistakes is its owner's to mend, not ours to rewrite
            document = tomlkit.parse(text)
            change(document)
            after = tomlkit.dumps(document)
            parse(after, self.path)
            self._file.write(after)
            self.reload(force=True)


def _rules(document: tomlkit.TOMLDocument) -> Any:
    if "bind" not in document:
        document.append("bind", AoT([]))
    return document["bind"]


def _same_place(rule: Any, more: dict[str, str]) -> bool:
    usual = {"collection": None, "studio": "program"}
    return all(rule.get(key, usual[key]) == more.get(key, usual[key]) for key in usual)


def _installed() -> list[tuple[str, tuple[str, ...]]]:
    return [(one.name, one.profile.obs.scenes) for one in store.list_profiles() if one.profile is not None]
