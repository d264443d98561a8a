"""A house with a child process of its own, and files to work on."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from daemon.rooms.errands import Errands
from obs_portrait import resources
from obs_portrait.folders import CONFIG_VARIABLE


@pytest.fixture(scope="session")
def errands() -> Iterator[Errands]:
    """One child for all tests: it loads the landmarker once."""
    made = Errands("tests")
    yield made
    made.close()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty config folder."""
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "config"))
    return tmp_path / "config"


def portrait(name: str) -> bytes:
    """A built-in persona's picture: "ada" has a face that is found, "robot" has none."""
    return (resources.profiles_dir() / name / "portrait.png").read_bytes()


def picture(kind: str = "PNG", size: tuple[int, int] = (200, 160), **options: Any) -> bytes:
    """A file of a picture without a face."""
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, kind, **options)
    return out.getvalue()
