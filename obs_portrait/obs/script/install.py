"""Puts the script into OBS: copies it, and enters it into the scene collections, where OBS lists its scripts."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from obs_portrait import folders
from obs_portrait.errors import ObsError
from obs_portrait.obs.discovery import config_dirs
from obs_portrait.obs.script.running import obs_uses

__all__ = ["SCRIPT", "Installation", "by_hand", "install_script", "script_dir", "uninstall_script"]

SCRIPT: Final = "obs_portrait_script.py"
_FILES: Final = (SCRIPT, "obs_portrait_link.py", "obs_portrait_worker.py")
_BACKUP: Final = ".before-obs-portrait"
_LARGEST: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Installation:
    """What was done.

    script: the file that OBS loads. changed, unchanged: names of the scene collections that were, or had not to be,
    changed. problems: sentences about those that could not be. running: OBS runs and no collection was touched.
    """

    script: Path
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    running: bool = False

    @property
    def complete(self) -> bool:
        """Nothing is left to do by hand."""
        return not self.running and not self.problems and bool(self.changed or self.unchanged)


def script_dir() -> Path:
    """Where the script's files are put: in our config folder, which OBS can read as a Flatpak, too."""
    return folders.config_dir() / "obs-script"


def by_hand(script: Path) -> str:
    """The clicks that do it in OBS itself."""
    python = ""
    if sys.platform != "linux":
        python = (
            f" If OBS asks for Python: Python Settings tab, and choose {Path(sys.base_prefix)} or another Python 3."
        )
    return f"In OBS open Tools > Scripts, click +, and choose {script}.{python}"


def install_script(
    config_dir: Path | None = None, *, target: Path | None = None, running: Callable[[Path], bool] = obs_uses
) -> Installation:
    """Copies the script and enters it into every scene collection of an OBS; doing it again changes nothing.

    config_dir: OBS's configuration folder, the one in use if left out. target: where the files go (`script_dir`).
    While OBS runs only the files are copied: it would write over its scene collections when it closes. Raises
    `ObsError` if the files cannot be put in place.
    """
    script = _copy(target or script_dir())

    def enter(scripts: list[Any]) -> bool:
        ours = [entry for entry in scripts if _is_ours(entry)]
        if len(ours) == 1 and ours[0]["path"] == str(script):
            return False
        settings: dict[str, Any] = next((one["settings"] for one in ours if isinstance(one.get("settings"), dict)), {})
        scripts[:] = [*(entry for entry in scripts if not _is_ours(entry)), {"path": str(script), "settings": settings}]
        return True

    return _edit(config_dir, script, enter, running)


def uninstall_script(
    config_dir: Path | None = None, *, target: Path | None = None, running: Callable[[Path], bool] = obs_uses
) -> Installation:
    """Takes the script out of every scene collection, and its files away. While OBS runs nothing is changed."""
    folder = target or script_dir()

    def leave(scripts: list[Any]) -> bool:
        before = len(scripts)
        scripts[:] = [entry for entry in scripts if not _is_ours(entry)]
        return len(scripts) != before

    done = _edit(config_dir, folder / SCRIPT, leave, running)
    if not done.running:
        for name in _FILES:
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        with contextlib.suppress(OSError):  # not there, or something of the user's is in it
            folder.rmdir()
    return done


def _is_ours(entry: object) -> bool:
    path = entry.get("path") if isinstance(entry, dict) else None
    return isinstance(path, str) and path.replace("\\", "/").rpartition("/")[2] == SCRIPT


def _copy(folder: Path) -> Path:
    here = Path(__file__).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            _replace(folder / name, (here / name).read_bytes())
    except OSError as error:
        raise ObsError(
            f"The script cannot be put into {folder} ({error.strerror}); make room or rights there."
        ) from error
    return folder / SCRIPT


def _edit(
    config_dir: Path | None, script: Path, change: Callable[[list[Any]], bool], running: Callable[[Path], bool]
) -> Installation:
    """Applies `change` to the list of scripts of every scene collection; it says whether it changed something."""
    chosen = config_dir if config_dir is not None else _in_use()
    if chosen is None:
        return Installation(script, problems=["No configuration of OBS was found here; start OBS once."])
    if running(chosen):
        return Installation(script, running=True)
    done = Installation(script)
    for path in sorted((chosen / "basic" / "scenes").glob("*.json")):
        try:
            (done.changed if _edit_one(path, change) else done.unchanged).append(path.stem)
        except ObsError as error:
            done.problems.append(str(error))
    if not (done.changed or done.unchanged or done.problems):
        done.problems.append(f"There is no scene collection in {chosen / 'basic' / 'scenes'}; start OBS once.")
    return done


def _in_use() -> Path | None:
    """The configuration folder whose scene collections were written last."""
    there = [folder for folder in config_dirs() if (folder / "basic" / "scenes").is_dir()]
    return max(there, key=lambda folder: (folder / "basic" / "scenes").stat().st_mtime_ns, default=None)


def _edit_one(path: Path, change: Callable[[list[Any]], bool]) -> bool:
    """Whether the collection was changed. The one from before is kept beside it."""
    path = path.resolve()
    try:
        before = path.read_bytes()
        if len(before) > _LARGEST:
            raise ObsError(f"{path} is not a scene collection: it is larger than {_LARGEST >> 20} MiB.")
        content = json.loads(before)
        modules = content.setdefault("modules", {})
        scripts = modules.setdefault("scripts-tool", [])
        if not isinstance(scripts, list):
            raise TypeError("its list of scripts is none")
        if not change(scripts):
            return False
        path.with_name(path.name + _BACKUP).write_bytes(before)
        _replace(path, json.dumps(content, ensure_ascii=False, indent=4).encode())
    except OSError as error:
        raise ObsError(f"{path} cannot be changed ({error.strerror or error}).") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ObsError(f"{path} is not a scene collection as OBS writes it ({error}); it was left as it is.") from error
    return True


def _replace(path: Path, content: bytes) -> None:
    """The whole new file or the whole old one."""
    if path.exists() and path.read_bytes() == content:
        return
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".obs-portrait")
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if path.exists():
            shutil.copymode(path, made)
        else:
            made.chmod(0o644)
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
