"""Keypoints, grids and the first-order approximation of motion about them.

Siarohin et al., "First Order Motion Model for Image Animation", NeurIPS 2019. Coordinates are (x, y) within [-1, 1]:
-1 is the middle of the first pixel, 1 that of the last one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Keypoints", "gaussians", "grid", "inverse", "product", "warp"]


class Keypoints(NamedTuple):
    """K keypoints of N images and the motion's first derivative at each.

    value: (N, K, 2), positions. jacobian: (N, K, 2, 2), d T_{X<-R} / dp, which maps directions of the abstract
    reference frame R to directions in the image X. Unpacks as ``value, jacobian``.
    """

    value: Tensor
    jacobian: Tensor


def grid(height: int, width: int, like: Tensor) -> Tensor:
    """(height, width, 2): the position (x, y) of every pixel, with the dtype and on the device of `like`."""
    y = torch.linspace(-1, 1, height, device=like.device)
    x = torch.linspace(-1, 1, width, device=like.device)
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack((columns, rows), -1).to(like.dtype)


def gaussians(value: Tensor, positions: Tensor, variance: float) -> Tensor:
    """(N, K, h, w): exp(-|p - value|^2 / (2 variance)) at `positions` (h, w, 2) for `value` (N, K, 2); equation 6."""
    away = positions - value[:, :, None, None, :]
    return torch.exp(away.square().sum(-1) * (-0.5 / variance))


def inverse(matrices: Tensor) -> Tensor:
    """Inverse of (..., 2, 2) in closed form: no solver is called, so nothing waits for the device."""
    a, b, c, d = matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 0], matrices[..., 1, 1]
    adjugate = torch.stack((torch.stack((d, -b), -1), torch.stack((-c, a), -1)), -2)
    return adjugate / (a * d - b * c)[..., None, None]


def product(left: Tensor, right: Tensor) -> Tensor:
    """Matrix product of (..., 2, 2) with (..., 2, 2), written out: a batch of tiny matrices is slow in a library."""
    return (left[..., :, :, None] * right[..., None, :, :]).sum(-2)


def warp(features: Tensor, positions: Tensor) -> Tensor:
    """`features` (N, C, h, w) read at `positions` (N, h', w', 2), bilinear, zero outside: (N, C, h', w').

    The published weights were made for PyTorch's present convention, in which -1 and 1 are the outer edges of the
    outermost pixels (``align_corners=False``), although `grid` counts from their middles: a slight shrinking that the
    networks have learned with.
    """
    return torch.nn.functional.grid_sample(features, positions, mode="bilinear", align_corners=False)
