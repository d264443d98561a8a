"""The contact sheet: frames of a rendering side by side on one page, with captions, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["Shot", "contact_sheet"]

_GROUND: Final = (20, 22, 27)
_TEXT: Final = (232, 234, 238)
_QUIET: Final = (138, 145, 158)
_ACCENT: Final = (94, 196, 182)


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture of the sheet: (H, W, 3) uint8 RGB, what stands below it in bold, and what stands beside that."""

    image: NDArray[np.uint8]
    title: str
    note: str = ""


def contact_sheet(
    shots: Sequence[Shot], heading: str, footing: str = "", columns: int = 3, width: int = 440
) -> Image.Image:
    """Lays the shots out in rows. `width`: of one picture in pixels; all are scaled to it.

    Returns a Pillow image in mode RGB. Raises `ValueError` without shots.
    """
    if not shots:
        raise ValueError("A contact sheet needs at least one picture.")
    margin, gap, caption, head = 36, 20, 46, 92
    ratio = shots[0].image.shape[0] / shots[0].image.shape[1]
    height = round(width * ratio)
    columns = min(columns, len(shots))
    rows = -(-len(shots) // columns)
    foot = 56 if footing else 12
    page = Image.new(
        "RGB",
        (2 * margin + columns * width + (columns - 1) * gap, head + rows * (height + caption + gap) + foot),
        _GROUND,
    )
    draw = ImageDraw.Draw(page)
    bold, text = ImageFont.load_default(19), ImageFont.load_default(16)
    draw.text((margin, 30), heading, fill=_TEXT, font=ImageFont.load_default(30))
    for place, shot in enumerate(shots):
        x = margin + place % columns * (width + gap)
        y = head + place // columns * (height + caption + gap)
        picture = Image.fromarray(shot.image).resize((width, height), Image.Resampling.LANCZOS)
        page.paste(picture, (x, y))
        draw.rectangle((x, y + height, x + width - 1, y + height + 2), fill=_ACCENT)
        draw.text((x, y + height + 12), shot.title, fill=_TEXT, font=bold)
        after = x + draw.textlength(shot.title, font=bold) + 12
        draw.text((after, y + height + 14), shot.note, fill=_QUIET, font=text)
    if footing:
        draw.text((margin, page.height - 44), footing, fill=_QUIET, font=text)
    return page
