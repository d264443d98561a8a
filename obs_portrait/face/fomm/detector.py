"""The keypoint detector: where ten unnamed points of a face are, and how the face is stretched about each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from obs_portrait.face.fomm.blocks import AntiAlias, Hourglass
from obs_portrait.face.fomm.geometry import Keypoints, grid

__all__ = ["KEYPOINTS", "KeypointDetector"]

KEYPOINTS = 10
TEMPERATURE = 0.1


class KeypointDetector(nn.Module):
    """(N, 3, 256, 256) float32 0..1 RGB -> `Keypoints` of K = 10 points, in float32 whatever the weights' dtype.

    A U-Net at a quarter of the size ends in K heatmaps; the softmax of each is a distribution over positions, and the
    keypoint is its mean. The same distribution averages a map of 2 x 2 matrices, which gives the Jacobian (section 3.1
    and the supplementary material of the paper).
    """

    def __init__(self) -> None:
        super().__init__()
        self.predictor = Hourglass(3, 32)
        self.kp = nn.Conv2d(self.predictor.outputs, KEYPOINTS, 7)
        self.jacobian = nn.Conv2d(self.predictor.outputs, 4 * KEYPOINTS, 7)
        self.down = AntiAlias()

    def forward(self, image: Tensor) -> Keypoints:
        features = self.predictor(self.down(image).to(self.kp.weight.dtype))
        return expect(self.kp(features), self.jacobian(features))


def expect(scores: Tensor, matrices: Tensor) -> Keypoints:
    """Means under the softmax of `scores` (N, K, h, w) of positions and of `matrices` (N, 4K, h, w)."""
    count, points, height, width = scores.shape
    share = torch.softmax(scores.float().flatten(2) / TEMPERATURE, -1)  # (N, K, hw)
    # No matrix product: on GPUs it would bring a library along that keeps megabytes for each stream.
    value = (share[..., None] * grid(height, width, share).view(height * width, 2)).sum(-2)
    maps = matrices.float().reshape(count, points, 4, height * width)
    jacobian = (maps * share[:, :, None]).sum(-1)
    return Keypoints(value, jacobian.view(count, points, 2, 2))
