"""One persona, frame after frame: the source is encoded once, and nothing but the driver's picture goes in.

On NVIDIA GPUs the whole step, from the driver's bytes to the persona's, is one CUDA graph (`graphs`); the processor
hands over a frame and is free until the picture is asked for.
"""

from __future__ import annotations

import contextlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from obs_portrait.face.fomm.device import making, using
from obs_portrait.face.fomm.geometry import Keypoints
from obs_portrait.face.fomm.graphs import Pending, Slot, cudnn_settings
from obs_portrait.face.fomm.model import SIDE
from obs_portrait.face.fomm.networks import Networks
from obs_portrait.face.fomm.transfer import relative, scale

__all__ = ["Live", "Pending"]

Picture = NDArray[np.uint8]
_ALIKE_DB = 25.0
"""How near a device's picture has to come to the CPU's: half precision comes to 40 dB and more."""
_NEAR = 0.1
"""How far the keypoints of a source may be from those that the CPU finds, of 2 across the picture: half precision moves
them by a hundredth of it, a GPU that cannot compute in it by anything."""


class Live:
    """Pictures are (256, 256, 3) uint8 RGB. Made in any thread, used in one, closed in any."""

    def __init__(
        self,
        networks: Networks,
        source: Picture,
        *,
        motion_is_relative: bool = True,
        adapt_scale: bool = True,
        compile_step: bool = False,
        slots: int = 1,
    ) -> None:
        """On an NVIDIA GPU alone: compile_step has PyTorch compile the step, which takes about a minute the first
        time; slots: frames that may be under way at once."""
        self.networks, self._relative, self._adapt = networks, motion_is_relative, adapt_scale
        device = networks.device
        with making(device):
            self._source = networks.encode(_floats(_tensor(source)))
            with using(device):
                own = self._source.keypoints
                # The graph reads these places; new contents are copied into them.
                self._reference = Keypoints(own.value.clone(), own.jacobian.clone())
                self._factor = torch.ones(1, 1, 1, device=device)
            self._calibrated = not motion_is_relative
            self._slots: list[Slot] = []
            if device.type == "cuda":
                step = torch.compile(self._step, dynamic=False) if compile_step else self._step
                self._slots = [Slot(step, device, SIDE) for _ in range(slots)]
        self._turn = 0

    @torch.inference_mode()
    def set_reference(self, picture: Picture | None) -> None:
        """The driver's neutral face, from which motion is counted if it is relative. None: the next picture is it."""
        if not self._relative:
            return
        self._calibrated = picture is not None
        if picture is None:
            return
        with using(self.networks.device), self._in_order():
            if self._slots:  # by the same convolutions as every frame, so that rest is rest
                self._slots[0].run(picture)
                found = self._slots[0].driving
            else:
                found = self.networks.detector(_floats(_tensor(picture).to(self.networks.device)))
            self._reference.value.copy_(found.value)
            self._reference.jacobian.copy_(found.jacobian)
            if self._adapt:
                self._factor.fill_(scale(self._source.keypoints, found))

    def __call__(self, picture: Picture) -> Picture:
        """The persona with the driver's motion; a new array."""
        return self.submit(picture).result()

    @torch.inference_mode()
    def submit(self, picture: Picture) -> Pending:
        """Hands a picture over; on an NVIDIA GPU it returns at once. As many as there are slots may be under way; the
        results come in order."""
        if not self._calibrated:
            self.set_reference(picture)
        if not self._slots:
            with using(self.networks.device):
                return Pending(self._step(_tensor(picture).to(self.networks.device))[0].cpu(), None)
        self._turn = (self._turn + 1) % len(self._slots)
        return self._slots[self._turn].run(picture)

    def still(self) -> Picture:
        """What the networks make of the source that does not move; a new array. Leaves the reference as it is."""
        with making(self.networks.device), using(self.networks.device), torch.inference_mode():
            at_rest = _bytes(self._draw(self._source.keypoints))
            return np.array(at_rest.cpu().numpy())

    def is_sound(self, source: Picture) -> bool:
        """Whether the device computes what the CPU does: the source's keypoints where they are, the trial's picture,
        and the same by the graph as step by step. Some GPUs have half precision by name only."""
        device = self.networks.device
        with making(device), using(device), cudnn_settings(), torch.inference_mode():
            found = self.networks.detector(_floats(_tensor(source).to(device)))
            away = (found.value - self._source.keypoints.value).abs().amax()
            drawn = self._draw(found)
            if not bool(((away < _NEAR) & drawn.isfinite().all() & found.jacobian.isfinite().all()).cpu()):
                return False
            if (trial := self.networks.trial) is not None:
                flow, occlusion = self.networks.motion(trial.source.small, trial.source.keypoints, trial.driving)
                made = self.networks.decoder(trial.source.features, flow, occlusion).cpu()
                if not _decibels(made, trial.picture) >= _ALIKE_DB:
                    return False
            if not self._slots:
                return True
            stepped = self._step(_tensor(source).to(device))[0].cpu()
            return _decibels(torch.from_numpy(self._slots[0].run(source).result()) / 255, stepped / 255) >= _ALIKE_DB

    def close(self) -> None:
        """Gives the GPU's memory back."""
        slots, self._slots = self._slots, []
        for slot in slots:
            slot.close()

    def _in_order(self) -> contextlib.AbstractContextManager[object]:
        """What is written within is written between two frames."""
        return torch.cuda.stream(self._slots[0].stream) if self._slots else contextlib.nullcontext()

    def _step(self, picture: Tensor) -> tuple[Tensor, Keypoints]:
        """The drawn picture, and the driver's own keypoints."""
        found = driving = self.networks.detector(_floats(picture))
        if self._relative:
            driving = relative(self._source.keypoints, self._reference, driving, self._factor)
        return _bytes(self._draw(driving)), found

    def _draw(self, driving: Keypoints) -> Tensor:
        """(1, 3, 256, 256) float32 RGB."""
        flow, occlusion = self.networks.motion(self._source.small, self._source.keypoints, driving)
        image: Tensor = self.networks.decoder(self._source.features, flow, occlusion)
        return image


def _decibels(one: Tensor, other: Tensor) -> float:
    """PSNR of pictures from 0 to 1; not a number if either is none."""
    return float(-10 * torch.log10((one - other).square().mean().clamp_min(1e-12)))


def _bytes(image: Tensor) -> Tensor:
    """(1, 3, 256, 256) float32, 0..1 -> (256, 256, 3) uint8."""
    return (image[0].permute(1, 2, 0) * 255 + 0.5).clamp_(0, 255).to(torch.uint8).contiguous()


def _tensor(picture: Picture) -> Tensor:
    """A copy: PyTorch does not take arrays that must not be written to."""
    return torch.from_numpy(np.array(picture, order="C"))


def _floats(picture: Tensor) -> Tensor:
    """(256, 256, 3) uint8 -> (1, 3, 256, 256) float32, 0..1."""
    return (picture.permute(2, 0, 1)[None].to(torch.float32) / 255).contiguous()
