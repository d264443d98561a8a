"""Every test has a clips folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from obs_portrait.obs.clips.library import CLIPS_VARIABLE, Library


@pytest.fixture(autouse=True)
def clips_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where clips go in this test."""
    folder = tmp_path / "clips"
    monkeypatch.setenv(CLIPS_VARIABLE, str(folder))
    return folder


@pytest.fixture
def library(clips_folder: Path) -> Library:
    """The library of this test."""
    return Library(clips_folder)
