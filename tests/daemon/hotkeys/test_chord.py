"""Keys are written in many ways and mean one thing; what cannot work says why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from daemon.hotkeys import HotkeySettings
from daemon.hotkeys.chord import KEYS, MODIFIERS, Chord


@given(st.sets(st.sampled_from(MODIFIERS)), st.sampled_from(KEYS))
def test_what_is_written_is_read_again(modifiers: set[str], key: str) -> None:
    chord = Chord(frozenset(modifiers), key)
    try:
        assert Chord.parse(str(chord)) == chord
    except ValueError as error:  # such a key exists and nobody may have it
        assert str(error)


@given(st.text(max_size=30))
def test_any_text_is_a_chord_or_says_why_not(text: str) -> None:
    try:
        chord = Chord.parse(text)
    except ValueError as error:
        assert len(str(error)) > 10
    else:
        assert Chord.parse(str(chord)) == chord


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Control + Alt + P", "ctrl+alt+p"), ("shift+CTRL+1", "ctrl+shift+1"), ("cmd+f9", "super+f9"),
        ("ctrl+alt+pgup", "ctrl+alt+pageup"), ("ctrl++", "ctrl+equal"), ("f13", "f13"), ("kp3", "num3"),
    ],
)  # fmt: skip
def test_spellings(written: str, kept: str) -> None:
    assert str(Chord.parse(written)) == kept


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("ctrl+altt+p", "Did you mean 'alt'?"), ("ctrl+pauze", "Did you mean 'pause'?"), ("p", "while you type"),
        ("shift+a", "while you type"), ("ctrl+alt+delete", "the system keeps it"), ("alt+f4", "closes the window"),
        ("ctrl", "alone is no key"), ("ctrl+", "missing behind"), ("a+b", "there can be one key"), ("", "is empty"),
        ("ctrl+ctrl+a", "twice"), ("up", "every program and game"),
    ],
)  # fmt: skip
def test_impossible_keys_say_why(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why.replace("?", r"\?").replace("+", r"\+")):
        Chord.parse(written)


def test_settings_keep_one_spelling_and_refuse_strangers() -> None:
    settings = HotkeySettings(panic="Control+Alt+X", switch={"ada": "F9"})
    assert (settings.panic, settings.switch) == ("ctrl+alt+x", {"ada": "f9"})
    with pytest.raises(ValidationError, match="Did you mean 'ctrl'"):
        HotkeySettings(clip="ctrk+c")
    with pytest.raises(ValidationError):
        HotkeySettings.model_validate({"panik": "f9"})
