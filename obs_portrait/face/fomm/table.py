"""Every tensor of a first-order motion checkpoint (vox-256, vox-adv-256): its name and its shape.

One row a layer; `tensors` writes the rows out. Nothing else is read from a file, and a file has to hold all of them.
"""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["GENERATOR", "KP_DETECTOR", "PARTS", "tensors"]

Kind = Literal["block", "residual", "conv", "blur"]
"""block: a convolution `conv` and the batch norm `norm` after it. residual: batch norms and convolutions 1 and 2.
conv: a convolution alone. blur: a fixed kernel for each of three colours."""
Row = tuple[str, Kind, int, int, int]
"""Name, kind, channels in, channels out, side of the kernel."""

KP_DETECTOR: Final[tuple[Row, ...]] = (
    ("down", "blur", 3, 3, 13),
    ("predictor.encoder.down_blocks.0", "block", 3, 64, 3),
    ("predictor.encoder.down_blocks.1", "block", 64, 128, 3),
    ("predictor.encoder.down_blocks.2", "block", 128, 256, 3),
    ("predictor.encoder.down_blocks.3", "block", 256, 512, 3),
    ("predictor.encoder.down_blocks.4", "block", 512, 1024, 3),
    ("predictor.decoder.up_blocks.0", "block", 1024, 512, 3),
    ("predictor.decoder.up_blocks.1", "block", 1024, 256, 3),
    ("predictor.decoder.up_blocks.2", "block", 512, 128, 3),
    ("predictor.decoder.up_blocks.3", "block", 256, 64, 3),
    ("predictor.decoder.up_blocks.4", "block", 128, 32, 3),
    ("kp", "conv", 35, 10, 7),
    ("jacobian", "conv", 35, 40, 7),
)

GENERATOR: Final[tuple[Row, ...]] = (
    ("dense_motion_network.down", "blur", 3, 3, 13),
    ("dense_motion_network.hourglass.encoder.down_blocks.0", "block", 44, 128, 3),
    ("dense_motion_network.hourglass.encoder.down_blocks.1", "block", 128, 256, 3),
    ("dense_motion_network.hourglass.encoder.down_blocks.2", "block", 256, 512, 3),
    ("dense_motion_network.hourglass.encoder.down_blocks.3", "block", 512, 1024, 3),
    ("dense_motion_network.hourglass.encoder.down_blocks.4", "block", 1024, 1024, 3),
    ("dense_motion_network.hourglass.decoder.up_blocks.0", "block", 1024, 1024, 3),
    ("dense_motion_network.hourglass.decoder.up_blocks.1", "block", 2048, 512, 3),
    ("dense_motion_network.hourglass.decoder.up_blocks.2", "block", 1024, 256, 3),
    ("dense_motion_network.hourglass.decoder.up_blocks.3", "block", 512, 128, 3),
    ("dense_motion_network.hourglass.decoder.up_blocks.4", "block", 256, 64, 3),
    ("dense_motion_network.mask", "conv", 108, 11, 7),
    ("dense_motion_network.occlusion", "conv", 108, 1, 7),
    ("first", "block", 3, 64, 7),
    ("down_blocks.0", "block", 64, 128, 3),
    ("down_blocks.1", "block", 128, 256, 3),
    ("bottleneck.r0", "residual", 256, 256, 3),
    ("bottleneck.r1", "residual", 256, 256, 3),
    ("bottleneck.r2", "residual", 256, 256, 3),
    ("bottleneck.r3", "residual", 256, 256, 3),
    ("bottleneck.r4", "residual", 256, 256, 3),
    ("bottleneck.r5", "residual", 256, 256, 3),
    ("up_blocks.0", "block", 256, 128, 3),
    ("up_blocks.1", "block", 128, 64, 3),
    ("final", "conv", 64, 3, 7),
)

PARTS: Final[dict[str, tuple[Row, ...]]] = {"generator": GENERATOR, "kp_detector": KP_DETECTOR}
"""The parts of a checkpoint, by their names at its top. Whatever else stands there is left alone: the authors' full
files also hold the discriminator, three optimizers and the epoch, which training alone needs."""


def tensors(part: str) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of "generator" or "kp_detector"."""
    found: dict[str, tuple[int, ...]] = {}
    for name, kind, inputs, outputs, side in PARTS[part]:
        if kind == "block":
            found |= _conv(f"{name}.conv", inputs, outputs, side) | _norm(f"{name}.norm", outputs)
        elif kind == "residual":
            for number in "12":
                found |= _conv(f"{name}.conv{number}", inputs, outputs, side) | _norm(f"{name}.norm{number}", inputs)
        elif kind == "conv":
            found |= _conv(name, inputs, outputs, side)
        else:
            found[f"{name}.weight"] = (outputs, 1, side, side)
    return found


def _conv(name: str, inputs: int, outputs: int, side: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs, side, side), f"{name}.bias": (outputs,)}


def _norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    each = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (channels,))
    return {f"{name}.{key}": shape for key, shape in each.items()} | {f"{name}.num_batches_tracked": ()}
