"""A loaded checkpoint: the three networks as the paper has them, in any dtype, on any device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from obs_portrait.checkpoints.trust import vouch
from obs_portrait.errors import FaceError
from obs_portrait.face.fomm.detector import KEYPOINTS, KeypointDetector
from obs_portrait.face.fomm.device import choose_device, choose_dtype, explained, making, using
from obs_portrait.face.fomm.generator import Generator
from obs_portrait.face.fomm.geometry import Keypoints
from obs_portrait.face.fomm.weights import State, read

__all__ = ["SIDE", "Model", "load"]

SIDE = 256
"""Pixels: the size of all pictures of this family."""


class Model:
    """The exact networks, without any of the live path's short cuts (`live` has those).

    Pictures are (N, 3, 256, 256) float, 0..1, RGB, as tensors or arrays; on any device, they are moved. Where several
    things are asked for, one picture or one set of keypoints stands for N times the same. Whatever has another shape or
    dtype raises `FaceError`.
    """

    def __init__(self, state: State, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        with torch.device("meta"):  # takes no memory: the state's own tensors become the networks'
            self.detector, self.generator = KeypointDetector(), Generator()
        for network, part in ((self.detector, "kp_detector"), (self.generator, "generator")):
            network.load_state_dict(state[part], strict=True, assign=True)
            network.requires_grad_(False).eval().to(device)
            for module in network.modules():
                if isinstance(module, nn.Conv2d | nn.BatchNorm2d):  # the blur and all geometry stay in float32
                    module.to(dtype)

    @torch.inference_mode()
    def keypoints(self, image: Tensor) -> Keypoints:
        """value (N, 10, 2) within [-1, 1] as (x, y) and jacobian (N, 10, 2, 2), both float32."""
        with _full_precision(self.device):
            found: Keypoints = self.detector(self._image(image))
        return found

    @torch.inference_mode()
    def generate(self, source: Tensor, kp_source: Keypoints, kp_driving: Keypoints) -> Tensor:
        """`source` moved so that its keypoints come to lie at `kp_driving`: (N, 3, 256, 256) float32, 0..1 RGB.

        Keypoints are pairs (value, jacobian) as `keypoints` returns them.
        """
        image, source_points, driving_points = self._image(source), self._points(kp_source), self._points(kp_driving)
        counts = {len(image), len(source_points.value), len(driving_points.value)}
        most = max(counts)
        if counts - {1, most}:
            raise FaceError(
                f"{len(image)} sources, keypoints of {len(source_points.value)} and driving keypoints of "
                f"{len(driving_points.value)} do not fit together: the same number of each, or one, is needed."
            )
        with _full_precision(self.device):
            out: Tensor = self.generator(_times(image, most), *(_all(p, most) for p in (source_points, driving_points)))
        return out

    def _image(self, image: Any) -> Tensor:
        return _checked(image, (3, SIDE, SIDE), "Pictures").to(self.device, torch.float32)

    def _points(self, points: Any) -> Keypoints:
        try:
            value, jacobian = points
        except (TypeError, ValueError):
            raise FaceError("Keypoints must be a pair (value, jacobian), as `keypoints` returns it.") from None
        value = _checked(value, (KEYPOINTS, 2), "Keypoints' values")
        jacobian = _checked(jacobian, (KEYPOINTS, 2, 2), "Keypoints' Jacobians")
        if len(value) != len(jacobian):
            raise FaceError(
                f"There are {len(value)} keypoints' values and {len(jacobian)} Jacobians: as many are needed."
            )
        return Keypoints(*(part.to(self.device, torch.float32) for part in (value, jacobian)))


def _checked(given: Any, shape: tuple[int, ...], what: str) -> Tensor:
    """`given` as a tensor, if it is float and (N, *shape) with N >= 1."""
    if isinstance(given, np.ndarray):  # PyTorch takes none that is read-only or runs backwards
        given = np.array(given, order="C")
    try:
        tensor = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        raise FaceError(f"{what} must be a tensor or an array, not {type(given).__name__}.") from None
    if tensor.ndim != len(shape) + 1 or tensor.shape[1:] != shape or not len(tensor) or not tensor.is_floating_point():
        wanted = ", ".join(map(str, shape))
        raise FaceError(f"{what} must be float and (N, {wanted}), not {tuple(tensor.shape)} {tensor.dtype}.")
    return tensor


def _times(one: Tensor, count: int) -> Tensor:
    """(1, ...) as (count, ...) without a copy; (count, ...) as it is."""
    return one.expand(count, *one.shape[1:])


def _all(points: Keypoints, count: int) -> Keypoints:
    return Keypoints(_times(points.value, count), _times(points.jacobian, count))


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """NVIDIA's convolutions round float32 to 10 bits (TF32) unless told not to."""
    with making(device), using(device), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def load(path: str | Path, device: str | torch.device = "auto", dtype: str | torch.dtype = "float32") -> Model:
    """The networks of a checkpoint (``.pth.tar`` or ``.safetensors``).

    device: "auto", "cpu", "cuda", "cuda:1", "mps"; dtype: "float32", "bfloat16", "float16" or "auto" (what is fast on
    the device). Raises `CheckpointError` with one sentence if the file is not exactly what it should be (`weights`),
    and `FaceError` if the device is not there or has no room.
    """
    chosen = choose_device(device)[0]
    kind = choose_dtype(dtype, chosen)
    vouch(Path(path))
    state = read(Path(path))
    with explained(chosen):
        return Model(state, chosen, kind)
