"""A picture of a measurement: the age of what OBS showed, over time, and how sound lay to it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from obs_portrait.obs.latency.measure import Latency

__all__ = ["plot"]

_SIZE = (900, 420)
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 30, 60, 60


def plot(found: Latency, path: Path) -> Path:
    """Writes a PNG and returns its path. Raises `OSError`."""
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(18), ImageFont.load_default(13)
    highest = max(100.0, *(age for _, age in found.ages)) * 1.1 if found.ages else 100.0
    last = max((at for at, _ in found.ages), default=1.0)
    wide, high = _SIZE[0] - _LEFT - _RIGHT, _SIZE[1] - _TOP - _BOTTOM

    def place(at: float, age: float) -> tuple[float, float]:
        return _LEFT + wide * at / last, _SIZE[1] - _BOTTOM - high * age / highest

    step = 20 if highest <= 200 else 100 if highest <= 1000 else 500
    for level in range(0, int(highest) + 1, step):
        y = place(0, level)[1]
        draw.line((_LEFT, y, _SIZE[0] - _RIGHT, y), fill="#dddddd")
        draw.text((_LEFT - 10, y), str(level), fill="#444444", font=small, anchor="rm")
    for at, age in found.ages:
        x, y = place(at, age)
        draw.ellipse((x - 2.5, y - 2.5, x + 2.5, y + 2.5), fill="#2a6fdb")
    y = place(0, found.picture.median)[1]
    draw.line((_LEFT, y, _SIZE[0] - _RIGHT, y), fill="#d1495b", width=2)
    title = f"capture -> OBS: picture {found.picture.median:.0f} ms (95 % within {found.picture.p95:.0f} ms)"
    if found.sound_ms is not None and found.skew_ms is not None:
        title += f", sound {found.sound_ms:.0f} ms, skew {found.skew_ms:+.0f} ms"
    draw.text((_LEFT, 20), title, fill="black", font=font)
    draw.text((_LEFT + wide / 2, _SIZE[1] - 28), "seconds", fill="#444444", font=small, anchor="ma")
    for second in range(int(last) + 1):
        draw.text((place(second, 0)[0], _SIZE[1] - _BOTTOM + 6), str(second), fill="#444444", font=small, anchor="ma")
    draw.text((_LEFT - 10, _TOP - 16), "ms", fill="#444444", font=small, anchor="rm")
    image.save(path)
    return path
