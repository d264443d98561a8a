"""Before OBS is told to write: would it work? OBS 29 reports success for a recording into a folder that is not there,
records nothing, and opens a modal dialog that waits for somebody at the screen."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from obs_portrait.errors import ObsError
from obs_portrait.obs.client import ObsClient

__all__ = ["auto_remux", "check_folder", "record_folder", "running_out"]

_LEAST: Final = 200 * 1024**2
_LITTLE: Final = 2 * 1024**3


def record_folder(client: ObsClient) -> Path:
    """Where OBS writes recordings and replays. Raises `ObsError`."""
    if client.supports("GetRecordDirectory"):
        text = client.request("GetRecordDirectory").get("recordDirectory")
    else:
        mode = _parameter(client, "Output", "Mode")
        section, name = ("AdvOut", "RecFilePath") if mode == "Advanced" else ("SimpleOutput", "FilePath")
        text = _parameter(client, section, name)
    if not text:
        raise ObsError("OBS has no folder for recordings: choose one in its Settings > Output > Recording.")
    return Path(str(text))


def check_folder(folder: Path) -> None:
    """Raises `ObsError` unless a file can be written there now and there is room for a clip."""
    where = f"OBS's folder for recordings, {folder},"
    todo = "choose another one in OBS: Settings > Output > Recording."
    if not folder.is_dir():
        raise ObsError(f"{where} is not there: make it, or {todo}")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ObsError(f"{where} cannot be written to ({error.strerror or error}): {todo}") from None
    if free < _LEAST:
        raise ObsError(f"{where} has only {free // 1024**2} MB left: make room, or {todo}")


def running_out(folder: Path) -> str | None:
    """A sentence if there is little room left, else None."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return None
    return f"Only {free / 1024**3:.1f} GB are left in {folder}." if free < _LITTLE else None


def auto_remux(client: ObsClient) -> bool:
    """True if OBS makes an MP4 of each recording by itself after it has ended: then it still needs the file."""
    try:
        return str(_parameter(client, "Video", "AutoRemux")).lower() == "true"
    except ObsError:
        return False


def _parameter(client: ObsClient, section: str, name: str) -> object:
    given = {"parameterCategory": section, "parameterName": name}
    answer = client.request("GetProfileParameter", given)
    return answer.get("parameterValue") or answer.get("defaultParameterValue")
