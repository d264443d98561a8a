"""The icon of each state. Each has an outline of its own, so that it is told apart without colours, from 16 pixels on.

Drawn on a grid of 16 units (a unit is a pixel at the smallest size), at four times the size that is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from daemon.tray.mood import Mood

__all__ = ["draw"]

_FINER: Final = 4
_UNITS: Final = 16.0
_WHITE: Final = (255, 255, 255, 255)
_EDGE: Final = (0, 0, 0, 150)
"""A thin dark edge keeps a bright shape apart from a bright panel; on a dark panel it is not seen."""


class _Pen:
    """Draws in units of the grid."""

    def __init__(self, size: int) -> None:
        self._scale = size * _FINER / _UNITS
        self.image = Image.new("RGBA", (size * _FINER, size * _FINER), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.image)

    def _at(self, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(x * self._scale, y * self._scale) for x, y in points]

    def _wide(self, units: float) -> int:
        return max(1, round(units * self._scale))

    def shape(self, points: list[tuple[float, float]], fill: tuple[int, int, int, int]) -> None:
        """A polygon with the edge around it."""
        self._draw.polygon(self._at(points), fill=fill)
        self._draw.line(self._at([*points, points[0], points[1]]), fill=_EDGE, width=self._wide(0.5), joint="curve")

    def disc(self, x: float, y: float, radius: float, fill: tuple[int, int, int, int], edge: bool = False) -> None:
        """A filled circle."""
        box = self._at([(x - radius, y - radius), (x + radius, y + radius)])
        self._draw.ellipse([*box[0], *box[1]], fill=fill, outline=_EDGE if edge else None, width=self._wide(0.5))

    def ring(self, x: float, y: float, radius: float, width: float, fill: tuple[int, int, int, int]) -> None:
        """A circle that is open inside."""
        box = self._at([(x - radius, y - radius), (x + radius, y + radius)])
        self._draw.ellipse([*box[0], *box[1]], outline=fill, width=self._wide(width))

    def line(self, points: list[tuple[float, float]], width: float, fill: tuple[int, int, int, int]) -> None:
        """A line with round ends."""
        at = self._at(points)
        self._draw.line(at, fill=fill, width=self._wide(width), joint="curve")
        for x, y in (points[0], points[-1]):
            self.disc(x, y, width / 2, fill)

    def arc(self, box: tuple[float, float, float, float], start: float, end: float, width: float) -> None:
        """A white piece of an ellipse, in degrees clockwise from three o'clock."""
        corners = self._at([box[:2], box[2:]])
        self._draw.arc([*corners[0], *corners[1]], start, end, fill=_WHITE, width=self._wide(width))

    def digit(self, text: str) -> None:
        """One large white digit in the middle."""
        font = ImageFont.load_default(size=12.5 * self._scale)
        self._draw.text(
            self._at([(8, 8.2)])[0], text, font=font, fill=_WHITE, anchor="mm", stroke_width=self._wide(0.2)
        )


def _around(count: int, radius: float, turn: float) -> list[tuple[float, float]]:
    """Corners of a regular polygon about the middle; turn in degrees."""
    angles = (math.radians(turn + 360 * i / count) for i in range(count))
    return [(8 + radius * math.cos(a), 8 + radius * math.sin(a)) for a in angles]


def _live(pen: _Pen) -> None:
    """A smiling mask."""
    top = [(8 + 7.5 * math.cos(math.radians(a)), 7 + 6.5 * math.sin(math.radians(a))) for a in range(180, 361, 10)]
    pen.shape([*top, (14.5, 9.5), (12, 13.2), (8, 15.5), (4, 13.2), (1.5, 9.5)], (22, 160, 80, 255))
    for x in (5, 11):
        pen.disc(x, 6.5, 1.5, _WHITE)
    pen.arc((4.2, 6.2, 11.8, 12.6), 25, 155, 1.4)


def _searching(pen: _Pen) -> None:
    """A magnifying glass."""
    amber = (232, 150, 10, 255)
    pen.line([(10.2, 10.2), (14.2, 14.2)], 3.8, _EDGE)
    pen.line([(10.2, 10.2), (14.2, 14.2)], 3.0, amber)
    pen.ring(6.5, 6.5, 6.2, 2.8, _EDGE)
    pen.ring(6.5, 6.5, 5.9, 2.2, amber)


def _frozen(pen: _Pen) -> None:
    """A snowflake on a square."""
    pen.shape([(1, 2), (2, 1), (14, 1), (15, 2), (15, 14), (14, 15), (2, 15), (1, 14)], (40, 120, 220, 255))
    for turn in (30, 90, 150):
        x, y = 5.2 * math.cos(math.radians(turn)), 5.2 * math.sin(math.radians(turn))
        pen.line([(8 - x, 8 - y), (8 + x, 8 + y)], 1.5, _WHITE)


def _panic(pen: _Pen) -> None:
    """A stop sign."""
    pen.shape(_around(8, 7.8, 22.5), (214, 30, 40, 255))
    pen.line([(4.4, 8), (11.6, 8)], 3.0, _WHITE)


def _off(pen: _Pen) -> None:
    """The sign of a switch, hollow."""
    grey = (128, 128, 128, 255)
    corners = (1.6, 2.4, 14.4, 15.2)
    scale = pen.image.width / _UNITS
    ImageDraw.Draw(pen.image).arc([c * scale for c in corners], -55, 235, fill=grey, width=round(2 * scale))
    pen.line([(8, 1.6), (8, 8)], 2.0, grey)


def _revealed(pen: _Pen) -> None:
    """A warning triangle with an open eye."""
    pen.shape([(8, 0.6), (15.6, 14.6), (0.4, 14.6)], (196, 30, 150, 255))
    pen.disc(8, 10, 3.1, _WHITE)
    pen.disc(8, 10, 1.5, (60, 0, 45, 255))


_DRAWERS: Final[dict[Mood, Callable[[_Pen], None]]] = {
    Mood.LIVE: _live, Mood.SEARCHING: _searching, Mood.FROZEN: _frozen, Mood.PANIC: _panic, Mood.OFF: _off,
    Mood.REVEALED: _revealed,
}  # fmt: skip


def draw(mood: Mood, size: int = 64, count: int | None = None) -> Image.Image:
    """A square RGBA picture of `size` pixels. count: shows this digit instead (the seconds before a calibration)."""
    pen = _Pen(size)
    if count is None:
        _DRAWERS[mood](pen)
    else:
        pen.disc(8, 8, 7.6, (40, 40, 48, 255), edge=True)
        pen.ring(8, 8, 7.6, 1.2, _WHITE)
        pen.digit(str(count % 10))
    return pen.image.resize((size, size), Image.Resampling.LANCZOS)
