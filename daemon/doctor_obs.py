"""The doctor's rows about OBS: is it there, does it listen, does it let us in, and is it set up."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.doctor import Row

if TYPE_CHECKING:
    from obs_portrait.obs.client import ObsClient

__all__ = ["probe", "secure_boot"]

_WAIT_S = 2.5
_OLDEST = (28, 0)


def probe() -> Iterator[Row]:
    """All rows; asks a running OBS, at most for some seconds."""
    yield _program()
    from obs_portrait.errors import PortraitError
    from obs_portrait.obs.client import ObsClient
    from obs_portrait.obs.discovery import look
    from obs_portrait.obs.keeping import chosen, find_address

    own = chosen()
    found = look()
    if own is not None:
        yield Row("obs", "WebSocket server", "ok", f"{own}, as you said with `obs-portrait obs password`")
    elif not found:
        yield Row("obs", "WebSocket server", "warn", "no configuration of OBS was found", "start OBS once")
    elif not found[0].enabled:
        todo = "in OBS: Tools > WebSocket Server Settings > Enable WebSocket server"
        yield Row("obs", "WebSocket server", "warn", f"switched off ({found[0].file})", todo)
        return
    else:
        yield Row("obs", "WebSocket server", "ok", f"port {found[0].port} ({found[0].file})")
    try:
        address = find_address()
    except PortraitError as error:
        yield Row("obs", "link", "warn", str(error), "obs-portrait obs password")
        return
    with ObsClient(address) as client:
        if client.wait_connected(_WAIT_S):
            yield from _inside(client)
        else:
            yield Row("obs", "link", "warn", client.problem or "OBS did not answer", "start OBS, then ask again")


def _program() -> Row:
    places = [
        Path(os.environ.get("PROGRAMFILES", r"C:\Program Files")) / "obs-studio" / "bin" / "64bit" / "obs64.exe",
        Path("/Applications/OBS.app"),
        Path("/var/lib/flatpak/app/com.obsproject.Studio"),
        Path("/snap/bin/obs-studio"),
    ]
    found = shutil.which("obs") or shutil.which("obs64") or next((str(path) for path in places if path.exists()), None)
    if found:
        return Row("obs", "OBS Studio", "ok", found)
    where = "sudo apt install obs-studio" if sys.platform == "linux" else "https://obsproject.com"
    return Row("obs", "OBS Studio", "warn", "not found (a portable one may be anywhere)", where)


def _inside(client: ObsClient) -> Iterator[Row]:
    """What OBS itself says."""
    from obs_portrait.errors import ObsError
    from obs_portrait.obs.setup import source_names

    version = str(client.version.get("obsVersion", "?"))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    yield Row(
        "obs", "link", "ok" if numbers >= _OLDEST else "warn", f"OBS {version}, the password is right",
        "" if numbers >= _OLDEST else "install OBS 28 or later",
    )  # fmt: skip
    inputs = {str(one.get("inputName")) for one in client.request("GetInputList").get("inputs", [])}
    ours = sorted(source_names() & inputs)
    yield Row(
        "obs", "our source", "ok" if ours else "warn", ", ".join(ours) or "not in this scene collection",
        "" if ours else "obs-portrait obs setup",
    )  # fmt: skip
    try:
        active = bool(client.request("GetReplayBufferStatus").get("outputActive"))
        detail, todo = ("on", "") if active else ("off", "`obs-portrait clip save` switches it on")
        yield Row("obs", "replay buffer", "ok", detail if not todo else f"{detail}; {todo}")
    except ObsError:
        yield Row(
            "obs",
            "replay buffer",
            "warn",
            "not set up",
            "in OBS: Settings > Output > Replay Buffer > Enable Replay Buffer",
        )
    try:
        client.request("GetVirtualCamStatus")
        yield Row("obs", "OBS's virtual camera", "ok", "there")
    except ObsError:
        yield Row("obs", "OBS's virtual camera", "ok", "not there; the stream (obs-portrait obs setup) needs none")


def secure_boot() -> bool:
    """True if this machine starts signed kernel modules only: v4l2loopback then needs a key of one's own (MOK)."""
    for path in Path("/sys/firmware/efi/efivars").glob("SecureBoot-*"):
        try:
            return path.read_bytes()[-1] == 1
        except (OSError, IndexError):
            return False
    return False
