"""Which processor runs the networks, and why."""

from __future__ import annotations

from typing import Final

import torch

from obs_portrait.errors import FaceError

__all__ = ["DTYPES", "choose_device", "choose_dtype"]

DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(wanted: str | torch.device = "auto") -> tuple[torch.device, str]:
    """The device and one sentence that says why. Raises `FaceError` if one was named that is not there."""
    if not isinstance(wanted, str):
        return wanted, "asked for"
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted == "auto":
        if cuda:
            return torch.device("cuda", torch.cuda.current_device()), f"PyTorch sees {torch.cuda.get_device_name()}"
        if mps:
            return torch.device("mps"), "PyTorch sees this Mac's GPU"
        return torch.device("cpu"), _why_cpu()
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise FaceError(f"There is no device '{wanted}'; use auto, cpu, cuda or mps.") from None
    if device.type == "cuda" and not (cuda and (device.index or 0) < torch.cuda.device_count()):
        raise FaceError(f'The device \'{wanted}\' is not there: {_why_cpu()}; use device = "auto" or "cpu".')
    if device.type == "mps" and not mps:
        raise FaceError("The device 'mps' is not there: this is no Mac with an Apple GPU; use device = \"auto\".")
    if device.type not in ("cpu", "cuda", "mps"):
        raise FaceError(f"The device '{wanted}' is not supported; use auto, cpu, cuda or mps.")
    return device, "asked for"


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

    float16 on GPUs: all of them have it, and the networks' activations stay far from its limits. bfloat16 on CPUs that
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
        return torch.float16
    raise FaceError(f"There is no dtype '{wanted}' here; use auto, {', '.join(DTYPES)}.")


def _cpu_has_float16() -> bool:
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_fp16") or has.get("fp16_arith"))


def _cpu_has_bfloat16() -> bool:
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))
