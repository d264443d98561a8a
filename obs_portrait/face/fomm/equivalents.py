"""Exact rewritings of layers: the same numbers up to rounding, for less work.

- `fold`: a batch norm after a convolution is a change of the convolution's weights.
- `quartered`: a 3 x 3 convolution of an enlarged picture reads every small pixel several times over. Summing the
  weights that meet the same pixel gives four 2 x 2 convolutions of the small picture, one for each position within
  2 x 2: 16 products a pixel in place of 36, and no enlarged picture.
- `blocked`: a convolution with three outputs leaves most lanes of a processor idle. Computing 2 x 2 pixels at once
  gives it twelve.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["blocked", "fold", "interleave", "quartered"]


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weights and bias of one convolution that does what `conv` and then `norm` (with its running statistics) do."""
    factor, shift = affine(norm)
    weight, bias = conv.weight.detach().double(), conv.bias.detach().double()  # type: ignore[union-attr]
    return (weight * factor[:, None, None, None]).float(), (bias * factor + shift).float()


def affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Factor and shift, float64 (channels,), that `norm` amounts to with its running statistics."""
    mean, variance = norm.get_buffer("running_mean").double(), norm.get_buffer("running_var").double()
    factor = norm.weight.detach().double() / torch.sqrt(variance + norm.eps)
    return factor, norm.bias.detach().double() - mean * factor


def quartered(weight: Tensor) -> Tensor:
    """(4 C, c, 2, 2) from a 3 x 3 `weight` (C, c, 3, 3): the convolution of the small picture, padded by one, whose
    outputs `interleave` puts together to what `weight` makes of the picture enlarged to twice its size (nearest
    neighbour, padded by one). Output channel (2 a + b) C + i is channel i at row a, column b of each 2 x 2."""
    # Row 2i + a of the result sees rows 2i + a - 1 … 2i + a + 1 of the large picture. For a = 0 these are rows i - 1,
    # i, i of the small one, for a = 1 rows i, i, i + 1.
    first = weight.new_tensor([[1, 0, 0], [0, 1, 1]])
    second = weight.new_tensor([[1, 1, 0], [0, 0, 1]])
    sums = (first, second)
    parts = [torch.einsum("ru,ocuv,sv->ocrs", rows, weight, columns) for rows in sums for columns in sums]
    return torch.cat(parts)


def interleave(quarters: Tensor) -> Tensor:
    """(N, 4 C, H + 1, W + 1) -> (N, C, 2 H, 2 W), channels last: see `quartered`."""
    count, channels, height, width = quarters.shape
    channels, height, width = channels // 4, height - 1, width - 1
    out = quarters.new_empty((count, height, 2, width, 2, channels))
    last = quarters.permute(0, 2, 3, 1)
    for a in range(2):
        for b in range(2):
            part = last[:, a : a + height, b : b + width]
            out[:, :, a, :, b] = part[..., (2 * a + b) * channels : (2 * a + b + 1) * channels]
    return out.view(count, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)


def blocked(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (4 C, c, k + 1, k + 1) and bias of the convolution with stride 2 that computes 2 x 2 pixels at once of
    what `weight` (C, c, k, k) gives for each one; `torch.pixel_shuffle` by 2 puts them in their places. The padding
    stays k // 2."""
    parts = [nn.functional.pad(weight, (b, 1 - b, a, 1 - a)) for a in range(2) for b in range(2)]
    return torch.stack(parts, 1).flatten(0, 1), bias.repeat_interleave(4)
