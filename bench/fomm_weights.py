"""Weights from a seed, where no checkpoint is at hand: numbers that keep the first-order motion networks alive."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import torch

from obs_portrait.face.fomm.table import PARTS, tensors

__all__ = ["invent", "invent_state", "pictures"]


def invent(name: str, shape: tuple[int, ...], seed: int) -> Any:
    """Activations neither vanish nor explode, and Jacobians are near one."""
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


def invent_state(seed: int) -> dict[str, dict[str, Any]]:
    """A whole checkpoint's tensors, by part and name."""
    return {
        part: {name: invent(f"{part}.{name}", shape, seed) for name, shape in tensors(part).items()} for part in PARTS
    }


def pictures(seed: int, count: int = 3) -> Any:
    """(count, 3, 256, 256) float32 0..1: smooth pictures, alike."""
    random = np.random.default_rng(seed)
    base = random.uniform(0, 1, (1, 3, 12, 12)) + 0.15 * random.standard_normal((count, 3, 12, 12))
    large = torch.nn.functional.interpolate(torch.from_numpy(base).float(), (256, 256), mode="bicubic")
    return large.clamp(0, 1)
