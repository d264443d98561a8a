"""Where a password that the user typed is kept: the system's keyring if there is one, else a file of mode 0600.

Both are named after the address, so that two machines with OBS do not share one.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import Any, Final

from obs_portrait.errors import ObsError
from obs_portrait.folders import take_place
from obs_portrait.obs.address import DEFAULT_PORT, Address, Secret
from obs_portrait.persona.store import config_dir

__all__ = ["address_file", "chosen", "find_address", "forget", "parse_address", "remember"]

_SERVICE: Final = "obs-portrait"


def address_file() -> Path:
    """Where the address that the user chose is kept."""
    return config_dir() / "obs.json"


def parse_address(text: str) -> tuple[str, int]:
    """host and port of "HOST", "HOST:PORT" or "[::1]:PORT". Raises `ObsError`."""
    host, port = text.strip(), str(DEFAULT_PORT)
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else port
    elif host.count(":") == 1:
        host, port = host.split(":")
    if not host or not port.isdigit() or not 1 <= int(port) <= 65535 or any(c in host for c in "/@ ?#"):
        raise ObsError(f"'{text}' is no address of OBS; write it as 127.0.0.1:{DEFAULT_PORT}.")
    return host, int(port)


def find_address() -> Address:
    """Where OBS is: what the user chose, else what OBS's own configuration says, else the default address.

    Raises `ObsError` if OBS's WebSocket server is switched off, or what the user chose cannot be read.
    """
    own = chosen()
    if own is not None:
        return own
    from obs_portrait.obs.discovery import find

    return find() or Address()


def chosen() -> Address | None:
    """The address that the user gave with `obs-portrait obs password`, or None. Raises `ObsError`."""
    file = address_file()
    try:
        data: Any = json.loads(file.read_text("utf-8"))
        host, port = parse_address(str(data["address"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise ObsError(f"{file} cannot be read; type: obs-portrait obs password --forget") from None
    secret = Secret(str(data["password"])) if "password" in data else _from_keyring(f"{host}:{port}")
    return Address(host, port, secret, found_in="obs-portrait obs password")


def remember(address: Address) -> str:
    """Keeps address and password, and says where the password is now. Raises `ObsError`."""
    file = address_file()
    kept = _keyring()
    data = {"address": f"[{address.host}]:{address.port}" if ":" in address.host else str(address)}
    if kept is not None:
        with contextlib.suppress(Exception):  # a keyring that is locked is as good as none
            kept.set_password(_SERVICE, f"{address.host}:{address.port}", address.password.reveal())
            _write(file, data)
            return "the system's keyring"
    _write(file, {**data, "password": address.password.reveal()})
    return f"{file} (only you can read it)"


def forget() -> bool:
    """Removes what `remember` kept; OBS's own configuration counts again. False if there was nothing."""
    own = None
    with contextlib.suppress(ObsError):
        own = chosen()
    kept = _keyring()
    if own is not None and kept is not None:
        with contextlib.suppress(Exception):
            kept.delete_password(_SERVICE, f"{own.host}:{own.port}")
    try:
        address_file().unlink()
    except FileNotFoundError:
        return False
    return True


def _from_keyring(name: str) -> Secret:
    kept = _keyring()
    if kept is not None:
        with contextlib.suppress(Exception):
            return Secret(kept.get_password(_SERVICE, name) or "")
    return Secret()


def _keyring() -> Any:
    """The keyring package if it is installed and has somewhere to keep things, else None."""
    try:
        import keyring
        from keyring.backends import fail
    except Exception:  # not installed, or it cannot load its backends
        return None
    backend = keyring.get_keyring()
    return None if isinstance(backend, fail.Keyring) or getattr(backend, "priority", 0) < 1 else keyring


def _write(file: Path, data: dict[str, str]) -> None:
    """Never readable by others, not even for a moment; whole or not at all."""
    part = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(data, out)
        take_place(part, file)
    except OSError as error:
        raise ObsError(f"{file} cannot be written ({error.strerror or error}); the password was not kept.") from None
