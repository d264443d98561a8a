"""`[hotkeys]` of settings.toml: which key does what."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from daemon.hotkeys.chord import Chord

__all__ = ["HotkeySettings", "Key"]


def _one_spelling(text: str) -> str:
    if not text:
        return text
    try:
        return str(Chord.parse(text))
    except ValueError as error:
        raise ValueError(f"cannot be used: {error}") from None


Key = Annotated[str, Field(max_length=60), AfterValidator(_one_spelling)]
"""A chord as text, kept in its one spelling: "Control+Alt+P" becomes "ctrl+alt+p". "" is no key."""

_Name = Annotated[str, Field(min_length=1, max_length=60)]


class HotkeySettings(BaseModel):
    """Keys that work whatever window is in front. Personas have theirs in their profiles too (`[obs] hotkey`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)

    enabled: bool = True
    """False: no key is listened for; OBS's own hotkeys and the command line work on."""
    panic: Key | None = "ctrl+alt+p"
    """Card and silence. Pressing it again changes nothing: nobody ends a panic by accident. "" takes the key away."""
    end_panic: Key | None = None
    calibrate: Key | None = None
    search: Key | None = None
    """Begins or ends the search for a better reference frame."""
    clip: Key | None = None
    """Saves the last seconds as a clip."""
    voice: Key | None = None
    """Voice on or off."""
    face: Key | None = None
    """Face on or off."""
    off: Key | None = None
    """Rest (camera and microphone closed), and back."""
    switch: dict[_Name, Key] = Field(default={}, max_length=64)
    """Persona -> key: becomes the persona. Goes before the key in the persona's profile; "" takes that away."""
    toggle: dict[_Name, Key] = Field(default={}, max_length=64)
    """Persona -> key: becomes the persona; pressed again, the one before."""
    hold: dict[_Name, Key] = Field(default={}, max_length=64)
    """Persona -> key: is the persona as long as the key is down."""
    hold_limit_s: float = Field(default=120.0, ge=1.0, le=3600.0)
    """A hold ends after so long without a sign of its key, where the system cannot be asked whether it is down."""
