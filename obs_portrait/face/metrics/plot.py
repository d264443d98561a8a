"""A run of judging on one page: some of its frames, and every figure over time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from obs_portrait.face.metrics.report import FIGURES, Figure, Report
from obs_portrait.face.metrics.spread import Spread

__all__ = ["Strip", "plot"]

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

_GROUND: Final = (20, 22, 27)
_PANEL: Final = (28, 31, 38)
_GRID: Final = (52, 57, 68)
_TEXT: Final = (232, 234, 238)
_QUIET: Final = (150, 157, 170)
_ACCENT: Final = (94, 196, 182)
_STATIC: Final = (122, 128, 142)
_LOST: Final = (226, 96, 84)
_WIDTH: Final = 1200
_MARGIN: Final = 36
_HEAD: Final = 96
_CHART: Final = 128
_GAP: Final = 14
_LEFT: Final = 190  # of the chart: name, unit and mean stand there
_AXIS: Final = 26  # below the last chart: numbers of frames
_STEPS: Final = (1.0, 2.0, 5.0)


class Strip:
    """Frames for the top of the page, evenly spread over the clip. labels: of the rows, from top to bottom."""

    def __init__(self, labels: Sequence[str], wanted: int = 7) -> None:
        self.labels = tuple(labels)
        self.wanted = wanted
        self._kept: Spread[tuple[int, list[Image.Image]]] = Spread(wanted)

    def add(self, number: int, pictures: Sequence[Picture]) -> None:
        """One frame: a picture for each row, (H, W, 3) uint8 RGB."""
        if not self._kept.due():
            self._kept.skip()
            return
        self._kept.add((number, [_thumbnail(picture) for picture in pictures]))

    def columns(self) -> list[tuple[int, list[Image.Image]]]:
        """(frame number, pictures) of those that are shown."""
        return self._kept.chosen()


def _thumbnail(picture: Picture) -> Image.Image:
    image = Image.fromarray(picture)
    image.thumbnail((320, 320), Image.Resampling.LANCZOS)
    return image


def plot(report: Report, strip: Strip | None = None) -> Image.Image:
    """The page, a Pillow image in mode RGB, 1200 pixels wide."""
    columns = strip.columns() if strip is not None else []
    labels = strip.labels if strip is not None else ()
    cell = _cell(columns, strip.wanted if strip is not None else 1)
    film = len(labels) * (cell[1] + 6) + 30 if columns else 0
    charts = len(report.figures) * (_CHART + _GAP) + _AXIS
    foot = 26 * len(report.left_out) + 16
    page = Image.new("RGB", (_WIDTH, _HEAD + film + charts + foot), _GROUND)
    draw = ImageDraw.Draw(page)
    _heading(draw, report)
    _film(page, draw, columns, labels, cell)
    top = _HEAD + film
    for key in report.figures:
        _chart(draw, report, FIGURES[key], top, [number for number, _ in columns])
        top += _CHART + _GAP
    _axis(draw, report, top - _GAP)
    top += _AXIS
    for number, reason in enumerate(report.left_out):
        draw.text((_MARGIN, top + 26 * number), reason, fill=_QUIET, font=ImageFont.load_default(14))
    return page


def _heading(draw: ImageDraw.ImageDraw, report: Report) -> None:
    title, large = f"{report.kind}: {report.subject}", ImageFont.load_default(26)
    while draw.textlength(title, font=large) > _WIDTH - 2 * _MARGIN:
        title = f"{title[:-2]}…"  # names of files may be longer than a page is wide
    draw.text((_MARGIN, 20), title, fill=_TEXT, font=large)
    text = (
        f"engine {report.engine}, {len(report.rows)} frames; no face in {sum(report.lost)} of them "
        f"(MKR {report.mkr:.3f}); {report.held} without a picture of the engine"
    )
    font = ImageFont.load_default(16)
    draw.text((_MARGIN, 58), text, fill=_QUIET, font=font)
    x = float(_WIDTH - _MARGIN)
    marks = [("the source as it is", _STATIC), (report.engine, _ACCENT)]
    for label, colour in marks + [("no face", _LOST)] * any(report.lost):
        x -= draw.textlength(label, font=font)
        draw.text((x, 58), label, fill=colour, font=font)
        draw.line((x - 30, 68, x - 8, 68), fill=colour, width=3)
        x -= 48


def _cell(columns: Sequence[tuple[int, list[Image.Image]]], wanted: int) -> tuple[int, int]:
    """Size of a thumbnail in pixels; all have the shape of the first."""
    width = (_WIDTH - 2 * _MARGIN - _LEFT) // max(1, wanted) - 6
    if not columns:
        return width, width
    first = columns[0][1][0]
    return width, min(2 * width, round(width * first.height / first.width))


def _film(
    page: Image.Image,
    draw: ImageDraw.ImageDraw,
    columns: Sequence[tuple[int, list[Image.Image]]],
    labels: Sequence[str],
    cell: tuple[int, int],
) -> None:
    width, height = cell
    font = ImageFont.load_default(15)
    for row, label in enumerate(labels if columns else ()):
        draw.text((_MARGIN, _HEAD + row * (height + 6) + height // 2 - 8), label, fill=_QUIET, font=font)
    for place, (number, pictures) in enumerate(columns):
        x = _MARGIN + _LEFT + place * (width + 6)
        for row, picture in enumerate(pictures):
            scale = min(width / picture.width, height / picture.height)
            fit = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
            y = _HEAD + row * (height + 6)
            page.paste(fit, (x + (width - fit.width) // 2, y + (height - fit.height) // 2))
        draw.text((x, _HEAD + len(labels) * (height + 6)), f"frame {number}", fill=_QUIET, font=font)


def _nice(low: float, high: float) -> tuple[float, float, float]:
    """Ends and step of an axis that holds [low, high] with two or three lines."""
    span = max(high - low, abs(high) * 1e-3, 1e-6)
    power = 10.0 ** np.floor(np.log10(span / 2))
    step = next((power * step for step in _STEPS if power * step * 3 >= span), power * 10)
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step), float(step)


def _across(report: Report, number: int) -> float:
    """Where a frame stands, from left to right."""
    left, right, numbers = _MARGIN + _LEFT, _WIDTH - _MARGIN, report.numbers
    return left + (right - left) * (number - numbers[0]) / max(1, numbers[-1] - numbers[0])


def _axis(draw: ImageDraw.ImageDraw, report: Report, top: int) -> None:
    """Numbers of frames below the charts."""
    font = ImageFont.load_default(13)
    first, last = report.numbers[0], report.numbers[-1]
    _, _, step = _nice(first, last / 2)
    ticks = [first, *range(int(step), last, max(1, int(step))), last]
    end = 0.0
    for number in sorted(set(ticks)):
        text = f"frame {number}" if number == first else str(number)
        size = draw.textlength(text, font=font)
        x = min(max(_across(report, number) - size / 2, _MARGIN + _LEFT), _WIDTH - _MARGIN - size)
        if number == first or (x > end + 14 and (number == last or x + size < _WIDTH - _MARGIN - 60)):
            draw.text((x, top + 5), text, fill=_QUIET, font=font)
            end = x + size


def _chart(draw: ImageDraw.ImageDraw, report: Report, figure: Figure, top: int, shown: Sequence[int]) -> None:
    """shown: frames whose pictures stand above."""
    left, right, bottom = _MARGIN + _LEFT, _WIDTH - _MARGIN, top + _CHART
    draw.rectangle((left, top, right, bottom), fill=_PANEL)
    ours, static = report.series(figure.key), report.series(figure.key, static=True)
    _legend(draw, report, figure, top)
    values = [value for value in ours + static if value is not None]
    if not values:
        draw.text((left + 16, top + 50), "no frame has this figure", fill=_QUIET, font=ImageFont.load_default(15))
        return
    low, high, step = _nice(0.0 if figure.falls else min(values), max(values))
    high = high if high > low else low + step
    numbers = report.numbers

    def at(number: int, value: float) -> tuple[float, float]:
        return _across(report, number), bottom - (bottom - top) * (value - low) / (high - low)

    font = ImageFont.load_default(13)
    for line in np.arange(low, high + step / 2, step):
        y = at(numbers[0], float(line))[1]
        draw.line((left, y, right, y), fill=_GRID)
        text = f"{line:.{max(0, -int(np.floor(np.log10(step))))}f}"
        draw.text((left - 8 - draw.textlength(text, font=font), y - 8), text, fill=_QUIET, font=font)
    for number in shown:
        x = at(number, low)[0]
        draw.line((x, top, x, bottom), fill=_GRID)
    for number, lost in zip(numbers, report.lost, strict=True):
        if lost:
            x = at(number, low)[0]
            draw.line((x, top, x, bottom), fill=_LOST)
    for series, colour in ((static, _STATIC), (ours, _ACCENT)):
        _line(draw, [None if v is None else at(n, v) for n, v in zip(numbers, series, strict=True)], colour)


def _line(draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float] | None], colour: Colour) -> None:
    """A line with gaps where there is no figure; a lone point is a dot."""
    for known, run in itertools.groupby(points, lambda point: point is not None):
        if not known:
            continue
        here = [point for point in run if point is not None]
        if len(here) > 1:
            draw.line(here, fill=colour, width=2, joint="curve")
        else:
            x, y = here[0]
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=colour)


def _legend(draw: ImageDraw.ImageDraw, report: Report, figure: Figure, top: int) -> None:
    """Name, unit, and the means of both lines."""
    draw.text((_MARGIN, top), figure.heading, fill=_TEXT, font=ImageFont.load_default(19))
    small = ImageFont.load_default(13)
    text = f"{figure.unit}; {'less' if figure.falls else 'more'} is better"
    words, line, y = text.split(), "", top + 26
    for word in [*words, ""]:
        if not word or draw.textlength(f"{line} {word}", font=small) > _LEFT - 44:
            draw.text((_MARGIN, y), line, fill=_QUIET, font=small)
            line, y = word, y + 15
        else:
            line = f"{line} {word}".strip()
    means = (report.means()[figure.key], _ACCENT), (report.means(static=True)[figure.key], _STATIC)
    x = float(_MARGIN)
    for value, colour in means:
        mean = "none" if value is None else f"{value:.{figure.digits}f}"
        font = ImageFont.load_default(17)
        draw.text((x, top + _CHART - 24), mean, fill=colour, font=font)
        x += draw.textlength(mean, font=font) + 14
