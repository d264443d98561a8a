"""Profiles to try things on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

GOOD = """\
# A comment that must survive.
name = "vera"
description = "a test"

[face]
engine = "mesh"      # the CPU engine
source = "portrait.png"
smoothing = 0.4

[voice]
converter = "dsp"
pitch_hz = 150.0
formant = 1.2

[consent]
kind = "fictional"
subject = "Nobody"
statement = "Drawn for a test."
date = 2026-01-31

[disclosure]
label = "Synthetic"

[obs]
scenes = ["Game *"]
"""


def write(folder: Path, text: str = GOOD) -> Path:
    """A profile's folder with a picture in it."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((80, 80, 3), 90, np.uint8)).save(folder / "portrait.png")
    (folder / "profile.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty config folder of the user."""
    monkeypatch.setenv("OBS_PORTRAIT_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config" / "profiles"
