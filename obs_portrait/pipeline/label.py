"""The synthetic-media label: what viewers are told, drawn into every picture of a persona that asks for it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from obs_portrait.face.types import Canvas

__all__ = ["Label"]

_SHADE: Final = 0.55
_LEAST: Final = 9  # pixels: smaller letters cannot be read


class Label:
    """A line of text on a dark strip in the lower left corner, prepared once for one size of picture."""

    def __init__(self, text: str, canvas: Canvas) -> None:
        """`text`: shortened with "…" if it is wider than the picture."""
        size = max(_LEAST, round(min(canvas.width, canvas.height) / 28))
        font = ImageFont.load_default(size)
        pad = size // 2
        room = canvas.width - 4 * pad
        while len(text) > 1 and font.getlength(text) > room:
            text = text[:-2].rstrip() + "…"
        width = min(canvas.width, round(font.getlength(text)) + 2 * pad)
        height = min(canvas.height, size + 2 * (pad // 2) + 2)
        strip = Image.new("L", (width, height), 0)
        ImageDraw.Draw(strip).text((pad, pad // 2), text, fill=255, font=font)
        self._ink = np.asarray(strip, np.uint16)[..., None]
        top = max(0, canvas.height - height - pad)
        left = min(pad, canvas.width - width)
        self._place = (slice(top, top + height), slice(left, left + width))

    def draw(self, image: NDArray[np.uint8]) -> None:
        """Draws it into (H, W, 3) uint8 of the canvas's size, in place."""
        under = image[self._place].astype(np.uint16)
        dark = under * round(256 * (1 - _SHADE)) >> 8
        image[self._place] = (dark * (255 - self._ink) + 255 * self._ink) // 255
