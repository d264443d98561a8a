"""control.json: where the daemon listens and the token that opens its API, for the same user's programs alone."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from obs_portrait.errors import ControlError
from obs_portrait.folders import take_place
from obs_portrait.obs.script.obs_portrait_link import CONTROL_FILE, UnreachableError, control_folders, read_endpoint

__all__ = ["alive", "control_file", "new_token", "publish", "running", "withdraw", "write_private"]

_LOCK = "daemon.lock"


def control_file() -> Path:
    """Where this user's daemon writes control.json: platformdirs' state folder, or OBS_PORTRAIT_RUNTIME_DIR."""
    return control_folders()[0] / CONTROL_FILE


def new_token() -> str:
    """256 bits that nobody guesses, in letters that fit into a header."""
    return secrets.token_urlsafe(32)


def publish(path: Path, url: str, token: str) -> None:
    """Writes control.json whole or not at all, readable by this user alone. Raises `ControlError`."""
    content = {"version": 1, "url": url, "token": token, "pid": os.getpid()}
    try:
        write_private(path, content)
    except OSError as error:
        raise ControlError(
            f"{path} cannot be written ({error.strerror or error}), so that no key, script or page could reach OBS "
            "Portrait; make room there or set OBS_PORTRAIT_RUNTIME_DIR to a folder of yours."
        ) from error


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Writes JSON whole or not at all, readable by this user alone; makes the folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}", dir=path.parent)  # 0600 from the first byte on
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file)
        if sys.platform == "win32":
            _only_owner(name)
        take_place(Path(name), path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _only_owner(name: str) -> None:
    """Windows: inherited rights away, full rights for who runs this. The profile folder is private already."""
    home = os.environ.get("LOCALAPPDATA")
    if home and Path(name).resolve().is_relative_to(Path(home).resolve()):
        return
    user = f"{os.environ.get('USERDOMAIN', '.')}\\{os.environ.get('USERNAME', '')}"
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(  # noqa: S603
            ["icacls", name, "/inheritance:r", "/grant:r", f"{user}:F"],  # noqa: S607
            check=True, capture_output=True, timeout=10, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )  # fmt: skip


def withdraw(path: Path, token: str) -> None:
    """Removes control.json if it is still the one with this token."""
    with contextlib.suppress(UnreachableError, OSError):
        if read_endpoint(path).token == token:
            path.unlink()


def running(path: Path) -> int | None:
    """Process id of the daemon that wrote control.json, None if there is none or it is dead (a stale file)."""
    try:
        endpoint = read_endpoint(path)
    except UnreachableError:
        return None
    return endpoint.pid if alive(endpoint.pid) else None


def alive(pid: int) -> bool:
    """Whether a process exists. It may be another one than was meant: numbers are used again."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        return _alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def _alive_on_windows(pid: int) -> bool:
    if sys.platform != "win32":
        raise NotImplementedError
    import ctypes

    # os.kill would end the process there, whatever the signal.
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return ctypes.get_last_error() == 5  # ERROR_ACCESS_DENIED: it exists
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == 259  # STILL_ACTIVE
