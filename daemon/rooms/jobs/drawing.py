"""Pictures as the page gets them."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["jpeg"]

_QUALITY: Final = 82


def jpeg(image: NDArray[np.uint8], side: int) -> bytes:
    """(H, W, 3) uint8 RGB as a JPEG file of at most `side` x `side` pixels."""
    picture = Image.fromarray(image)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()
