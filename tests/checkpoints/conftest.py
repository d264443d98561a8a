"""Weights that a local server has, and folders of the test's own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from obs_portrait.checkpoints import licences
from obs_portrait.checkpoints.catalog import Entry, locate
from obs_portrait.checkpoints.transfer import Patience
from obs_portrait.folders import CONFIG_VARIABLE, WEIGHTS_VARIABLE
from tests.checkpoints.server import Site, serve

BODY = np.random.default_rng(5).bytes(1_000_003)
OTHER = np.random.default_rng(6).bytes(1_000_003)
HURRY = Patience(tries=3, pause_s=0.0, timeout_s=20.0)

Serve = Callable[..., Site]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Own config and weights; nothing of the machine's."""
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "config"))
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "weights"))
    monkeypatch.delenv("OBS_PORTRAIT_OFFLINE", raising=False)
    locate.cache_clear()
    yield tmp_path / "weights"
    locate.cache_clear()


@pytest.fixture
def site() -> Iterator[Serve]:
    """Starts a server for each call, with these faults."""
    with ExitStack() as stack:

        def start(certificate: tuple[Path, Path] | None = None, **faults: Any) -> Site:
            return stack.enter_context(serve(Site(**{"body": BODY, **faults}), certificate))

        yield start


def entry(*sites: Site, known: bool = True, accept: bool = True, **changes: Any) -> Entry:
    """A row for weights that these servers have; `known`: size and SHA-256 are public."""
    row = Entry(
        name="thing",
        file="weights.bin",
        description="a thing",
        family="things",
        licence="MIT",
        commercial=True,
        urls=tuple(one.url for one in sites),
    )
    facts: dict[str, Any] = {"size": len(BODY), "sha256": hashlib.sha256(BODY).hexdigest()} if known else {}
    made = replace(row, **{**facts, **changes})
    if accept:
        licences.accept(made)
    return made
