"""A loaded checkpoint: the three networks as the paper has them, in any dtype, on any device."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor

from obs_portrait.errors import FaceError
from obs_portrait.face.fomm.detector import KeypointDetector
from obs_portrait.face.fomm.device import choose_device, choose_dtype
from obs_portrait.face.fomm.generator import Generator
from obs_portrait.face.fomm.geometry import Keypoints
from obs_portrait.face.fomm.weights import State, read

__all__ = ["SIDE", "Model", "load"]

SIDE = 256
"""Pixels: the size of all pictures of this family."""


class Model:
    """The exact networks, without any of the live path's short cuts (`live` has those).

    Pictures are (N, 3, 256, 256) float, 0..1, RGB; on any device, they are moved.
    """

    def __init__(self, state: State, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        with torch.device("meta"):  # takes no memory: the state's own tensors become the networks'
            self.detector, self.generator = KeypointDetector(), Generator()
        for network, part in ((self.detector, "kp_detector"), (self.generator, "generator")):
            network.load_state_dict(state[part], strict=True, assign=True)
            network.requires_grad_(False).eval().to(device, dtype)

    @torch.inference_mode()
    def keypoints(self, image: Tensor) -> Keypoints:
        """value (N, 10, 2) within [-1, 1] as (x, y) and jacobian (N, 10, 2, 2), both float32."""
        with _full_precision():
            found: Keypoints = self.detector(self._image(image))
        return found

    @torch.inference_mode()
    def generate(self, source: Tensor, kp_source: Keypoints, kp_driving: Keypoints) -> Tensor:
        """`source` moved so that its keypoints come to lie at `kp_driving`: (N, 3, 256, 256) float32, 0..1 RGB.

        Keypoints are pairs (value, jacobian) as `keypoints` returns them.
        """
        source_points, driving_points = self._points(kp_source), self._points(kp_driving)
        with _full_precision():
            out: Tensor = self.generator(self._image(source), source_points, driving_points)
        return out.float()

    def _image(self, image: Tensor) -> Tensor:
        image = torch.as_tensor(image)
        if image.ndim != 4 or image.shape[1:] != (3, SIDE, SIDE) or not image.is_floating_point():
            raise FaceError(
                f"Pictures must be float and (N, 3, {SIDE}, {SIDE}), not {tuple(image.shape)} {image.dtype}."
            )
        return image.to(self.device, self.dtype)

    def _points(self, points: Keypoints) -> Keypoints:
        value, jacobian = (torch.as_tensor(part).to(self.device, torch.float32) for part in points)
        return Keypoints(value, jacobian)


def _full_precision() -> AbstractContextManager[None]:
    """NVIDIA's convolutions round float32 to 10 bits (TF32) unless told not to."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)  # type: ignore[no-any-return]


def load(path: str | Path, device: str | torch.device = "auto", dtype: str | torch.dtype = "float32") -> Model:
    """The networks of a checkpoint (``.pth.tar`` or ``.safetensors``).

    device: "auto", "cpu", "cuda", "cuda:1", "mps"; dtype: "float32", "bfloat16", "float16" or "auto" (what is fast on
    the device). Raises `CheckpointError` with one sentence if the file is not exactly what it should be (`weights`),
    and `FaceError` if the device is not there.
    """
    chosen = choose_device(device)[0]
    kind = choose_dtype(dtype, chosen)
    return Model(read(Path(path)), chosen, kind)
