"""First-order motion: a neural face engine that puts the driver's motion onto any portrait.

Siarohin et al., "First Order Motion Model for Image Animation", NeurIPS 2019. Reads the authors' checkpoints vox-256
and vox-adv-256. Importing this package loads no PyTorch; calling `load` or `convert` does.

>>> model = load("vox-adv-cpk.pth.tar")  # doctest: +SKIP
>>> kp_source, kp_driving = model.keypoints(source), model.keypoints(driving)  # doctest: +SKIP
>>> picture = model.generate(source, kp_source, kp_driving)  # doctest: +SKIP
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from obs_portrait.errors import FaceError

if TYPE_CHECKING:
    import torch

    from obs_portrait.face.fomm.model import Model

__all__ = ["convert", "device_report", "load"]

_INSTALL = "PyTorch is not installed. Type: pip install 'obs-portrait[neural]'"


def load(path: str | Path, device: str | torch.device = "auto", dtype: str | torch.dtype = "float32") -> Model:
    """See `obs_portrait.face.fomm.model.load`."""
    try:
        from obs_portrait.face.fomm import model
    except (ImportError, OSError) as error:
        raise FaceError(device_report()[1]) from error
    return model.load(path, device, dtype)


def convert(src: str | Path, dst: str | Path) -> None:
    """Writes the checkpoint `src` to `dst` as safetensors; see `obs_portrait.face.fomm.weights.convert`."""
    try:
        from obs_portrait.face.fomm import weights
    except (ImportError, OSError) as error:
        raise FaceError(device_report()[1]) from error
    weights.convert(Path(src), Path(dst))


def device_report() -> tuple[str, str]:
    """The device that would run the networks ("cpu", "cuda:0", "mps", or "" if none can), and why. Imports PyTorch."""
    if importlib.util.find_spec("torch") is None:
        return "", _INSTALL
    try:
        from obs_portrait.face.fomm.device import choose_device
    except (ImportError, OSError) as error:  # a library that it needs is missing or damaged
        why = (str(error).splitlines() or [type(error).__name__])[0]
        return "", f"PyTorch is there but does not load ({why}). Type: pip install --force-reinstall torch"
    device, reason = choose_device("auto")
    return str(device), reason
