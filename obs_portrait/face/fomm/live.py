"""One persona, frame after frame: the source is encoded once, and nothing but the driver's picture goes in.

On NVIDIA GPUs the whole step, from the driver's bytes to the persona's, is one CUDA graph between two copies from and
to page-locked memory; the processor hands over a frame and is free until the picture is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from obs_portrait.face.fomm.geometry import Keypoints
from obs_portrait.face.fomm.model import SIDE
from obs_portrait.face.fomm.networks import Networks
from obs_portrait.face.fomm.transfer import relative, scale

__all__ = ["Live", "Pending"]

Picture = NDArray[np.uint8]
_SLOTS: Final = 2
"""Frames that may be under way at once on a GPU."""


class Live:
    """Pictures are (256, 256, 3) uint8 RGB. Belongs to one thread."""

    def __init__(
        self,
        networks: Networks,
        source: Picture,
        *,
        motion_is_relative: bool = True,
        adapt_scale: bool = True,
        compile_step: bool = False,
    ) -> None:
        """compile_step: has PyTorch compile the step for the GPU, which takes about a minute the first time."""
        self.networks, self._relative, self._adapt = networks, motion_is_relative, adapt_scale
        self._source = networks.encode(_floats(_tensor(source)))
        own = self._source.keypoints
        # The graph reads these places; new contents are copied into them.
        self._reference = Keypoints(own.value.clone(), own.jacobian.clone())
        self._factor = torch.ones(1, 1, 1, device=networks.device)
        self._calibrated = not motion_is_relative
        self._compute = torch.compile(self._step, dynamic=False) if compile_step else self._step
        cuda = networks.device.type == "cuda"
        self._slots = [_Slot(self._compute, networks.device) for _ in range(_SLOTS)] if cuda else []
        self._turn = 0

    @torch.inference_mode()
    def set_reference(self, picture: Picture | None) -> None:
        """The driver's neutral face, from which motion is counted if it is relative. None: the next picture is it."""
        if not self._relative:
            return
        self._calibrated = picture is not None
        if picture is None:
            return
        for slot in self._slots:  # they may still read what is written now
            slot.await_on(self.networks.device)
        image = _floats(_tensor(picture).to(self.networks.device))
        found = self.networks.detector(image)
        self._reference.value.copy_(found.value)
        self._reference.jacobian.copy_(found.jacobian)
        if self._adapt:
            self._factor.fill_(scale(self._source.keypoints, found))

    def __call__(self, picture: Picture) -> Picture:
        """The persona with the driver's motion; a new array."""
        return self.submit(picture).result()

    @torch.inference_mode()
    def submit(self, picture: Picture) -> Pending:
        """Hands a picture over; on a GPU it returns at once. Two may be under way; the results come in order."""
        if not self._calibrated:
            self.set_reference(picture)
        if not self._slots:
            return Pending(self._compute(_tensor(picture).to(self.networks.device)).cpu(), None)
        self._turn = (self._turn + 1) % len(self._slots)
        return self._slots[self._turn].run(picture)

    def still(self) -> Picture:
        """What the networks make of the source that does not move; a new array. Leaves the reference as it is."""
        with torch.inference_mode():
            at_rest = self._draw(self._source.keypoints)
            return np.array(at_rest.cpu().numpy())

    def _step(self, picture: Tensor) -> Tensor:
        driving = self.networks.detector(_floats(picture))
        if self._relative:
            driving = relative(self._source.keypoints, self._reference, driving, self._factor)
        return self._draw(driving)

    def _draw(self, driving: Keypoints) -> Tensor:
        flow, occlusion = self.networks.motion(self._source.small, self._source.keypoints, driving)
        image: Tensor = self.networks.decoder(self._source.features, flow, occlusion)
        return (image[0].permute(1, 2, 0) * 255 + 0.5).clamp_(0, 255).to(torch.uint8).contiguous()


@dataclass(frozen=True, slots=True)
class Pending:
    """A picture that may not be ready yet."""

    _bytes: Tensor
    _event: Any

    def result(self) -> Picture:
        """Waits for it, asleep; a new array."""
        if self._event is not None:
            self._event.synchronize()
        return np.array(self._bytes.numpy())


class _Slot:
    """One frame's buffers and the graph that leads from one to the other."""

    def __init__(self, step: Any, device: torch.device) -> None:
        shape = (SIDE, SIDE, 3)
        self._in, self._out = (torch.zeros(shape, dtype=torch.uint8, pin_memory=True) for _ in range(2))
        self._given = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._done = torch.cuda.Event(blocking=True)
        self._stream = torch.cuda.Stream(device)
        self._stream.wait_stream(torch.cuda.current_stream(device))
        with (
            torch.inference_mode(),
            torch.cuda.stream(self._stream),
            torch.backends.cudnn.flags(enabled=True, benchmark=True),
        ):
            for _ in range(3):  # finds the fastest convolutions, allocates, compiles
                step(self._given)
            self._stream.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            # Another persona's thread may use the device meanwhile.
            with torch.cuda.graph(self._graph, stream=self._stream, capture_error_mode="thread_local"):
                self._drawn = step(self._given)
        self._stream.synchronize()

    def await_on(self, device: torch.device) -> None:
        """Has the device's current stream wait for the slot's last frame; the processor does not."""
        torch.cuda.current_stream(device).wait_event(self._done)

    def run(self, picture: Picture) -> Pending:
        self._done.synchronize()  # the slot's last frame, long done
        self._in.numpy()[:] = picture
        # What was written to the reference and the factor comes first.
        self._stream.wait_stream(torch.cuda.current_stream(self._given.device))
        with torch.cuda.stream(self._stream):
            self._given.copy_(self._in, non_blocking=True)
            self._graph.replay()
            self._out.copy_(self._drawn, non_blocking=True)
            self._done.record(self._stream)
        return Pending(self._out, self._done)


def _tensor(picture: Picture) -> Tensor:
    """A copy: PyTorch does not take arrays that must not be written to."""
    return torch.from_numpy(np.array(picture, order="C"))


def _floats(picture: Tensor) -> Tensor:
    """(256, 256, 3) uint8 -> (1, 3, 256, 256) float32, 0..1."""
    return (picture.permute(2, 0, 1)[None].to(torch.float32) / 255).contiguous()
