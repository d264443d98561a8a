"""3 x 3 convolutions with a quarter of the products: for CPUs that compute in float32.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016: Y = A' [(G g G') * (B' d B)] A gives the
4 x 4 outputs of a 6 x 6 tile d with 36 products a channel in place of 144. Exact in exact arithmetic; in float32 it
differs from the plain sum in the fifth digit. All tiles are transformed at once, as one product with the Kronecker
square of B' (or A'), and the 36 products over channels are a batch of matrix products.
"""

from __future__ import annotations

import threading
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from obs_portrait.face.fomm.equivalents import affine, fold

__all__ = ["WinogradResidual", "transformed"]

_TILE: Final = 4
_POINTS: Final = 36
_DATA: Final = torch.tensor(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    dtype=torch.float64,
)
"""B' of F(4 x 4, 3 x 3), whose points are 0, 1, -1, 2, -2 and infinity."""
_KERNEL: Final = torch.tensor(
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], dtype=torch.float64
)
"""24 G."""
_RESULT: Final = torch.tensor(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], dtype=torch.float64
)
"""A'."""
_ONES: Final = 7
"""The point (1, 1): what stands there arrives in every one of the 4 x 4 outputs as it is. The bias goes there."""


def transformed(weight: Tensor) -> Tensor:
    """(C, c, 3, 3) -> (36, c, C), float32: the kernels at the 36 points."""
    outputs, inputs = weight.shape[:2]
    both = torch.kron(_KERNEL, _KERNEL) / 24**2
    points = both @ weight.detach().double().reshape(outputs * inputs, 9).T
    return points.view(_POINTS, outputs, inputs).transpose(1, 2).float().contiguous()


class _Room(NamedTuple):
    """Memory for one size of picture: to allocate it anew would take longer than some of the steps."""

    padded: Tensor  # (H + 2, W + 2, c), zero at the edge
    tiles: Tensor  # (6, 6, H / 4, W / 4, c)
    data: Tensor  # (36, H W c / 16)
    products: Tensor  # (36, H W / 16, C)
    results: Tensor  # (16, H W C / 16)


class WinogradResidual(nn.Module):
    """`blocks.Residual` for (1, channels, H, W) float32 on a CPU, channels last; H and W are multiples of 4."""

    _rooms = threading.local()  # of each thread, for each size, shared by all blocks

    def __init__(self, block: Any) -> None:
        super().__init__()
        factor, shift = affine(block.norm1)
        self.factor, self.shift = nn.Buffer(factor.float()), nn.Buffer(shift.float())
        first, first_bias = fold(block.conv1, block.norm2)
        self.first, self.first_bias = nn.Buffer(transformed(first)), nn.Buffer(_at_one_point(first_bias))
        self.second = nn.Buffer(transformed(block.conv2.weight))
        self.second_bias = nn.Buffer(_at_one_point(block.conv2.bias.detach().float()))
        self.register_buffer("to_points", torch.kron(_DATA, _DATA).float())
        self.register_buffer("from_points", torch.kron(_RESULT, _RESULT).float())

    def forward(self, x: Tensor) -> Tensor:
        _, channels, height, width = x.shape
        room = self._room(channels, height, width)
        last = x.permute(0, 2, 3, 1)[0]
        inside = room.padded[1:-1, 1:-1]
        torch.addcmul(self.shift, last, self.factor, out=inside).relu_()
        between = self._convolve(room, self.first, self.first_bias)
        torch.clamp_min(between, 0, out=_by_tiles(room.padded, height, width))
        after = self._convolve(room, self.second, self.second_bias)
        out = last.reshape(height // _TILE, _TILE, width // _TILE, _TILE, channels) + after
        return out.view(1, height, width, channels).permute(0, 3, 1, 2)

    def _convolve(self, room: _Room, weight: Tensor, bias: Tensor) -> Tensor:
        """Of `room.padded`, as (H / 4, 4, W / 4, 4, C); valid until the next call."""
        row, column, one = room.padded.stride()
        _, _, down, across, channels = room.tiles.shape
        room.tiles.copy_(room.padded.as_strided(room.tiles.shape, (row, column, _TILE * row, _TILE * column, one)))
        torch.mm(self.get_buffer("to_points"), room.tiles.view(_POINTS, -1), out=room.data)
        torch.baddbmm(bias, room.data.view(_POINTS, -1, channels), weight, out=room.products)
        torch.mm(self.get_buffer("from_points"), room.products.view(_POINTS, -1), out=room.results)
        return room.results.view(_TILE, _TILE, down, across, -1).permute(2, 0, 3, 1, 4)

    def _room(self, channels: int, height: int, width: int) -> _Room:
        rooms: dict[str, _Room] = self._rooms.__dict__
        key = f"{channels} x {height} x {width}"
        if key not in rooms:
            down, across = height // _TILE, width // _TILE
            size = down * across
            rooms[key] = _Room(
                torch.zeros(height + 2, width + 2, channels),
                torch.empty(6, 6, down, across, channels),
                torch.empty(_POINTS, size * channels),
                torch.empty(_POINTS, size, channels),
                torch.empty(_TILE * _TILE, size * channels),
            )
        return rooms[key]


def _at_one_point(bias: Tensor) -> Tensor:
    """(36, 1, C), to be added to the products."""
    points = torch.zeros(_POINTS, 1, bias.shape[0])
    points[_ONES, 0] = bias
    return points


def _by_tiles(padded: Tensor, height: int, width: int) -> Tensor:
    """The inside of `padded` as (H / 4, 4, W / 4, 4, c), a view."""
    row, column, one = padded.stride()
    shape = (height // _TILE, _TILE, width // _TILE, _TILE, padded.shape[-1])
    return padded.as_strided(shape, (_TILE * row, row, _TILE * column, column, one), row + column)
