"""The `[face]` section of a profile with ``engine = "fomm"``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from obs_portrait.face.settings import FaceSettings

__all__ = ["FommSettings"]


class FommSettings(FaceSettings):
    """Settings of the first-order motion engine beside those of every engine (``motion`` is demo.py's --relative,
    ``adapt_scale`` its --adapt_scale). It has no use for ``smoothing`` and the two strengths."""

    engine: str = "fomm"
    checkpoint: str = Field(default="fomm_vox_adv", min_length=1, max_length=4096)
    """Weights: a name of the catalogue (``obs-portrait checkpoints list``), or the path of a .pth.tar or .safetensors
    file."""
    crop_scale: float = Field(default=2.0, ge=1.2, le=6.0)
    """How much of the canvas the face fills, as with every engine: the canvas is so many faces wide."""
    face_scale: float = Field(default=1.9, ge=1.2, le=4.0)
    """Side of the square that the networks see, of portrait and driver alike, in face sizes. The published weights were
    trained on squares of about this size."""
    device: str = Field(default="auto", max_length=20)
    """auto, cpu, cuda, cuda:1, mps."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: what the device computes fastest with (`device.choose_dtype`)."""
    compile: bool = False
    """Have PyTorch compile the networks for an NVIDIA GPU: about a minute at the first start, somewhat faster then."""
    max_fps: float = Field(default=0.0, ge=0.0, le=240.0)
    """New pictures a second at most, live; between them the last one is shown again. 0: no limit."""
    gpu_share: float = Field(default=1.0, gt=0.0, le=1.0)
    """Part of the time, live, in which the networks may run, so that a game beside them keeps its frames."""
    degradation: Literal["auto", "off"] = "auto"
    """auto: if the engine cannot keep `least_fps`, live, it makes every other picture only, then computes less exactly,
    then leaves the drawing to the mesh engine; and tries again later (`budget`). off: it does its best."""
    least_fps: float = Field(default=10.0, ge=1.0, le=120.0)
    """Pictures a second that the viewers shall have."""
