"""The three networks of the live path: what the exact ones compute, in the layers of `layers`.

Whatever depends on the source alone comes in from outside, encoded once for each persona. Keypoints, flows, masks and
the softmax over positions stay in float32 in every dtype: they are small, and errors in them would move the picture.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from obs_portrait.face.fomm.blocks import Hourglass
from obs_portrait.face.fomm.dense_motion import DenseMotion, candidates, evidence
from obs_portrait.face.fomm.detector import KEYPOINTS, KeypointDetector, expect
from obs_portrait.face.fomm.generator import Generator
from obs_portrait.face.fomm.geometry import Keypoints, warp
from obs_portrait.face.fomm.layers import FastConv, FastDown, FastFinal, FastResidual, FastUp
from obs_portrait.face.fomm.winograd import WinogradResidual

__all__ = ["FastDecoder", "FastDetector", "FastMotion"]

_ROWS = 64
"""Of the pictures that the hourglasses are given."""


class _FastHourglass(nn.Module):
    def __init__(self, exact: Hourglass, dtype: torch.dtype) -> None:
        super().__init__()
        downs, ups = exact.encoder.down_blocks, exact.decoder.up_blocks
        self.down = nn.ModuleList(FastDown(block, dtype) for block in downs)
        coarsest = _ROWS >> len(downs)
        self.up = nn.ModuleList(FastUp(block, coarsest << i, dtype) for i, block in enumerate(ups))

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for block in self.down:
            found.append(block(found[-1]))
        x = found.pop()
        for block in self.up:
            x = torch.cat((block(x), found.pop()), 1)
        return x


class FastDetector(nn.Module):
    """`detector.KeypointDetector`; both maps come out of one convolution."""

    def __init__(self, exact: KeypointDetector, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.down = _Blur(exact.down.get_buffer("weight"))
        self.hourglass = _FastHourglass(exact.predictor, dtype)
        self.maps = _joined(exact.kp, exact.jacobian, dtype)
        self.maps.padding = (0, 0)

    def forward(self, image: Tensor) -> Keypoints:
        """(N, 3, 256, 256) float32 0..1 RGB -> `Keypoints`."""
        small = self.down(image).to(self.dtype, memory_format=torch.channels_last)
        maps = self.maps(self.hourglass(small))
        return expect(maps[:, :KEYPOINTS], maps[:, KEYPOINTS:])


class FastMotion(nn.Module):
    """`dense_motion.DenseMotion`; mask and occlusion map come out of one convolution."""

    def __init__(self, exact: DenseMotion, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.hourglass = _FastHourglass(exact.hourglass, dtype)
        self.maps = _joined(exact.mask, exact.occlusion, dtype)

    def forward(self, small: Tensor, source: Keypoints, driving: Keypoints) -> tuple[Tensor, Tensor]:
        """The source at (N, 3, 64, 64) and keypoints -> flow (N, 64, 64, 2), occlusion (N, 1, 64, 64), float32."""
        flows = candidates(source, driving, small.shape[-2], small.shape[-1])
        x = evidence(small, source, driving, flows).to(self.dtype, memory_format=torch.channels_last)
        maps = self.maps(self.hourglass(x)).float()
        share = torch.softmax(maps[:, :-1], 1)
        return (flows * share[..., None]).sum(1), torch.sigmoid(maps[:, -1:])


class FastDecoder(nn.Module):
    """`generator.Generator.decode`."""

    def __init__(self, exact: Generator, dtype: torch.dtype, *, winograd: bool = False) -> None:
        """winograd: the six residual blocks, three quarters of all work, as `winograd` has them (float32 on a CPU)."""
        super().__init__()
        self.dtype = dtype
        self.bottleneck = nn.Sequential(
            *(WinogradResidual(block) if winograd else FastResidual(block, dtype) for block in exact.bottleneck)
        )
        self.up = nn.Sequential(*(FastUp(block, _ROWS << i, dtype) for i, block in enumerate(exact.up_blocks)))
        self.final = FastFinal(exact.final, dtype)

    def forward(self, features: Tensor, flow: Tensor, occlusion: Tensor) -> Tensor:
        """xi (N, 256, 64, 64), flow (N, 64, 64, 2), occlusion (N, 1, 64, 64), float32 -> (N, 3, 256, 256) float32."""
        x = (warp(features, flow) * occlusion).to(self.dtype, memory_format=torch.channels_last)
        out: Tensor = self.final(self.up(self.bottleneck(x)))
        return out


class _Blur(nn.Module):
    """`blocks.AntiAlias` in float32."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Buffer(weight.float().clone())

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.weight, stride=4, padding=6, groups=3)


def _joined(one: nn.Conv2d, other: nn.Conv2d, dtype: torch.dtype) -> FastConv:
    """Both convolutions of the same input in one."""
    weight = torch.cat((one.weight.detach(), other.weight.detach()))
    return FastConv(weight, torch.cat((one.bias.detach(), other.bias.detach())), dtype)  # type: ignore[union-attr]
