"""`settings.toml` in the config folder: read, checked with the line of every mistake, watched, and changed without
losing what its owner wrote around it. A bad edit keeps the settings from before and says why."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Annotated, Any, Final

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tomlkit.exceptions import TOMLKitError

from daemon.hotkeys.settings import HotkeySettings
from daemon.notify import NoticeSettings
from obs_portrait.errors import ProfileError
from obs_portrait.folders import config_dir
from obs_portrait.persona.problems import decode, meant
from obs_portrait.persona.textfile import TextFile

__all__ = ["AlarmSettings", "ControlSettings", "Settings", "SettingsFile", "ShowSettings", "TraySettings"]

DEFAULT_PORT: Final = 47651
"""One above the stream's: a page's address, and its sign-in, outlive the daemon."""
_STRICT = ConfigDict(
    extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
)  # JSON, in which they are told, knows no infinity
_UNWRITABLE: Final = (TOMLKitError, ValueError, TypeError, RecursionError)
_Spec = Annotated[str, Field(min_length=1, max_length=500)]


class ShowSettings(BaseModel):
    """What `obs-portrait run` begins with where the command line says nothing else."""

    model_config = _STRICT

    source: _Spec = "camera:0"
    """camera:0, camera:NAME, screen, performance or a file."""
    audio: _Spec | None = None
    """mic, mic:NAME, performance or a file; left out: what belongs to the source."""
    sinks: list[_Spec] = Field(default=["window"], max_length=8)
    """Where the picture goes: obs, window, virtualcam."""
    audio_sinks: list[_Spec] = Field(default=[], max_length=8)
    """Where the voice goes: virtualmic, speaker, speaker:NAME."""
    personas: list[_Spec] = Field(default=[], max_length=32)
    """Prepared at the start, the first one on stage; empty: all that are usable."""
    size: str = Field(default="512x512", pattern=r"^\d{2,4}x\d{2,4}$")
    """Of the persona's picture, WIDTHxHEIGHT."""
    fps: int = Field(default=30, ge=1, le=120)
    """Pictures a second at the sinks."""
    understudies: bool = True
    """A second process for picture and for sound each that takes over at once when the first one dies; costs about
    500 MB of memory."""
    start_off: bool = False
    """Begin at rest: camera and microphone stay closed until the persona is switched on."""


class ControlSettings(BaseModel):
    """The page, and the door for the command line and OBS."""

    model_config = _STRICT

    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535)
    """On this machine alone; 0 takes any that is free (OBS's dock then needs a new address after each start)."""


class TraySettings(BaseModel):
    """The icon."""

    model_config = _STRICT

    enabled: bool = True
    language: str = Field(default="auto", pattern="^(auto|en|zh)$")


class AlarmSettings(BaseModel):
    """When the streamer is told that the show drifts from what it was. 0 switches an alarm off."""

    model_config = _STRICT

    least_fps: float = Field(default=15.0, ge=0.0, le=120.0)
    """New persona pictures a second."""
    most_latency_ms: float = Field(default=250.0, ge=0.0, le=5000.0)
    """Capture to sink, picture or voice."""
    most_skew_ms: float = Field(default=80.0, ge=0.0, le=5000.0)
    """Between voice and picture, either way."""
    memory_growth_mb: float = Field(default=400.0, ge=0.0)
    """Of daemon and media processes together, since their first minute."""


class Settings(BaseModel):
    """All of settings.toml."""

    model_config = _STRICT

    show: ShowSettings = ShowSettings()
    control: ControlSettings = ControlSettings()
    hotkeys: HotkeySettings = HotkeySettings()
    tray: TraySettings = TraySettings()
    notices: NoticeSettings = NoticeSettings()
    alarm: AlarmSettings = AlarmSettings()


def parse(text: str, path: Path) -> Settings:
    """Raises `ProfileError` with every problem, one sentence each with file and line."""
    data, problems = decode(text, path)
    sections: dict[str, Any] = {name: field.annotation for name, field in Settings.model_fields.items()}
    found: dict[str, Any] = {}
    for key, content in data.items():
        model = sections.get(key)
        if model is None:
            problems.add((key,), f"there is no section '{key}'.{meant(key, list(sections))}")
        elif not isinstance(content, dict):
            problems.add((key,), f"'{key}' must be a section, written [{key}].")
        else:
            try:
                found[key] = model.model_validate(content)
            except ValidationError as error:
                problems.take((key,), error, list(model.model_fields))
    problems.stop()
    return Settings(**found)


class SettingsFile:
    """The settings as they are now. Safe from any thread.

    on_change(settings): called when what holds has become other, by whoever noticed. on_problem(text or None): why the
    file as it is now is not in force; None when it is again.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        on_change: Callable[[Settings], None] = lambda settings: None,
        on_problem: Callable[[str | None], None] = lambda text: None,
    ) -> None:
        """Never raises: settings that cannot be read are the defaults, and `problem` says why."""
        self.path = path or config_dir() / "settings.toml"
        self._file = TextFile(self.path, "settings")
        self.on_change: Callable[[Settings], None] = lambda settings: None
        self.on_problem = on_problem
        self._lock = threading.RLock()
        self._stamp: tuple[int, int] | None = (-1, -1)
        self._now = Settings()
        self.problem: str | None = None
        """Why the file is not in force, or None."""
        self.reload()
        self.on_change = on_change

    @property
    def now(self) -> Settings:
        """Those in force; the file is read again if it has changed."""
        self.reload()
        return self._now

    def reload(self) -> None:
        """Reads the file if it is another than before. Never raises."""
        with self._lock:
            stamp = self._file.state()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            before, trouble = self._now, self.problem
            try:
                self._now = parse(self._file.read(), self.path)
                self.problem = None
            except ProfileError as error:
                self.problem = f"{error}\nThe settings from before stay in force."
            changed, told = self._now != before, self.problem != trouble
        if told:
            self.on_problem(self.problem)
        if changed:
            self.on_change(self._now)

    def change(self, part: Mapping[str, Any]) -> Settings:
        """Sets what `part` names ({"section": {"key": value}}; None takes a key out), keeps all else as it is written.

        Raises `ProfileError`, with nothing changed, if the outcome has mistakes, or the file has some already.
        """
        with self._lock:
            text = self._file.read()
            parse(text, self.path)  # a file with mistakes is its owner's to mend, not ours to rewrite
            try:
                document = tomlkit.parse(text)
                _merge(document, part)
                after = tomlkit.dumps(document)
            except _UNWRITABLE as error:  # JSON knows what TOML does not: null in a list
                raise ProfileError(f"{self.path}: this cannot be written there ({error}).") from error
            parse(after, self.path)
            self._file.write(after)
        return self.now


def _merge(document: Any, part: Mapping[str, Any]) -> None:
    """Raises `_UNWRITABLE`."""
    for key, value in part.items():
        if value is None:
            document.pop(key, None)
        elif isinstance(value, Mapping):
            if key not in document:
                document[key] = tomlkit.table()
            if not isinstance(document[key], MutableMapping):
                raise TypeError(f"'{key}' is one value and has no entries")
            _merge(document[key], value)
        else:
            document[key] = value
