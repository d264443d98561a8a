"""A checkpoint made from a seed, and the reference formulation of `bench/` to compare with."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.conftest import SHARED

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'obs-portrait[neural]'")
pytest.importorskip("safetensors", reason="safetensors is not installed: pip install 'obs-portrait[neural]'")

from obs_portrait.face.fomm.model import Model  # noqa: E402
from obs_portrait.face.fomm.networks import Networks  # noqa: E402
from obs_portrait.face.fomm.weights import State, convert  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
CPU = torch.device("cpu")


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_WEIGHTS = load_module(ROOT / "bench" / "fomm_weights.py")
invent_state, pictures = _WEIGHTS.invent_state, _WEIGHTS.pictures


def bytes_of(picture: Any) -> np.ndarray:
    """(3, 256, 256) float -> (256, 256, 3) uint8."""
    return np.ascontiguousarray((picture * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())


def psnr(one: Any, other: Any) -> float:
    """dB, of pictures in 0..1."""
    return float(-10 * torch.log10((one.float() - other.float()).square().mean().clamp_min(1e-12)))


@pytest.fixture(scope="session")
def state() -> State:
    return invent_state(3)


@pytest.fixture(scope="session")
def model(state: State) -> Model:
    """Exact, float32, on the CPU."""
    return Model(state, CPU, torch.float32)


@pytest.fixture(scope="session")
def networks(state: State) -> Networks:
    """Of the live path, float32."""
    return Networks(Model(state, CPU, torch.float32), CPU, torch.float32)


@pytest.fixture(scope="session")
def checkpoint(state: State, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state as the authors' files have it, with what only training needs. 240 MB; removed afterwards."""
    path = tmp_path_factory.mktemp("fomm") / "vox-cpk.pth.tar"
    torch.save({**state, "epoch": 100, "optimizer_generator": {"state": {0: torch.zeros(4)}}}, path)
    yield path
    path.unlink()


@pytest.fixture(scope="session")
def converted(checkpoint: Path) -> Iterator[Path]:
    path = checkpoint.with_name("vox-cpk.safetensors")
    convert(checkpoint, path)
    yield path
    path.unlink()


@pytest.fixture(scope="session")
def reference_module() -> ModuleType:
    return load_module(ROOT / "bench" / "fomm_reference.py")


@pytest.fixture(scope="session")
def parity() -> Path:
    """What the authors' implementation computed; lies beside the checkout and may be absent."""
    folder = SHARED.parent / "parity"
    if not folder.is_dir():
        pytest.skip("no ../shared/parity beside this checkout: parity is tested with the plain formulation alone")
    return folder
