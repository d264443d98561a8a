"""Which processor runs the networks, and why."""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Iterator
from functools import cache
from typing import Final

import torch

from obs_portrait.errors import FaceError

__all__ = ["DTYPES", "choose_device", "choose_dtype", "explained", "making", "using"]

DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


_MAKING: Final = threading.RLock()
_USING: Final = threading.RLock()


def making(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Held while something is made on a GPU: weights moved, convolutions chosen, graphs captured. cuDNN's settings are
    the whole process's, and nobody else may wait for an NVIDIA GPU as a whole while a graph is captured. What runs
    finished graphs does not hold it."""
    return contextlib.nullcontext() if device.type == "cpu" else _MAKING


def using(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Held around every computation on an Apple GPU, for which PyTorch is not safe in two threads at once; free
    elsewhere."""
    return _USING if device.type == "mps" else contextlib.nullcontext()


@contextlib.contextmanager
def explained(device: torch.device) -> Iterator[None]:
    """What a GPU refuses within (memory, code for its kind, a compiler) is raised as a `FaceError` that says what to
    do, and its memory is free again by then."""
    try:
        yield
    except RuntimeError as error:
        if device.type == "cpu":
            raise
        why = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        traceback.clear_frames(error.__traceback__)  # they hold tensors
        if device.type == "cuda":
            with contextlib.suppress(RuntimeError):
                torch.cuda.empty_cache()
        raise FaceError(
            f"The networks cannot run on {device} ({why}); close what else uses it, or write "
            'device = "cpu" or engine = "mesh" under [face] in the profile.'
        ) from None


def choose_device(wanted: str | torch.device = "auto") -> tuple[torch.device, str]:
    """The device and one sentence that says why. Raises `FaceError` if one was named that is not there."""
    wanted = str(wanted).strip().lower()
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted == "auto":
        if cuda:
            device = torch.device("cuda", torch.cuda.current_device())
            trouble = _trouble(device)
            name = torch.cuda.get_device_name(device)
            if trouble is None:
                return device, f"PyTorch sees {name}"
            return torch.device("cpu"), f"{name} cannot be used by this PyTorch ({torch.__version__}): {trouble}"
        if mps:
            return torch.device("mps"), "PyTorch sees this Mac's GPU"
        return torch.device("cpu"), _why_cpu()
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise FaceError(f"There is no device '{wanted}'; use auto, cpu, cuda or mps.") from None
    if device.type == "cuda" and not (cuda and (device.index or 0) < torch.cuda.device_count()):
        raise FaceError(f'The device \'{wanted}\' is not there: {_why_cpu()}; use device = "auto" or "cpu".')
    if device.type == "cuda":  # one name for each, so that its weights are loaded once
        device = torch.device("cuda", torch.cuda.current_device() if device.index is None else device.index)
        if trouble := _trouble(device):
            raise FaceError(f'The device \'{wanted}\' cannot be used: {trouble}; use device = "auto" or "cpu".')
    if device.type == "mps" and not mps:
        raise FaceError("The device 'mps' is not there: this is no Mac with an Apple GPU; use device = \"auto\".")
    if device.type not in ("cpu", "cuda", "mps"):
        raise FaceError(f"The device '{wanted}' is not supported; use auto, cpu, cuda or mps.")
    return device, "asked for"


@cache
def _trouble(device: torch.device) -> str | None:
    """PyTorch also lists GPUs that are too old or too new for it; only a try tells."""
    try:
        picture, kernel = torch.ones(1, 3, 8, 8, device=device), torch.ones(3, 3, 3, 3, device=device)
        return None if float(torch.nn.functional.conv2d(picture, kernel).mean()) == 27.0 else "it computes wrongly"
    except RuntimeError as error:
        return (str(error).splitlines() or ["it fails"])[0].rstrip(".")


def _why_cpu() -> str:
    if torch.version.cuda is None and torch.version.hip is None:
        return f"this PyTorch ({torch.__version__}) was built without CUDA"
    if torch.version.hip is not None:
        return f"PyTorch {torch.__version__} (ROCm {torch.version.hip}) finds no GPU"
    return (
        f"PyTorch {torch.__version__} (CUDA {torch.version.cuda}) finds no NVIDIA GPU or no driver that is new enough"
    )


def choose_dtype(wanted: str | torch.dtype, device: torch.device) -> torch.dtype:
    """The dtype of that name; "auto": the half-size one that the device computes fast with, else float32.

    float16 on GPUs: all but old NVIDIA ones are fast in it, and the networks' activations stay far from its limits
    (`Live.is_sound` looks whether the GPU means it). bfloat16 on CPUs that
    multiply it in hardware: on others it is emulated and slower. float16 that was asked for by name becomes float32 on
    a CPU that does not multiply it: emulated it takes many times as long and is less exact.
    """
    if isinstance(wanted, str) and wanted in DTYPES:
        wanted = DTYPES[wanted]
    if wanted is torch.float16 and device.type == "cpu" and not _cpu_has_float16():
        return torch.float32
    if isinstance(wanted, torch.dtype) and wanted in DTYPES.values():
        return wanted
    if wanted == "auto":
        if device.type == "cpu":
            return torch.bfloat16 if _cpu_has_bfloat16() else torch.float32
        old = device.type == "cuda" and torch.cuda.is_available() and torch.cuda.get_device_capability(device)[0] < 7
        return torch.float32 if old else torch.float16
    raise FaceError(f"There is no dtype '{wanted}' here; use auto, {', '.join(DTYPES)}.")


def _cpu_has_float16() -> bool:
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_fp16") or has.get("fp16_arith"))


def _cpu_has_bfloat16() -> bool:
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))
