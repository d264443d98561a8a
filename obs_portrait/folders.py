"""Where the program keeps what is the user's: settings, and weights that were downloaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["CONFIG_VARIABLE", "WEIGHTS_VARIABLE", "config_dir", "weights_dir"]

CONFIG_VARIABLE: Final = "OBS_PORTRAIT_CONFIG_DIR"
"""Environment variable that moves the config folder (tests, a portable installation)."""
WEIGHTS_VARIABLE: Final = "OBS_PORTRAIT_WEIGHTS_DIR"
"""Environment variable that moves the folder of downloaded weights (another disk, one folder for several users)."""


def config_dir() -> Path:
    """The user's config folder of this program; it need not exist."""
    if chosen := os.environ.get(CONFIG_VARIABLE):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_config_dir("obs-portrait", appauthor=False))


def weights_dir() -> Path:
    """The folder of downloaded weights; it need not exist. They are data, not settings: gigabytes do not belong into a
    folder that is synchronised between machines."""
    if chosen := os.environ.get(WEIGHTS_VARIABLE):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("obs-portrait", appauthor=False)) / "weights"
