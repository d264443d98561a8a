"""The profile: what a persona is, read from `profile.toml` with every problem named at once."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError, field_validator

from obs_portrait.errors import FaceError, ProfileError, VoiceError
from obs_portrait.face.engine import engine_class
from obs_portrait.face.settings import FaceSettings
from obs_portrait.persona.names import check_name
from obs_portrait.persona.problems import Problems, decode, meant, short
from obs_portrait.voice.converter import converter_class
from obs_portrait.voice.settings import VoiceSettings

__all__ = ["PROFILE", "Consent", "Disclosure", "ObsSettings", "Profile", "from_picture", "load", "parse"]

PROFILE: Final = "profile.toml"
_MAX_BYTES: Final = 64 * 1024
_REVEAL: Final = "reveal"
_KINDS: Final = ("fictional", "self", "licensed", "public-domain")

_Model = TypeVar("_Model", bound=BaseModel)
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Consent(BaseModel):
    """Who the persona is, and why their face and voice may be used."""

    model_config = _STRICT

    kind: Literal["fictional", "self", "licensed", "public-domain"]
    """fictional: nobody real; self: the streamer; licensed: a person who agreed in writing; public-domain: a picture
    whose rights have run out, of a person long dead. A persona of any other real person is refused."""
    subject: str = Field(min_length=1, max_length=200, pattern=r"\S")
    statement: str = Field(min_length=1, max_length=2000, pattern=r"\S")
    date: datetime.date

    @field_validator("date")
    @classmethod
    def _not_tomorrow(cls, value: datetime.date) -> datetime.date:
        # A day of grace: the date line runs between the writer and the reader.
        if value > datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1):
            raise ValueError("lies in the future")
        return value


class Disclosure(BaseModel):
    """What viewers are told."""

    model_config = _STRICT

    label: str = Field(default="Synthetic face and voice", min_length=1, max_length=120)
    show: bool = False
    """Draw the label into the picture."""


class ObsSettings(BaseModel):
    """When OBS calls for the persona (used by the OBS controller)."""

    model_config = _STRICT

    scenes: tuple[str, ...] = Field(default=(), max_length=64)
    hotkey: str | None = Field(default=None, max_length=60)


class _About(BaseModel):
    model_config = _STRICT

    description: str = Field(default="", max_length=500)


class Profile(_About):
    """A persona. `face` and `voice` have the types that its engine and its converter ask for."""

    name: str
    face: SerializeAsAny[FaceSettings]
    voice: SerializeAsAny[VoiceSettings]
    consent: Consent
    disclosure: Disclosure = Disclosure()
    obs: ObsSettings = ObsSettings()
    folder: Path = Field(default=Path(), exclude=True)

    @property
    def portrait_path(self) -> Path:
        """The persona's picture."""
        return self.folder / self.face.source

    @property
    def reveals(self) -> tuple[str, ...]:
        """What of the real person is shown: any of "face", "voice". Empty for an ordinary persona."""
        parts = [("face", self.face.engine), ("voice", self.voice.converter)]
        return tuple(part for part, engine in parts if engine == _REVEAL)

    def warnings(self) -> list[str]:
        """What the user should know although the profile is valid; one sentence each."""
        found = []
        if self.reveals:
            found.append(f"{self.name}: this persona shows your real {' and '.join(self.reveals)}.")
        from obs_portrait.voice.dsp.settings import DspSettings, is_disguised

        if isinstance(self.voice, DspSettings) and not is_disguised(self.voice):
            found.append(
                f"{self.name}: the voice is hardly changed, people may recognise yours; move formant further from 1 "
                "and set pitch_hz."
            )
        return found


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise ProfileError(f"{path}: this is no file; name a persona's folder or its {PROFILE}.")
        if path.stat().st_size > _MAX_BYTES:
            raise ProfileError(f"{path}: larger than {_MAX_BYTES // 1024} KB; this is no profile.")
        return path.read_text(encoding="utf-8-sig")  # editors on Windows write a byte order mark
    except FileNotFoundError:
        raise ProfileError(
            f"{path}: there is no such profile; `obs-portrait profiles list` shows what there is."
        ) from None
    except UnicodeDecodeError:
        raise ProfileError(f"{path}: not UTF-8 text; save it as UTF-8.") from None
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read ({error.strerror or error}).") from error


def load(path: Path) -> Profile:
    """The profile in `path`, a `profile.toml` or the folder that holds one.

    Raises `ProfileError` with all problems, one sentence each with file and line.
    """
    path = Path(path)
    path = path / PROFILE if path.is_dir() else path
    return parse(_read(path), path)


