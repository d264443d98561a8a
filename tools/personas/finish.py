"""From a render to the picture of a persona: ink, halftone, scan lines, glow, and a small PNG.

    python tools/personas/finish.py NAME RENDER.png OUT.png

Reads `comic-normals.png` beside the render of "comic". Needs OpenCV and Pillow only.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float32]


def read(path: Path) -> Array:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.float32) / 255


def blur(image: Array, sigma: float) -> Array:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def step(x: Array, low: float, high: float) -> Array:
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def comic(render: Path) -> Array:
    """Flat colours in three tones, halftone dots in the shadows, ink where surfaces turn."""
    image, normals = read(render), read(render.with_name("comic-normals.png"))
    size = image.shape[0]
    unit = size / 1024
    calm = image.copy()
    for _ in range(3):
        calm = np.asarray(cv2.bilateralFilter(calm, 0, 0.09, 7 * unit), np.float32)
    hsv = cv2.cvtColor(calm, cv2.COLOR_RGB2HSV)
    value = hsv[..., 2]
    levels = np.array([0.12, 0.40, 0.68, 0.92, 1.0], np.float32)
    edges = [0.22, 0.50, 0.72, 0.93]
    tone = np.full_like(value, levels[0])
    for k, edge in enumerate(edges):
        tone += (levels[k + 1] - levels[k]) * step(value, edge - 0.015, edge + 0.015)
    flat = cv2.cvtColor(np.dstack([hsv[..., 0], np.clip(hsv[..., 1] * 1.25, 0, 1), tone]), cv2.COLOR_HSV2RGB)
    # Halftone: dots on a grid turned by 30 degrees, larger where it is darker.
    y, x = np.mgrid[:size, :size].astype(np.float32)
    pitch, a = 11.0 * unit, np.radians(30)
    u, v = (x * np.cos(a) + y * np.sin(a)) / pitch, (y * np.cos(a) - x * np.sin(a)) / pitch
    distance = np.hypot(u - np.round(u), v - np.round(v))
    shade = np.clip((0.74 - blur(value, 3 * unit)) * 1.3, 0, 0.46)
    dots = step(shade - distance, -0.06, 0.06)[..., None]
    flat = flat * (1 - 0.34 * dots)
    # Ink: jumps of direction and of colour.
    strength = np.zeros((size, size), np.float32)
    for layer, weight in ((blur(normals, 1.0 * unit), 1.0), (blur(calm, 1.2 * unit), 0.7)):
        for channel in range(3):
            dx = cv2.Sobel(layer[..., channel], cv2.CV_32F, 1, 0, ksize=3)
            dy = cv2.Sobel(layer[..., channel], cv2.CV_32F, 0, 1, ksize=3)
            strength = np.maximum(strength, weight * np.hypot(dx, dy) * unit)
    ink = blur(step(strength, 0.26, 0.46), 0.9 * unit)[..., None]
    paper = flat * (1 - ink) + np.array([0.035, 0.03, 0.06], np.float32) * ink
    return np.clip(paper, 0, 1)


def hologram(render: Path) -> Array:
    """Scan lines, glow, a little colour fringe, dust of light."""
    image = read(render)
    size = image.shape[0]
    unit = size / 1024
    shift = max(1, round(1.5 * unit))
    image = np.dstack([np.roll(image[..., 0], shift, 1), image[..., 1], np.roll(image[..., 2], -shift, 1)])
    y = np.arange(size, dtype=np.float32)[:, None, None] / unit
    lines = 0.90 + 0.10 * np.cos(2 * np.pi * y / 6.0)
    bands = 1 + 0.06 * np.sin(y / 47.0) + 0.04 * np.sin(y / 13.0 + 1)
    glow = blur(np.clip(image - 0.22, 0, 1), 9 * unit) * 0.55 + blur(np.clip(image - 0.3, 0, 1), 34 * unit) * 0.5
    out = image * 1.12 * lines * bands + glow
    rng = np.random.default_rng(5)
    dust = np.zeros((size, size), np.float32)
    for _ in range(90):
        px, py = rng.integers(0, size, 2)
        if np.hypot(px - size / 2, py - size * 0.48) > size * 0.33:
            cv2.circle(
                dust, (int(px), int(py)), max(1, round(rng.uniform(0.8, 2.2) * unit)), float(rng.uniform(0.2, 0.8)), -1
            )
    return np.clip(out + blur(dust, 1.1 * unit)[..., None] * np.array([0.25, 0.8, 1.0], np.float32), 0, 1)


def painted(render: Path) -> Array:
    """A little more light and warmth in the skin and the wall."""
    image = read(render)
    luma = (image @ np.array([0.3, 0.6, 0.1], np.float32))[..., None]
    lively = luma + (image - luma) * 1.18
    return np.clip(np.clip(lively, 0, 1) ** 0.90 * np.array([1.05, 1.02, 0.99], np.float32), 0, 1)


def marble(render: Path) -> Array:
    """White stone: highlights up, shadows kept."""
    image = read(render)
    return np.clip(image * 1.16 + 0.22 * (step(image, 0.0, 1.0) - image), 0, 1)


def main() -> None:
    name, render, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    image = {"comic": comic, "hologram": hologram, "painted": painted, "marble": marble}.get(name, read)(render)
    picture = Image.fromarray(np.uint8(np.round(image * 255)))
    picture.save(out, optimize=True, compress_level=9)
    if out.stat().st_size > 1_150_000:
        calm = cv2.fastNlMeansDenoisingColored(np.asarray(picture), None, 2, 2, 3, 9)
        Image.fromarray(calm).save(out, optimize=True, compress_level=9)
    print(out, out.stat().st_size)


if __name__ == "__main__":
    main()
