"""Which persona belongs to which scene: rules, the first that fits counts. Pure decisions; OBS is not asked here."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["LEAVE", "Bindings", "Cut", "Decision", "Rule", "Studio"]

LEAVE = "leave"
"""Instead of a persona: whoever is on stage stays."""
Cut = Literal["start", "middle", "end"]
"""At which point of a transition the persona changes."""
Studio = Literal["program", "preview"]
"""Which scene of studio mode a rule watches. Outside studio mode there is only the program."""


class Rule(BaseModel):
    """One `[[bind]]` of bindings.toml.

    scene: the exact name; or glob: a pattern with * ? [seq], upper and lower case told apart. collection: a pattern
    for the scene collection's name. persona: a name, or "leave".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    persona: str = Field(min_length=1, max_length=200)
    scene: str | None = Field(default=None, max_length=1000)
    glob: str | None = Field(default=None, min_length=1, max_length=1000)
    collection: str | None = Field(default=None, min_length=1, max_length=1000)
    studio: Studio = "program"
    cut: Cut = "start"

    @model_validator(mode="after")
    def _one_of(self) -> Rule:
        if (self.scene is None) == (self.glob is None):
            raise ValueError("a rule needs either scene (the exact name) or glob (a pattern), and not both")
        return self

    def holds_in(self, collection: str) -> bool:
        """Does the rule speak of this scene collection?"""
        return self.collection is None or fnmatch.fnmatchcase(collection, self.collection)

    def fits(self, scene: str, collection: str) -> bool:
        """Does the rule speak of this scene?"""
        if not self.holds_in(collection):
            return False
        if self.scene is not None:
            return scene == self.scene
        return fnmatch.fnmatchcase(scene, self.glob or "")

    def __str__(self) -> str:
        what = f"scene {self.scene!r}" if self.scene is not None else f"glob {self.glob!r}"
        return what + (f" in collection {self.collection!r}" if self.collection is not None else "")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a scene asks for. persona: None means leave it as it is; why: the rule, for people."""

    persona: str | None
    cut: Cut = "start"
    why: str = ""


@dataclass(frozen=True, slots=True)
class Bindings:
    """rules of bindings.toml in their order, then those of the profiles, then `default` ("leave" or a persona)."""

    rules: Sequence[Rule] = ()
    from_profiles: Sequence[tuple[str, str]] = ()
    """(scene, persona) as the profiles' [obs] scenes say it; * ? [ make it a pattern unless a scene is called so."""
    default: str = LEAVE

    def decide(self, scene: str, collection: str = "", studio: Studio = "program") -> Decision:
        """The first rule that fits."""
        for rule in self.rules:
            if rule.studio == studio and rule.fits(scene, collection):
                return _decision(rule.persona, rule.cut, f"bindings.toml: {rule}")
        if studio == "preview":  # profiles and the default speak of what viewers see
            return Decision(None, why="no rule for the preview")
        for name, persona in self.from_profiles:
            if scene == name or fnmatch.fnmatchcase(scene, name):
                return _decision(persona, "start", f"profile '{persona}': scenes {name!r}")
        return _decision(self.default, "start", "default")

    def personas(self, scenes: Iterable[str], collection: str = "") -> list[str]:
        """Every persona that these scenes may ask for, in order and once: they are prepared beforehand."""
        found: dict[str, None] = {}
        for scene in scenes:
            for studio in ("program", "preview"):
                decision = self.decide(scene, collection, "program" if studio == "program" else "preview")
                if decision.persona is not None:
                    found[decision.persona] = None
        return list(found)

    @property
    def watches_preview(self) -> bool:
        """True if any rule looks at studio mode's preview."""
        return any(rule.studio == "preview" for rule in self.rules)


def _decision(persona: str, cut: Cut, why: str) -> Decision:
    return Decision(None if persona == LEAVE else persona, cut, why)
