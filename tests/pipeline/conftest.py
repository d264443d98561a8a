"""What the tests of rendering stand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    """A face, taken from the performance."""
    from PIL import Image

    from tests.pipeline.studio import driver

    path = tmp_path / "portrait.png"
    Image.fromarray(driver(1)[0]).save(path)
    return path


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every persona is a `Painter`."""
    from obs_portrait.pipeline import prepare
    from tests.pipeline.rendering import Painter

    monkeypatch.setattr(prepare, "engine_class", lambda name: Painter)
    yield
    Painter.fault = None
