"""One frame's way over an NVIDIA GPU: a CUDA graph between two copies from and to page-locked memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from obs_portrait.face.fomm.device import making
from obs_portrait.face.fomm.geometry import Keypoints

__all__ = ["Pending", "Slot", "cudnn_settings"]

Picture = NDArray[np.uint8]


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


@cache
def _streams(index: int) -> tuple[Any, Any]:
    """Where graphs are made, and where they run. PyTorch has 32 streams to give and then gives the same again, so that
    of many personas one would be captured on the stream where another one is on air."""
    return torch.cuda.Stream(index), torch.cuda.Stream(index)


def cudnn_settings() -> Any:
    """The fastest convolutions are looked for; float32 is not rounded to the 10 bits of TF32. They are the whole
    process's settings: only within `making`."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)


class Slot:
    """One frame's buffers and the graph that leads from one to the other. Runs in one thread, in order with all others
    of its GPU."""

    def __init__(self, step: Callable[[Tensor], tuple[Tensor, Keypoints]], device: torch.device, side: int) -> None:
        """step: (side, side, 3) uint8 -> the drawn picture and the driver's keypoints. Within `making`."""
        shape = (side, side, 3)
        self._in, self._out = (torch.zeros(shape, dtype=torch.uint8, pin_memory=True) for _ in range(2))
        self._given = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._device = device
        self._done = torch.cuda.Event(blocking=True)
        made_on, self.stream = _streams(device.index or 0)
        made_on.wait_stream(torch.cuda.current_stream(device))
        with torch.inference_mode(), torch.cuda.stream(made_on), cudnn_settings():
            for _ in range(3):  # finds the fastest convolutions, allocates, compiles
                step(self._given)
            made_on.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            # Another persona's thread uses the device meanwhile.
            with torch.cuda.graph(self._graph, stream=made_on, capture_error_mode="thread_local"):
                self._drawn, self.driving = step(self._given)
        made_on.synchronize()
        torch.cuda.empty_cache()  # what the search for convolutions took, a game may need

    def run(self, picture: Picture) -> Pending:
        """Returns at once. `driving` is the picture's once the stream has come so far."""
        self._done.synchronize()  # the slot's last frame, long done
        self._in.numpy()[:] = picture
        with torch.cuda.stream(self.stream):
            self._given.copy_(self._in, non_blocking=True)
            self._graph.replay()
            self._out.copy_(self._drawn, non_blocking=True)
            self._done.record(self.stream)
        return Pending(self._out, self._done)

    def close(self) -> None:
        """Gives the memory back."""
        with making(self._device):  # no graph ends while another one is captured
            self.stream.synchronize()
            self._graph.reset()
