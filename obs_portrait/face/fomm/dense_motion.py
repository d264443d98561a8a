"""Dense motion: from ten points and their Jacobians to a displacement of every pixel, and what it uncovers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from obs_portrait.face.fomm.blocks import AntiAlias, Hourglass
from obs_portrait.face.fomm.detector import KEYPOINTS
from obs_portrait.face.fomm.geometry import Keypoints, gaussians, grid, inverse, product, warp

__all__ = ["DenseMotion", "candidates"]

VARIANCE = 0.01
"""Of the Gaussians that show the networks where keypoints are."""


class DenseMotion(nn.Module):
    """The network of section 3.2.

    Given the source at a quarter of its size (`down`) and keypoints, it weighs K + 1 candidate motions (`candidates`)
    in every pixel and returns the mixed backward flow (N, 64, 64, 2) and the occlusion map (N, 1, 64, 64), 0 where
    nothing of the source is of use. What goes in and comes out is float32, whatever the weights' dtype.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hourglass = Hourglass(4 * (KEYPOINTS + 1), 64)
        self.mask = nn.Conv2d(self.hourglass.outputs, KEYPOINTS + 1, 7, padding=3)
        self.occlusion = nn.Conv2d(self.hourglass.outputs, 1, 7, padding=3)
        self.down = AntiAlias()

    def forward(self, small: Tensor, source: Keypoints, driving: Keypoints) -> tuple[Tensor, Tensor]:
        flows = candidates(source, driving, small.shape[-2], small.shape[-1])
        features = self.hourglass(evidence(small, source, driving, flows).to(self.mask.weight.dtype))
        share = torch.softmax(self.mask(features).float(), 1)  # M_k
        flow = (flows * share[..., None]).sum(1)
        return flow, torch.sigmoid(self.occlusion(features).float())


def candidates(source: Keypoints, driving: Keypoints, height: int, width: int) -> Tensor:
    """(N, K + 1, height, width, 2): where in the source each candidate takes a pixel z of the driving image from.

    The first is the background, which does not move; then one for each keypoint, to the first order (equation 4):
    T(z) = p_source + J (z - p_driving) with J = J_source J_driving^-1.
    """
    still = grid(height, width, source.value)
    linear = product(source.jacobian, inverse(driving.jacobian))[:, :, None, None]  # (N, K, 1, 1, 2, 2)
    away = still - driving.value[:, :, None, None]  # (N, K, h, w, 2)
    moved = (linear * away[..., None, :]).sum(-1) + source.value[:, :, None, None]
    return torch.cat((still.expand(moved.shape[0], 1, -1, -1, -1), moved), 1)


def evidence(small: Tensor, source: Keypoints, driving: Keypoints, flows: Tensor) -> Tensor:
    """(N, 4 (K + 1), h, w): for each candidate the difference of the Gaussians at its keypoint (equation 6; zero for
    the background), and the source moved by it."""
    count, motions, height, width, _ = flows.shape
    positions = grid(height, width, flows)
    change = gaussians(driving.value, positions, VARIANCE) - gaussians(source.value, positions, VARIANCE)
    change = torch.cat((torch.zeros_like(change[:, :1]), change), 1)
    copies = small[:, None].expand(-1, motions, -1, -1, -1).reshape(count * motions, 3, height, width)
    moved = warp(copies, flows.view(count * motions, height, width, 2).to(small.dtype))
    both = torch.cat((change[:, :, None].to(small.dtype), moved.view(count, motions, 3, height, width)), 2)
    return both.view(count, -1, height, width)
