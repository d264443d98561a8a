"""A checkpoint made from a seed, and the reference formulation of `bench/` to compare with."""

from __future__ import annotations

import importlib.util
import zlib
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
from obs_portrait.face.fomm.table import PARTS, tensors  # noqa: E402
from obs_portrait.face.fomm.weights import State, convert  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
CPU = torch.device("cpu")


def invent(name: str, shape: tuple[int, ...], seed: int) -> Any:
    """Numbers with which the networks stay alive: activations neither vanish nor explode, Jacobians are near one."""
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    if name.endswith("num_batches_tracked"):
        return torch.tensor(1)
    if name.endswith("down.weight"):
        bell = np.exp(-(np.arange(-6, 7) ** 2) / 4.5)
        kernel = np.outer(bell, bell) / bell.sum() ** 2
        return torch.from_numpy(np.broadcast_to(kernel, shape).astype(np.float32).copy())
    if name.endswith("running_var"):
        values = random.uniform(0.6, 1.4, shape)
    elif len(shape) == 1:
        values = random.normal(0, 0.1, shape) + (".norm" in name and name.endswith("weight"))
        if name.endswith("jacobian.bias"):
            values = values + np.tile((1, 0, 0, 1), 10)
    else:
        gain = 0.3 if name.endswith(("kp.weight", "jacobian.weight")) else 1.2
        values = random.standard_normal(shape, np.float32) * np.float32(gain / np.sqrt(np.prod(shape[1:])))
    return torch.from_numpy(np.asarray(values, np.float32))


def invent_state(seed: int) -> State:
    """A whole checkpoint's tensors."""
    return {
        part: {name: invent(f"{part}.{name}", shape, seed) for name, shape in tensors(part).items()} for part in PARTS
    }


def pictures(seed: int) -> Any:
    """Source, reference and driving picture: (3, 3, 256, 256) float32 0..1, smooth, the last two alike."""
    random = np.random.default_rng(seed)
    base = random.uniform(0, 1, (1, 3, 12, 12)) + 0.15 * random.standard_normal((3, 3, 12, 12))
    large = torch.nn.functional.interpolate(torch.from_numpy(base).float(), (256, 256), mode="bicubic")
    return large.clamp(0, 1)


def bytes_of(picture: Any) -> np.ndarray:
    """(3, 256, 256) float -> (256, 256, 3) uint8."""
    return np.ascontiguousarray((picture * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())


def psnr(one: Any, other: Any) -> float:
    """dB, of pictures in 0..1."""
    return float(-10 * torch.log10((one.float() - other.float()).square().mean().clamp_min(1e-12)))


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
