"""LPIPS (Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, 2018), where its weights
are on this machine.

The package `lpips` carries the linear weights, but they stand on AlexNet, which torchvision would download. Nothing is
downloaded here: without the backbone in PyTorch's own folder, LPIPS is left out and `missing` says so.
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError

__all__ = ["Lpips", "missing"]

_BACKBONE: Final = "alexnet-owt-7be5be79.pth"
"""torchvision's AlexNet_Weights.IMAGENET1K_V1; the last eight digits are the beginning of its SHA-256."""
_LEAST: Final = 32


def _backbone() -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / _BACKBONE


def missing() -> str | None:
    """None if LPIPS can be computed here, else one sentence that says what it needs."""
    absent = [name for name in ("torch", "torchvision", "lpips") if importlib.util.find_spec(name) is None]
    if absent:
        return f"LPIPS is left out: it needs {', '.join(absent)}. Type: pip install {' '.join(absent)}"
    if not _backbone().is_file():
        return f"LPIPS is left out: it stands on AlexNet, whose weights are not on this machine ({_backbone()})."
    return None


class Lpips:
    """The distance with AlexNet's features, version 0.1."""

    def __init__(self) -> None:
        """Raises `FaceError` with one sentence if something is `missing`."""
        if reason := missing():
            raise FaceError(reason)
        import lpips
        import torch

        self._torch: Any = torch
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchvision warns of the way in which lpips calls it
            self._model: Any = lpips.LPIPS(net="alex", version="0.1", verbose=False).eval()

    def __call__(self, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
        """Distance of two (H, W, 3) uint8 RGB pictures of one size: 0 for equal ones, about 1 for very different ones.
        Raises `FaceError` for other pictures."""
        if a.shape != b.shape or a.ndim != 3 or min(a.shape[:2]) < _LEAST:
            raise FaceError(f"LPIPS takes two pictures of one size and {_LEAST} pixels or more: {a.shape}, {b.shape}.")
        with self._torch.inference_mode():
            x, y = (self._torch.from_numpy(p.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1 for p in (a, b))
            return float(self._model(x, y).item())
