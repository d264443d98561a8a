"""Whether an OBS runs that would overwrite its scene collections when it closes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from obs_portrait.obs.discovery import config_dirs

__all__ = ["obs_uses"]

_NAMES = ("obs", "obs64", "obs32")


def obs_uses(config_dir: Path) -> bool:
    """Does a running OBS keep its settings in `config_dir`?

    Linux: told from the environment of each OBS of this user, so that one with another HOME does not count; an OBS
    whose environment cannot be read counts. Elsewhere any OBS counts.
    """
    if sys.platform == "win32":
        return _listed(["tasklist", "/fo", "csv", "/nh"], [f'"{name}.exe"' for name in _NAMES])
    if sys.platform == "darwin":
        return _listed(["ps", "-axco", "comm"], ["obs", "OBS"])
    wanted = config_dir.resolve()
    return any(found is None or wanted in found for found in _folders_of_each())


def _folders_of_each() -> Iterator[set[Path] | None]:
    """The possible configuration folders of every OBS that runs; None for one that does not let us look."""
    if sys.platform == "win32":
        return
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            if (entry / "comm").read_text("utf-8", "replace").strip() not in _NAMES:
                continue
            try:
                raw = (entry / "environ").read_bytes()
            except PermissionError:
                if entry.stat().st_uid == os.getuid():
                    yield None
                continue
            lines = (os.fsdecode(line).partition("=") for line in raw.split(b"\0") if b"=" in line)
            env = {key: value for key, _, value in lines}
            home = Path(env["HOME"]) if env.get("HOME") else None
            yield {folder.resolve() for folder in config_dirs(sys.platform, env, home)}


_NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows would show a console for a moment


def _listed(command: list[str], names: list[str]) -> bool:
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, timeout=20, check=True, creationflags=_NO_WINDOW
        )
    except (OSError, subprocess.SubprocessError):
        return True  # rather three clicks by hand than a scene collection that OBS writes over
    listed = {line.split(",")[0].strip().lower() for line in done.stdout.decode("utf-8", "replace").splitlines()}
    return any(name.lower() in listed for name in names)
