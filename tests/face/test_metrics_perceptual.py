"""LPIPS: what is said without its weights, and its laws with weights of our own (AlexNet's cannot be had here)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from obs_portrait.errors import FaceError
from obs_portrait.face.metrics import perceptual

CHANNELS = ((64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PyTorch's folder, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


def package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `lpips` on the path; the file of its linear weights."""
    weights = folder / "lpips" / "weights" / "v0.1" / "alex.pth"
    weights.parent.mkdir(parents=True)
    (folder / "lpips" / "__init__.py").write_text("raise ImportError('nobody imports this')")
    monkeypatch.syspath_prepend(folder)
    return weights


def test_what_is_not_installed_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("torch", "lpips") else real(name))
    assert perceptual.missing() == "LPIPS is left out: it needs torch and lpips. Type: pip install torch lpips"
    with pytest.raises(FaceError, match="LPIPS is left out"):
        perceptual.Lpips()


def test_without_the_backbone_it_is_said_where_it_would_lie(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "site", monkeypatch).write_bytes(b"")
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: real("json") if name == "torch" else real(name))
    backbone = cache / "alexnet-owt-7be5be79.pth"
    assert perceptual.missing() == (
        f"LPIPS is left out: it stands on AlexNet, whose weights are not on this machine ({backbone})."
    )


@pytest.fixture
def model(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: LPIPS is tested where it is")
    cache.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    features = {}
    for index, (out, into, side) in zip((0, 3, 6, 8, 10), CHANNELS, strict=True):
        features[f"features.{index}.weight"] = torch.randn(out, into, side, side, generator=generator) / (
            side * into**0.5
        )
        features[f"features.{index}.bias"] = torch.zeros(out)
    torch.save(features, cache / "alexnet-owt-7be5be79.pth")
    linear = {f"lin{n}.model.1.weight": torch.full((1, shape[0], 1, 1), 0.2) for n, shape in enumerate(CHANNELS)}
    torch.save(linear, package(tmp_path / "site", monkeypatch))
    return perceptual.Lpips()


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 80, 3), dtype=np.uint8)


def test_equal_pictures_have_no_distance_and_others_the_more_the_less_alike(model: Any) -> None:
    a, c = noise(1), noise(2)
    b = np.clip(a.astype(int) + np.random.default_rng(3).integers(-30, 31, a.shape), 0, 255).astype(np.uint8)
    assert model(a, a) == 0.0
    assert 0 < model(a, b) < model(a, c)
    assert model(a, c) == pytest.approx(model(c, a))
    assert "lpips" not in sys.modules


def test_pictures_and_files_that_do_not_fit(model: Any, cache: Path) -> None:
    with pytest.raises(FaceError, match="two pictures of one size"):
        model(noise(1), noise(1)[:40])
    with pytest.raises(FaceError, match="two pictures of one size"):
        model(noise(1)[:20], noise(1)[:20])
    (cache / "alexnet-owt-7be5be79.pth").write_bytes(b"\x80\x04nonsense")
    with pytest.raises(FaceError, match="cannot be read"):
        perceptual.Lpips()
