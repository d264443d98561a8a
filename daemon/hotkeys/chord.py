"""A key and the modifiers that are held with it: "ctrl+alt+p". One spelling, whatever listens for it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

__all__ = ["KEYS", "MODIFIERS", "Chord"]

MODIFIERS: Final = ("ctrl", "alt", "shift", "super")
"""In the order in which they are written. super: the Windows key, Command on a Mac."""

_MODIFIER_NAMES: Final = {
    **{name: name for name in MODIFIERS},
    "control": "ctrl", "strg": "ctrl", "option": "alt", "opt": "alt", "win": "super", "windows": "super",
    "cmd": "super", "command": "super", "meta": "super",
}  # fmt: skip

_LETTERS: Final = tuple("abcdefghijklmnopqrstuvwxyz")
_DIGITS: Final = tuple("0123456789")
_SIGNS: Final = {
    "minus": "-", "equal": "=", "comma": ",", "period": ".", "slash": "/", "backslash": "\\", "semicolon": ";",
    "apostrophe": "'", "grave": "`", "bracketleft": "[", "bracketright": "]",
}  # fmt: skip
_TYPED: Final = frozenset((*_LETTERS, *_DIGITS, *_SIGNS, "space", "tab", "enter", "backspace", "delete"))
"""What is needed for writing: such a key alone would fire in the middle of a chat."""
_MOVING: Final = ("up", "down", "left", "right", "home", "end", "pageup", "pagedown", "escape")
_FREE: Final = (
    *(f"f{number}" for number in range(1, 25)), *(f"num{digit}" for digit in _DIGITS), "insert", "pause",
    "scrolllock", "printscreen", "menu",
)  # fmt: skip
KEYS: Final = (*_LETTERS, *_DIGITS, *_SIGNS, "space", "tab", "enter", "backspace", "delete", *_MOVING, *_FREE)
"""Every key that can be bound, by the name that settings and profiles use."""

_KEY_NAMES: Final = {
    **{name: name for name in KEYS}, **{sign: name for name, sign in _SIGNS.items()},
    "esc": "escape", "return": "enter", "del": "delete", "ins": "insert", "pgup": "pageup", "pgdn": "pagedown",
    "pgdown": "pagedown", "page_up": "pageup", "page_down": "pagedown", "break": "pause", "print": "printscreen",
    "prtsc": "printscreen", "scroll_lock": "scrolllock", "quote": "apostrophe", "backquote": "grave", "dot": "period",
    "spacebar": "space", **{f"kp{digit}": f"num{digit}" for digit in _DIGITS},
}  # fmt: skip

_TAKEN: Final = {
    ("ctrl+alt+delete",): "the system keeps it for itself",
    ("alt+f4", "super+q"): "it closes the window in front",
    ("alt+tab", "super+tab", "alt+escape", "super+space"): "the system changes windows and programs with it",
    ("super+l",): "it locks the screen",
    ("ctrl+c", "ctrl+v", "ctrl+x", "ctrl+z", "super+c", "super+v", "super+x", "super+z"): "every program edits with it",
}
_IMPOSSIBLE: Final = {chord: why for chords, why in _TAKEN.items() for chord in chords}


@dataclass(frozen=True, slots=True)
class Chord:
    """modifiers: those that must be down, no others. key: one of `KEYS`."""

    modifiers: frozenset[str]
    key: str

    @classmethod
    def parse(cls, text: str) -> Chord:
        """Reads "ctrl+alt+p". Raises ValueError with the reason, in words that follow "'…' cannot be used: "."""
        words = [word.strip().lower() for word in _split(text)]
        if not any(words):
            raise ValueError("it is empty; write a key such as ctrl+alt+p, or leave the line out")
        modifiers: set[str] = set()
        for word in words[:-1]:
            name = _MODIFIER_NAMES.get(word)
            if name is None:
                raise ValueError(_not_a_modifier(word))
            if name in modifiers:
                raise ValueError(f"{name} stands in it twice")
            modifiers.add(name)
        key = _KEY_NAMES.get(words[-1])
        if key is None:
            raise ValueError(_not_a_key(words[-1]))
        chord = cls(frozenset(modifiers), key)
        _possible(chord)
        return chord

    def __str__(self) -> str:
        """The one spelling: modifiers in their order, then the key."""
        return "+".join([*(name for name in MODIFIERS if name in self.modifiers), self.key])


def _split(text: str) -> list[str]:
    """At every plus sign, but "ctrl++" ends with the key of that sign, which keyboards have on "="."""
    parts = text.split("+")
    return [*parts[:-2], "equal"] if len(parts) > 2 and parts[-1] == parts[-2] == "" else parts


def _not_a_modifier(word: str) -> str:
    if word in _KEY_NAMES:
        return f"'{word}' is a key like the last one; there can be one key, with ctrl, alt, shift or super before it"
    return f"'{word}' is none of ctrl, alt, shift, super.{_meant(word, _MODIFIER_NAMES)}"


def _not_a_key(word: str) -> str:
    if not word:
        return "a key is missing behind the last '+'"
    if word in _MODIFIER_NAMES:
        return f"{word} alone is no key; put one behind it, for instance {word}+f9"
    return f"there is no key '{word}'.{_meant(word, _KEY_NAMES)}"


def _meant(word: str, choices: dict[str, str]) -> str:
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""


def _possible(chord: Chord) -> None:
    """Raises ValueError for what no desktop lets a program have, or what nobody would want."""
    if why := _IMPOSSIBLE.get(str(chord)):
        raise ValueError(why)
    strong = chord.modifiers - {"shift"}
    if chord.key in _TYPED and not strong:
        raise ValueError("it would fire while you type; put ctrl+alt before it")
    if chord.key in _MOVING and not chord.modifiers:
        raise ValueError("every program and game uses this key; put ctrl+alt before it")