def parse(text: str, path: Path) -> Profile:
    """The profile in `text`; `path` is for messages and for finding the portrait. Raises `ProfileError` as `load`."""
    try:
        return _parse(text, path)
    except RecursionError:
        raise ProfileError(f"{path}: tables or lists are nested too deep; this is no profile.") from None


def _parse(text: str, path: Path) -> Profile:
    data, problems = decode(text, path)
    sections: dict[str, Any] = {}
    face_model = _model(problems, data, "face", "engine", FaceSettings)
    voice_model = _model(problems, data, "voice", "converter", VoiceSettings)
    models: dict[str, type[BaseModel] | None] = {
        "face": face_model,
        "voice": voice_model,
        "consent": Consent,
        "disclosure": Disclosure,
        "obs": ObsSettings,
    }
    for section, model in models.items():
        content = data.get(section, {} if section != "consent" else None)
        if content is None:
            problems.add((), "the section [consent] is missing; say whose face this is (docs/personas.md).")
        elif not isinstance(content, dict):
            problems.add((section,), f"'{section}' must be a section, written [{section}].")
        elif model is not None:
            try:
                sections[section] = _validate(model, content)
            except ValidationError as error:
                problems.take((section,), error, list(model.model_fields))
    for key in data:
        if key not in models and key not in ("name", "description"):
            known = [*models, "name", "description"]
            problems.add((key,), f"there is no setting '{key}'.{meant(key, known)}")
    try:
        about = _validate(_About, {key: data[key] for key in ("description",) if key in data})
    except ValidationError as error:
        problems.take((), error, [])
    name = data.get("name", path.resolve().parent.name)
    try:
        check_name(name)
    except ValueError as error:
        problems.add(("name",), f"the name {name!r} cannot be used: {error}.")
    face = sections.get("face")
    if isinstance(face, FaceSettings) and face.engine != _REVEAL:
        _check_source(problems, path.parent, face.source)
    problems.stop()
    return Profile(name=name, folder=path.parent, **about.model_dump(), **sections)


def _validate(model: type[_Model], content: dict[str, Any]) -> _Model:
    """Strict, so that `true` is no number and "0.4" neither; as JSON, where strictness lets a list be a tuple."""
    return model.model_validate_json(json.dumps(content, default=str), strict=True)


def _model(
    problems: Problems, data: dict[str, Any], section: str, key: str, base: type[BaseModel]
) -> type[BaseModel] | None:
    content = data.get(section, {})
    if not isinstance(content, dict):
        return None
    name = content.get(key, base.model_fields[key].default)
    if not isinstance(name, str):
        problems.add((section, key), f"'{section}.{key}' must be a name in quotes.")
        return None
    try:
        if section == "face":
            return engine_class(name).settings_model
        return converter_class(name).settings_model
    except (FaceError, VoiceError) as error:
        problems.add((section, key), str(error))
        return None


def _check_source(problems: Problems, folder: Path, source: str) -> None:
    """The picture must be a file inside the profile's folder: a profile from elsewhere must not read others."""
    try:
        picture = (folder / source).resolve()
        inside = picture.is_relative_to(folder.resolve()) and not Path(source).is_absolute()
        there = picture.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL, a circle of links
        why = getattr(error, "strerror", None) or error
        problems.add(("face", "source"), f"{short(source)} cannot name a picture: {why}.")
        return
    if not inside:
        problems.add(("face", "source"), f"the picture '{source}' lies outside the profile's folder; copy it there.")
    elif not there:
        problems.add(("face", "source"), f"there is no picture '{source}' beside the profile; add it.")


def from_picture(picture: Path, base: Profile | None = None, **face: Any) -> Profile:
    """A persona for one run from a bare picture: the settings of `base`, or the defaults with a disguised voice.

    `face` overrides fields of the engine's settings. Raises `ProfileError` if they do not fit.
    """
    from obs_portrait.voice.dsp.settings import DspSettings

    picture = Path(picture).resolve()
    try:
        engine = str(face.get("engine", base.face.engine if base else "mesh"))
        kept = base.face.model_dump() if base is not None and base.face.engine == engine else {}
        settings = engine_class(engine).settings_model(**{**kept, **face, "engine": engine, "source": picture.name})
    except ValidationError as error:
        raise ProfileError([f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]) from error
    voice = base.voice if base else DspSettings(formant=1.17, pitch_hz=170.0, gate_db=-55.0)
    consent = Consent(
        kind="licensed",
        subject=picture.stem[:200] or "picture",
        statement="Named on the command line by its user, who answers for the right to use it.",
        date=datetime.datetime.now(datetime.UTC).date(),
    )
    return Profile(
        name=picture.stem[:60] or "picture", face=settings, voice=voice, consent=consent, folder=picture.parent
    )
