"""Which part of the camera picture the tracker is given: the crop keys of the preview."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from obs_portrait.media.types import CameraFrame

__all__ = ["Framing"]


@dataclass(frozen=True, slots=True)
class Framing:
    """A window into the camera picture. zoom: 1 = the whole picture, 4 = a quarter of its width and height.
    x, y: where the window's centre is, 0.5 = the middle; clipped so that the window stays inside."""

    zoom: float = 1.0
    x: float = 0.5
    y: float = 0.5

    def zoomed(self, factor: float) -> Framing:
        """Nearer (factor > 1) or farther, between the whole picture and a quarter of it."""
        return replace(self, zoom=min(4.0, max(1.0, self.zoom * factor))).moved(0.0, 0.0)

    def moved(self, dx: float, dy: float) -> Framing:
        """Moves the window by a fraction of its own size."""
        half = 0.5 / self.zoom

        def clip(at: float) -> float:
            return min(1.0 - half, max(half, at))

        return replace(self, x=clip(self.x + dx / self.zoom), y=clip(self.y + dy / self.zoom))

    def cut(self, frame: CameraFrame) -> CameraFrame:
        """The part of the frame inside the window; the frame itself where that is all of it."""
        if self.zoom <= 1.0:
            return frame
        height, width = frame.image.shape[:2]
        w, h = max(16, round(width / self.zoom)), max(16, round(height / self.zoom))
        left = min(width - w, max(0, round(self.x * width - w / 2)))
        top = min(height - h, max(0, round(self.y * height - h / 2)))
        image = np.ascontiguousarray(frame.image[top : top + h, left : left + w])
        return CameraFrame(image, frame.captured_ns, frame.index)
