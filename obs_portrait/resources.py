"""The data that travels with the program: built-in profiles, the checkpoint catalogue, the bundled performance."""

from __future__ import annotations

from pathlib import Path

__all__ = ["assets_dir", "catalog_path", "profiles_dir"]

_PACKAGE = Path(__file__).resolve().parent


def _data(name: str) -> Path:
    installed = _PACKAGE / "_data" / name  # a wheel carries the top-level folders inside the package
    return installed if installed.is_dir() else _PACKAGE.parent / name


def profiles_dir() -> Path:
    """Folder of the built-in personas."""
    return _data("profiles")


def catalog_path() -> Path:
    """The checkpoint catalogue, a TOML file."""
    return _data("checkpoints") / "catalog.toml"


def assets_dir() -> Path:
    """Folder of the bundled performance and other data of the package itself."""
    return _PACKAGE / "assets"
