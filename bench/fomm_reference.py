"""The plain formulation of the first-order motion model, as the authors' demo.py runs it: the peer of `bench/fomm.py`,
and what tests compare with where there is no golden file.

Nothing is shared with `obs_portrait.face.fomm`: every layer is one call of PyTorch's on the tensors of the checkpoint,
float32, eager, in the order of the paper. Each frame encodes the source again, as demo.py does.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

__all__ = ["Reference", "adapted_scale", "relative"]

Points = tuple[Tensor, Tensor]
"""Values (N, 10, 2) and Jacobians (N, 10, 2, 2)."""


class Reference:
    """generator, kp_detector: tensors of a checkpoint by name."""

    def __init__(self, generator: Mapping[str, Tensor], kp_detector: Mapping[str, Tensor]) -> None:
        self.g, self.k = dict(generator), dict(kp_detector)

    def keypoints(self, image: Tensor) -> Points:
        """(N, 3, 256, 256) -> keypoints."""
        w = self.k
        x = hourglass(w, "predictor", quarter(w["down.weight"], image))
        heat = conv(w, "kp", x, 0)
        n, k, h, width = heat.shape
        heat = torch.softmax(heat.view(n, k, -1) / 0.1, 2).view(n, k, h, width)
        value = (heat[..., None] * mesh(h, width, heat.device)).sum((2, 3))
        maps = conv(w, "jacobian", x, 0).reshape(n, k, 4, h, width)
        jacobian = (heat[:, :, None] * maps).view(n, k, 4, -1).sum(-1).view(n, k, 2, 2)
        return value, jacobian

    def generate(self, source: Tensor, kp_source: Points, kp_driving: Points) -> Tensor:
        """The whole generator, the source's encoder included."""
        w = self.g
        x = torch.relu(norm(w, "first.norm", conv(w, "first.conv", source, 3)))
        for index in range(2):
            x = down(w, f"down_blocks.{index}", x)
        flow, occlusion = self.motion(source, kp_source, kp_driving)
        x = F.grid_sample(x, flow, align_corners=False) * occlusion
        F.grid_sample(source, F.interpolate(flow.permute(0, 3, 1, 2), (256, 256), mode="bilinear").permute(0, 2, 3, 1),
                      align_corners=False)  # demo.py's generator returns the deformed source as well  # fmt: skip
        for index in range(6):
            p = f"bottleneck.r{index}"
            y = conv(w, f"{p}.conv1", torch.relu(norm(w, f"{p}.norm1", x)), 1)
            x = conv(w, f"{p}.conv2", torch.relu(norm(w, f"{p}.norm2", y)), 1) + x
        for index in range(2):
            x = up(w, f"up_blocks.{index}", x)
        return torch.sigmoid(conv(w, "final", x, 3))

    def motion(self, source: Tensor, kp_source: Points, kp_driving: Points) -> tuple[Tensor, Tensor]:
        """Backward flow (N, 64, 64, 2) and occlusion (N, 1, 64, 64)."""
        w, p = self.g, "dense_motion_network"
        small = quarter(w[f"{p}.down.weight"], source)
        n, _, h, width = small.shape
        at = mesh(h, width, source.device)
        bumps = [
            torch.exp(-0.5 * (at - value[:, :, None, None]).square().sum(-1) / 0.01)
            for value in (kp_driving[0], kp_source[0])
        ]
        heat = torch.cat((torch.zeros(n, 1, h, width, device=source.device), bumps[0] - bumps[1]), 1)[:, :, None]
        linear = kp_source[1] @ torch.inverse(kp_driving[1])
        moved = linear[:, :, None, None] @ (at - kp_driving[0][:, :, None, None])[..., None]
        moved = moved[..., 0] + kp_source[0][:, :, None, None]
        flows = torch.cat((at.expand(n, 1, h, width, 2), moved), 1)
        copies = small[:, None].repeat(1, 11, 1, 1, 1).view(n * 11, 3, h, width)
        deformed = F.grid_sample(copies, flows.reshape(n * 11, h, width, 2), align_corners=False)
        x = torch.cat((heat, deformed.view(n, 11, 3, h, width)), 2).view(n, 44, h, width)
        x = hourglass(w, f"{p}.hourglass", x)
        mask = torch.softmax(conv(w, f"{p}.mask", x, 3), 1)
        flow = (flows.permute(0, 1, 4, 2, 3) * mask[:, :, None]).sum(1).permute(0, 2, 3, 1)
        return flow, torch.sigmoid(conv(w, f"{p}.occlusion", x, 3))


def adapted_scale(source: Points, initial: Points) -> float:
    """The root of the ratio of the areas of both convex hulls (--adapt_scale)."""
    return (hull_area(source[0][0].tolist()) / hull_area(initial[0][0].tolist())) ** 0.5


def hull_area(points: list[list[float]]) -> float:
    """Of the convex hull (Andrew's monotone chain; the shoelace formula)."""
    hull: list[list[float]] = []
    for row in (sorted(points), sorted(points, reverse=True)):
        chain: list[list[float]] = []
        for x, y in row:
            while len(chain) > 1 and (chain[-1][0] - chain[-2][0]) * (y - chain[-2][1]) <= (
                chain[-1][1] - chain[-2][1]
            ) * (x - chain[-2][0]):
                chain.pop()
            chain.append([x, y])
        hull += chain[:-1]
    return abs(sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(hull, [*hull[1:], hull[0]], strict=True))) / 2


def relative(kp_source: Points, kp_initial: Points, kp_driving: Points, scale: float) -> Points:
    """demo.py's --relative, with the scale of --adapt_scale."""
    value = (kp_driving[0] - kp_initial[0]) * scale + kp_source[0]
    return value, kp_driving[1] @ torch.inverse(kp_initial[1]) @ kp_source[1]


def mesh(height: int, width: int, device: torch.device) -> Tensor:
    """Positions of pixels, -1 to 1, (height, width, 2)."""
    x, y = (torch.arange(size, device=device) * (2 / (size - 1)) - 1 for size in (width, height))
    return torch.stack((x.expand(height, width), y[:, None].expand(height, width)), -1)


def conv(w: Mapping[str, Tensor], name: str, x: Tensor, padding: int) -> Tensor:
    """A convolution and its bias."""
    return F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=padding)


def norm(w: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Batch norm with the running statistics."""
    return F.batch_norm(
        x, w[f"{name}.running_mean"], w[f"{name}.running_var"], w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-5
    )


def down(w: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Convolution, norm, ReLU, mean of 2 x 2."""
    return F.avg_pool2d(torch.relu(norm(w, f"{name}.norm", conv(w, f"{name}.conv", x, 1))), 2)


def up(w: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Doubling, convolution, norm, ReLU."""
    x = F.interpolate(x, scale_factor=2)
    return torch.relu(norm(w, f"{name}.norm", conv(w, f"{name}.conv", x, 1)))


def hourglass(w: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Five down, five up, with skips."""
    found = [x]
    for index in range(5):
        found.append(down(w, f"{name}.encoder.down_blocks.{index}", found[-1]))
    x = found.pop()
    for index in range(5):
        x = torch.cat((up(w, f"{name}.decoder.up_blocks.{index}", x), found.pop()), 1)
    return x


def quarter(kernel: Tensor, x: Tensor) -> Tensor:
    """Blur at full size, then every fourth pixel."""
    return F.conv2d(F.pad(x, (6, 6, 6, 6)), kernel, groups=3)[:, :, ::4, ::4]
