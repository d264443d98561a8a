"""Layers of the live path: weights laid out once for the processor that uses them, batch norms folded in."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from obs_portrait.face.fomm.equivalents import affine, blocked, fold, interleave, quartered

__all__ = ["FastConv", "FastDown", "FastFinal", "FastResidual", "FastUp"]

_LEAST_QUARTERED = 8
"""Below this many rows a doubling layer's time goes into reading its weights, of which `quartered` has more."""


class FastConv(nn.Module):
    """A convolution with bias, stride and padding, and a ReLU after it if `relu`; channels last.

    On CPUs PyTorch rearranges a convolution's weights anew in every call, which takes longer than the convolution
    itself where pictures are small. Here this is done once, at the first call (the warm-up), for that call's size.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor, dtype: torch.dtype, *, stride: int = 1, relu: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Buffer(weight.to(dtype).contiguous(memory_format=torch.channels_last))
        self.bias = nn.Buffer(bias.to(dtype))
        self.stride, self.padding, self.relu = stride, (weight.shape[-1] // 2, weight.shape[-2] // 2), relu
        self._packed: Tensor | None = None
        self._size: torch.Size | None = None

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and _packs(x.dtype):
            return self._on_cpu(x)
        y = nn.functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)
        return y.relu_() if self.relu else y

    def _on_cpu(self, x: Tensor) -> Tensor:
        if self._packed is None or self._size != x.shape:
            self._packed = _PACK(self.weight.to_mkldnn(), self.padding, (self.stride,) * 2, (1, 1), 1, list(x.shape))
            self._size = x.shape
        after = "relu" if self.relu else "none"
        y: Tensor = _CONVOLVE(x, self._packed, self.bias, self.padding, (self.stride,) * 2, (1, 1), 1, after, [], "")
        return y


def _find(*names: str) -> Any:
    """A function of PyTorch's that its own compiler calls; None where this build does not have it."""
    found: Any = torch
    for name in names:
        found = getattr(found, name, None)
    return found


_PACK: Any = _find("_C", "_nn", "mkldnn_reorder_conv2d_weight") if torch.backends.mkldnn.is_available() else None
_CONVOLVE: Any = _find("ops", "mkldnn", "_convolution_pointwise")


@cache
def _packs(dtype: torch.dtype) -> bool:
    """Whether this processor has instructions for the dtype; without them only plain convolutions compute in it."""
    if _PACK is None or _CONVOLVE is None:
        return False
    name = {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(dtype)
    has = _find("ops", "mkldnn", f"_is_mkldnn_{name}_supported") if name else None
    return name is None or (has is not None and bool(has()))


class FastDown(nn.Module):
    """`blocks.Down`."""

    def __init__(self, block: Any, dtype: torch.dtype) -> None:
        super().__init__()
        self.conv = FastConv(*fold(block.conv, block.norm), dtype, relu=True)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(self.conv(x), 2)


class FastUp(nn.Module):
    """`blocks.Up` for inputs of `rows` rows."""

    def __init__(self, block: Any, rows: int, dtype: torch.dtype) -> None:
        super().__init__()
        weight, bias = fold(block.conv, block.norm)
        self.small = rows >= _LEAST_QUARTERED
        if self.small:
            weight, bias = quartered(weight), bias.repeat(4)
        self.conv = FastConv(weight, bias, dtype, relu=True)

    def forward(self, x: Tensor) -> Tensor:
        if self.small:
            return interleave(self.conv(x))
        y: Tensor = self.conv(nn.functional.interpolate(x, scale_factor=2, mode="nearest"))
        return y


class FastResidual(nn.Module):
    """`blocks.Residual`. The second norm is folded; the first stands before a ReLU and cannot be."""

    def __init__(self, block: Any, dtype: torch.dtype) -> None:
        super().__init__()
        factor, shift = affine(block.norm1)
        self.factor = nn.Buffer(factor.to(dtype)[:, None, None])
        self.shift = nn.Buffer(shift.to(dtype)[:, None, None])
        self.conv1 = FastConv(*fold(block.conv1, block.norm2), dtype, relu=True)
        self.conv2 = FastConv(block.conv2.weight.detach(), block.conv2.bias.detach(), dtype)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.addcmul(self.shift, x, self.factor).relu_()
        z: Tensor = self.conv2(self.conv1(y))
        return z.add_(x)


class FastFinal(nn.Module):
    """The generator's last convolution, 64 to 3 channels, and the sigmoid after it."""

    def __init__(self, conv: nn.Conv2d, dtype: torch.dtype) -> None:
        super().__init__()
        weight, bias = blocked(conv.weight.detach(), conv.bias.detach())  # type: ignore[union-attr]
        self.conv = FastConv(weight, bias, dtype, stride=2)
        self.conv.padding = (3, 3)  # of the kernel with 7, not with 8

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.pixel_shuffle(self.conv(x), 2)
        return y.float().sigmoid_()
