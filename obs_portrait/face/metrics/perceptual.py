"""LPIPS (Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, 2018), version 0.1 on
AlexNet, where its weights are on this machine.

Two files are needed: the linear weights, which the package `lpips` carries, and AlexNet's (Krizhevsky, One weird trick
for parallelizing convolutional neural networks, 2014) as torchvision publishes them, in PyTorch's own folder. Nothing
is downloaded: without them LPIPS is left out, and `missing` says so. Neither package is imported.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError

__all__ = ["Lpips", "missing"]

_BACKBONE: Final = "alexnet-owt-7be5be79.pth"
"""torchvision's AlexNet_Weights.IMAGENET1K_V1; the last eight digits are the beginning of its SHA-256."""
_LINEAR: Final = Path("weights") / "v0.1" / "alex.pth"
_LEAST: Final = 32  # pixels: smaller pictures do not survive the pooling
_LAYERS: Final[tuple[tuple[int, int, int, bool], ...]] = (
    # Index in torchvision's `features`, stride, padding, and whether a pooling (3, 2) stands before.
    (0, 4, 2, False),
    (3, 1, 2, True),
    (6, 1, 1, True),
    (8, 1, 1, False),
    (10, 1, 1, False),
)
# ImageNet's mean and deviation for pictures from -1 to 1, rounded as the authors of LPIPS have it.
_SHIFT: Final = (-0.030, -0.088, -0.188)
_SCALE: Final = (0.458, 0.448, 0.450)


def _backbone() -> Path:
    """Where PyTorch keeps what torchvision downloads."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = os.environ.get("TORCH_HOME") or Path(cache) / "torch"
    return Path(home) / "hub" / "checkpoints" / _BACKBONE


def _linear() -> Path | None:
    spec = importlib.util.find_spec("lpips")
    return next((Path(folder) / _LINEAR for folder in (spec.submodule_search_locations or [])), None) if spec else None


def missing() -> str | None:
    """None if LPIPS can be computed here, else one sentence that says what it needs."""
    linear = _linear()
    absent = [name for name, there in (("torch", importlib.util.find_spec("torch")), ("lpips", linear)) if not there]
    if absent:
        return f"LPIPS is left out: it needs {' and '.join(absent)}. Type: pip install {' '.join(absent)}"
    for path in (linear, _backbone()):
        if path is not None and not path.is_file():
            return f"LPIPS is left out: it stands on AlexNet, whose weights are not on this machine ({path})."
    return None


class Lpips:
    """The distance of two pictures. Holds 10 MB of weights."""

    def __init__(self) -> None:
        """Raises `FaceError` with one sentence if something is `missing` or the weights are other ones."""
        if reason := missing():
            raise FaceError(reason)
        import torch

        self._torch: Any = torch
        path = _backbone()
        try:
            features = torch.load(path, map_location="cpu", weights_only=True)
            self._layers = [
                (features[f"features.{index}.weight"].float(), features[f"features.{index}.bias"].float())
                for index, *_ in _LAYERS
            ]
            path = _linear() or path
            weights = torch.load(path, map_location="cpu", weights_only=True)
            self._linear = [weights[f"lin{place}.model.1.weight"].float() for place in range(len(_LAYERS))]
        except Exception as error:  # a damaged file raises many kinds
            raise FaceError(f"LPIPS is left out: {path} cannot be read ({type(error).__name__}: {error}).") from error

    def __call__(self, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
        """Distance of two (H, W, 3) uint8 RGB pictures of one size: 0 for equal ones, about 1 for very different ones.
        Raises `FaceError` for other pictures."""
        if a.shape != b.shape or a.ndim != 3 or min(a.shape[:2]) < _LEAST:
            raise FaceError(f"LPIPS takes two pictures of one size and {_LEAST} pixels or more: {a.shape}, {b.shape}.")
        with self._torch.inference_mode():
            total = 0.0
            for x, y, linear in zip(self._features(a), self._features(b), self._linear, strict=True):
                total += float(self._torch.nn.functional.conv2d((x - y) ** 2, linear).mean())
            return total

    def _features(self, picture: NDArray[np.uint8]) -> list[Any]:
        """Five maps (1, C, H', W'), each place of length 1."""
        torch, nn = self._torch, self._torch.nn.functional
        x = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
        x = (x - torch.tensor(_SHIFT)[None, :, None, None]) / torch.tensor(_SCALE)[None, :, None, None]
        maps = []
        for (weight, bias), (_, stride, padding, pooled) in zip(self._layers, _LAYERS, strict=True):
            if pooled:
                x = nn.max_pool2d(x, 3, 2)
            x = nn.relu(nn.conv2d(x, weight, bias, stride=stride, padding=padding))
            maps.append(x / (x.pow(2).sum(1, keepdim=True).sqrt() + 1e-10))
        return maps
