"""The convolutional blocks that all three networks are made of.

Shapes are (N, C, H, W). Names of the members are those of the published checkpoints (`table`).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["AntiAlias", "Down", "Hourglass", "Residual", "Same", "Up"]


class Same(nn.Module):
    """Convolution, batch norm, ReLU at the same size: (N, inputs, H, W) -> (N, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))


class Down(Same):
    """`Same`, then the mean of every 2 x 2 pixels: (N, inputs, H, W) -> (N, outputs, H/2, W/2)."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(super().forward(x), 2)


class Up(Same):
    """Every pixel four times, then `Same`: (N, inputs, H, W) -> (N, outputs, 2H, 2W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(nn.functional.interpolate(x, scale_factor=2, mode="nearest"))


class Residual(nn.Module):
    """x + conv(relu(norm(conv(relu(norm(x)))))), all (N, channels, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(channels)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(torch.relu(self.norm1(x)))
        z: Tensor = self.conv2(torch.relu(self.norm2(y)))
        return x + z


class _Encoder(nn.Module):
    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(Down(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        """The input and what comes out of every block, from the finest to the coarsest."""
        found = [x]
        for block in self.down_blocks:
            found.append(block(found[-1]))
        return found


class _Decoder(nn.Module):
    def __init__(self, widths: list[int], narrowest: int) -> None:
        super().__init__()
        # Every block but the first is given its predecessor's result and the encoder's of the same size.
        doubled = [1, *[2] * (len(widths) - 2)]
        outputs = [*widths[1:-1][::-1], narrowest]
        self.up_blocks = nn.ModuleList(
            Up(times * a, b) for times, a, b in zip(doubled, widths[:0:-1], outputs, strict=True)
        )

    def forward(self, found: list[Tensor]) -> Tensor:
        x = found[-1]
        for block, skip in zip(self.up_blocks, found[-2::-1], strict=True):
            x = torch.cat((block(x), skip), 1)
        return x


class Hourglass(nn.Module):
    """Five halvings and five doublings with skips (U-Net): (N, inputs, H, W) -> (N, base + inputs, H, W).

    Widths double from 2 `base` on and stop at 1024; H and W are multiples of 32.
    """

    BLOCKS = 5
    WIDEST = 1024

    def __init__(self, inputs: int, base: int) -> None:
        super().__init__()
        widths = [inputs, *(min(self.WIDEST, base << (i + 1)) for i in range(self.BLOCKS))]
        self.encoder = _Encoder(widths)
        self.decoder = _Decoder(widths, base)
        self.outputs = base + inputs

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.decoder(self.encoder(x))
        return result


class AntiAlias(nn.Module):
    """A quarter of the size, after a Gaussian blur (sigma 1.5) against aliasing: (N, 3, H, W) -> (N, 3, H/4, W/4).

    The blur's weights are part of a checkpoint. Only the pixels that are kept are computed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(3, 1, 13, 13))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.get_buffer("weight"), stride=4, padding=6, groups=3)
