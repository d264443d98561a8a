"""What is loaded is what was verified, whenever it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from obs_portrait.checkpoints.catalog import lookup, place
from obs_portrait.errors import CheckpointError
from obs_portrait.face.fomm import networks
from obs_portrait.face.fomm.engine import find_checkpoint
from obs_portrait.face.fomm.networks import shared
from tests.face.fomm.conftest import CPU


class ReadError(Exception):
    """The file was read."""


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the catalogue's file belongs, with something small in its place; to read it raises."""
    monkeypatch.setenv("OBS_PORTRAIT_WEIGHTS_DIR", str(tmp_path))
    row = replace(lookup("fomm_vox"), min_size=1)
    monkeypatch.setattr("obs_portrait.checkpoints.catalog.load_catalog", lambda: {"fomm_vox": row})
    reading(monkeypatch, ReadError)
    path = place(row)
    path.parent.mkdir()
    path.write_bytes(b"\x02" + bytes(7) + b"{}" + b"one")
    return path


def reading(monkeypatch: pytest.MonkeyPatch, what: Callable[[Path], Any]) -> None:
    def read(path: Path) -> Any:
        found = what(path)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(networks, "read", read)


def test_a_file_that_was_replaced_after_it_was_found_is_not_read(weights: Path) -> None:
    path = find_checkpoint("fomm_vox")
    with pytest.raises(ReadError):
        shared(path, CPU, torch.float32)
    weights.write_bytes(weights.read_bytes().replace(b"one", b"two"))
    for _ in range(2):
        with pytest.raises(CheckpointError, match="was pinned on"):
            shared(path, CPU, torch.float32)


def test_a_file_that_changes_while_it_is_read_is_not_used(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading(monkeypatch, lambda path: path.write_bytes(b"another, and longer"))
    with pytest.raises(CheckpointError, match="was changed while it was read"):
        shared(find_checkpoint("fomm_vox"), CPU, torch.float32)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no such checkpoint"):
        shared(tmp_path / "none.pth.tar", CPU, torch.float32)
