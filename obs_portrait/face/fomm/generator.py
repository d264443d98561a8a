"""The occlusion-aware generator: the source's features, moved and masked, become a picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from obs_portrait.face.fomm.blocks import Down, Residual, Same, Up
from obs_portrait.face.fomm.dense_motion import DenseMotion
from obs_portrait.face.fomm.geometry import Keypoints, warp

__all__ = ["Generator"]


class Generator(nn.Module):
    """Johnson's encoder and decoder with a warp between them (section 3.2, equation 7).

    `encode` depends on the source alone and need not be called again for the same source; `decode` paints what the
    motion makes of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dense_motion_network = DenseMotion()
        self.first = Same(3, 64, 7)
        self.down_blocks = nn.ModuleList((Down(64, 128), Down(128, 256)))
        self.bottleneck = nn.Sequential()
        for index in range(6):
            self.bottleneck.add_module(f"r{index}", Residual(256))
        self.up_blocks = nn.ModuleList((Up(256, 128), Up(128, 64)))
        self.final = nn.Conv2d(64, 3, 7, padding=3)

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, 256, 256) float32 0..1 RGB -> features xi (N, 256, 64, 64) in the weights' dtype, and the image at
        (N, 3, 64, 64) float32."""
        features = self.first(image.to(self.first.conv.weight.dtype))
        for block in self.down_blocks:
            features = block(features)
        return features, self.dense_motion_network.down(image)

    def decode(self, features: Tensor, flow: Tensor, occlusion: Tensor) -> Tensor:
        """xi (N, 256, 64, 64), flow (N, 64, 64, 2) and occlusion (N, 1, 64, 64) float32 -> (N, 3, 256, 256) float32 in
        0..1 RGB. Positions stay in float32: bfloat16 tells them apart by half a pixel at best."""
        x = (warp(features.float(), flow) * occlusion).to(features.dtype)
        x = self.bottleneck(x)
        for block in self.up_blocks:
            x = block(x)
        return torch.sigmoid(self.final(x).float())

    def forward(self, image: Tensor, source: Keypoints, driving: Keypoints) -> Tensor:
        features, small = self.encode(image)
        flow, occlusion = self.dense_motion_network(small, source, driving)
        return self.decode(features, flow, occlusion)
