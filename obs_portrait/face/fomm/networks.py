"""The networks of a checkpoint, ready for live use, shared by all personas of a process that use the same file."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Final, NamedTuple

import torch
from torch import Tensor

from obs_portrait.checkpoints.trust import vouch
from obs_portrait.checkpoints.verdicts import Stamp, stamp
from obs_portrait.errors import CheckpointError
from obs_portrait.face.fomm.device import making, using
from obs_portrait.face.fomm.fast import FastDecoder, FastDetector, FastMotion
from obs_portrait.face.fomm.geometry import Keypoints
from obs_portrait.face.fomm.model import SIDE, Model
from obs_portrait.face.fomm.weights import read

__all__ = ["Encoded", "Networks", "Trial", "shared"]


class Encoded(NamedTuple):
    """Everything that the networks need of a source, float32: features xi (1, 256, 64, 64), the picture at a quarter of
    its size (1, 3, 64, 64), and its keypoints."""

    features: Tensor
    small: Tensor
    keypoints: Keypoints


class Trial(NamedTuple):
    """What the exact networks made of a picture on the CPU, for a device to be measured by: its source and driving
    keypoints, on that device, and the picture (1, 3, 256, 256) float32 on the CPU."""

    source: Encoded
    driving: Keypoints
    picture: Tensor


class Networks:
    """detector, motion, decoder: of the live path, on `device` in `dtype`. The source's encoder stays on the CPU in
    float32: it runs once for each persona. trial: None on the CPU, which nobody doubts."""

    def __init__(self, model: Model, device: torch.device, dtype: torch.dtype, *, tried: bool | None = None) -> None:
        """`model`: on the CPU, float32; becomes this object's. tried: whether to make a `trial`; None: on a GPU."""
        self.device, self.dtype = device, dtype
        winograd = device.type == "cpu" and dtype is torch.float32
        with making(device), using(device):
            self.detector = FastDetector(model.detector, dtype).to(device).eval()
            self.motion = FastMotion(model.generator.dense_motion_network, dtype).to(device).eval()
            self.decoder = FastDecoder(model.generator, dtype, winograd=winograd).to(device).eval()
        generator = model.generator
        self._encode, self._exact_detector = generator.encode, model.detector
        tried = device.type != "cpu" if tried is None else tried
        self.trial = self._tried(model) if tried else None
        # What only the exact decoder needs, two hundred megabytes, is let go.
        del generator.bottleneck, generator.up_blocks, generator.final, generator.dense_motion_network.hourglass

    @torch.inference_mode()
    def _tried(self, model: Model) -> Trial:
        """With the exact decoder while it is there, about a second."""
        across = torch.linspace(0, 1, SIDE)
        waves = torch.stack([(torch.outer(across, across) * k + across).mul(6.0 * k).sin() for k in (1, 2, 3)])
        source = (0.5 + 0.5 * waves)[None]
        driving = Keypoints(*self._exact_detector(source.roll(8, -1)))
        at_source = Keypoints(*self._exact_detector(source))
        picture: Tensor = model.generator(source, at_source, driving)
        with using(self.device):
            there = Keypoints(*(part.to(self.device) for part in driving))
        return Trial(self.encode(source), there, picture)

    @torch.inference_mode()
    def encode(self, source: Tensor) -> Encoded:
        """`source`: (1, 3, 256, 256) float32 0..1 RGB on the CPU. The result is on `device`."""
        features, small = self._encode(source)
        value, jacobian = self._exact_detector(source)
        features = features.contiguous(memory_format=torch.channels_last)
        here = self.device
        with using(here):
            return Encoded(features.to(here), small.to(here), Keypoints(value.to(here), jacobian.to(here)))


_Key = tuple[str, Stamp, str, torch.dtype]
_SHARED: Final[weakref.WeakValueDictionary[_Key, Networks]] = weakref.WeakValueDictionary()
_LOCK: Final = threading.Lock()


def shared(path: Path, device: torch.device, dtype: torch.dtype) -> Networks:
    """The networks of the file at `path`, loaded once while anybody uses them. What is known of the file is checked
    whenever it is read (`vouch`), since it may be another one than a minute ago. Raises `CheckpointError`."""
    path = Path(path)
    found = stamp(path)
    if found is None:
        raise CheckpointError(f"{path}: there is no such checkpoint (obs-portrait checkpoints list).")
    key = (str(path.resolve()), found, str(device), dtype)
    with _LOCK:
        networks = _SHARED.get(key)
        if networks is None:
            vouch(path)
            state = read(path)
            if stamp(path) != found:
                raise CheckpointError(f"{path}: the file was changed while it was read. Try again when it is complete.")
            networks = Networks(Model(state, torch.device("cpu"), torch.float32), device, dtype)
            _SHARED[key] = networks
        return networks
