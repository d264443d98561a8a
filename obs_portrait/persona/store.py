"""Where profiles live: the built-in ones, and the user's own in the platform's config folder, which come first."""

from __future__ import annotations

import contextlib
import datetime
import difflib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tomlkit

from obs_portrait import resources
from obs_portrait.errors import ProfileError
from obs_portrait.folders import CONFIG_VARIABLE, config_dir, take_place
from obs_portrait.persona import profile as profiles
from obs_portrait.persona.names import check_name
from obs_portrait.persona.profile import PROFILE, Profile

__all__ = [
    "CONFIG_VARIABLE",
    "Listing",
    "config_dir",
    "create",
    "edit",
    "installed",
    "list_profiles",
    "load",
    "user_dir",
]


@dataclass(frozen=True, slots=True)
class Listing:
    """One persona as `list_profiles` found it: `profile`, or the `problem` that keeps it from being used."""

    name: str
    folder: Path
    origin: Literal["built-in", "user"]
    profile: Profile | None = None
    problem: ProfileError | None = None


def user_dir() -> Path:
    """The folder of the user's own personas."""
    return config_dir() / "profiles"


def installed() -> dict[str, tuple[Path, Literal["built-in", "user"]]]:
    """Name -> (folder, whose it is) of all personas; nothing in the folders is read."""
    found: dict[str, tuple[Path, Literal["built-in", "user"]]] = {}
    places: list[tuple[Path, Literal["built-in", "user"]]] = [
        (resources.profiles_dir(), "built-in"),
        (user_dir(), "user"),
    ]
    for place, origin in places:
        folders: list[Path] = []
        with contextlib.suppress(OSError):
            folders = sorted(place.iterdir())
        for folder in folders:
            with contextlib.suppress(OSError):  # a folder that may not be read hides no other
                if not folder.name.startswith(".") and (folder / PROFILE).is_file():
                    found[folder.name] = (folder, origin)
    return found


def list_profiles() -> list[Listing]:
    """All personas by name, the user's in place of built-in ones of the same name. A broken one hides no other."""
    listings = []
    for name, (folder, origin) in sorted(installed().items()):
        try:
            listings.append(Listing(name, folder, origin, profile=_named(folder)))
        except ProfileError as error:
            listings.append(Listing(name, folder, origin, problem=error))
        except Exception as error:  # an engine of a stranger's may raise anything when its settings are asked for
            problem = ProfileError(f"{folder / PROFILE}: cannot be used ({type(error).__name__}: {error}).")
            listings.append(Listing(name, folder, origin, problem=problem))
    return listings


def _named(folder: Path) -> Profile:
    """A persona goes by the name of its folder, so that two can never share one."""
    return profiles.load(folder).model_copy(update={"name": folder.name})


def load(name: str) -> Profile:
    """The persona `name`, or the one in a folder or `profile.toml` if `name` is the path of one.

    Raises `ProfileError`: unknown (with a suggestion), or all problems of its profile.
    """
    folders = installed()
    if name in folders:
        return _named(folders[name][0])
    path = Path(name)
    with contextlib.suppress(OSError, ValueError):  # what cannot be a path is an unknown name
        if (path / PROFILE).is_file() or ((os.sep in name or "/" in name or name.endswith(".toml")) and path.exists()):
            return profiles.load(path)
    close = difflib.get_close_matches(name, folders, n=1, cutoff=0.5)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise ProfileError(f"There is no persona '{name}'; there is: {', '.join(sorted(folders)) or 'none'}.{hint}")


def create(
    picture: Path,
    name: str,
    *,
    consent: str,
    subject: str,
    statement: str,
    description: str = "",
    sidecar: Path | None = None,
) -> Profile:
    """A new persona of the user's from a picture, which is copied. Returns it as it will be loaded.

    Raises `ProfileError` if the name is taken or cannot be used, or if consent is not one of the four kinds. Nothing
    is left behind if it fails.
    """
    try:
        check_name(name)
    except ValueError as error:
        raise ProfileError(f"The name {name!r} cannot be used: {error}.") from error
    target = user_dir() / name
    if target.exists():
        raise ProfileError(f"{target}: there is a persona of this name already; choose another name.")
    picture = Path(picture)
    document = tomlkit.document()
    document.add(tomlkit.comment("A persona of OBS Portrait. Every setting is explained in docs/personas.md."))
    document["name"] = name
    document["description"] = description
    document["face"] = {"engine": "mesh", "source": f"portrait{picture.suffix.lower()}"}
    document["voice"] = {"converter": "dsp", "pitch_hz": 170.0, "formant": 1.17, "gate_db": -55.0}
    today = datetime.datetime.now(datetime.UTC).date()
    document["consent"] = {"kind": consent, "subject": subject, "statement": statement, "date": today}
    document["disclosure"] = {"label": "Synthetic face and voice", "show": False}
    document["obs"] = {"scenes": []}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    except OSError as error:
        raise ProfileError(f"{target.parent}: cannot be written ({error.strerror or error}).") from error
    try:
        shutil.copyfile(picture, work / f"portrait{picture.suffix.lower()}")
        if sidecar is not None:
            shutil.copyfile(sidecar, work / "landmarks.npz")
        (work / PROFILE).write_text(tomlkit.dumps(document), encoding="utf-8")
        profiles.load(work)
        work.rename(target)
    except OSError as error:
        raise ProfileError(f"{target}: cannot be written ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return _named(target)


def edit(profile: Profile, changes: dict[str, dict[str, Any]]) -> Profile:
    """Writes `changes` ({section: {key: value}}, None removes a key) into the persona's file and loads it again.

    Comments and order are kept. The new text is checked first: a change that would break the profile raises
    `ProfileError` and leaves the file as it was.
    """
    path = profile.folder / PROFILE
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8-sig"))
        for section, values in changes.items():
            table = document if section == "" else document.setdefault(section, tomlkit.table())
            for key, value in values.items():
                if value is None:
                    table.pop(key, None)
                else:
                    table[key] = value
        text = tomlkit.dumps(document)
    except (OSError, ValueError, TypeError, AttributeError, tomlkit.exceptions.TOMLKitError) as error:
        raise ProfileError(f"{path}: cannot be changed ({error}).") from error
    changed = profiles.parse(text, path)
    temporary = path.with_name(f".{PROFILE}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        take_place(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ProfileError(f"{path}: cannot be written ({error.strerror or error}).") from error
    return changed.model_copy(update={"name": profile.name})
