"""A still picture as a source, and silence as one."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from obs_portrait.errors import MediaError
from obs_portrait.media.files import MAX_SIDE
from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, MicBlock

__all__ = ["SilenceSource", "StillSource"]


class StillSource(VideoSource):
    """One picture, repeated at `rate` for `seconds` of media time."""

    live = False

    def __init__(self, path: Path | str, rate: Fraction = Fraction(25), seconds: float = 5.0) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self.rate = rate
        self.frame_count = max(1, round(rate * Fraction(seconds)))
        self.duration_ns = int(self.frame_count * 1_000_000_000 / rate)
        self._image: NDArray[np.uint8] | None = None
        self._index = 0

    def open(self) -> None:
        try:
            with Image.open(self.path) as picture:
                if max(picture.size) > MAX_SIDE:
                    raise MediaError(
                        f"{self.path}: {picture.size[0]}x{picture.size[1]} pixels are too many; the longest side may "
                        f"have {MAX_SIDE}. Make the picture smaller first."
                    )
                self._image = np.array(ImageOps.exif_transpose(picture).convert("RGB"), np.uint8)
        except FileNotFoundError:
            raise MediaError(f"{self.path}: there is no such picture.") from None
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise MediaError(f"{self.path}: the picture cannot be read ({error}).") from error
        self.height, self.width = self._image.shape[:2]

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        if self._image is None:
            raise MediaError(f"{self.path}: read before it was opened.")
        assert self.frame_count is not None  # noqa: S101 - narrows the type
        if self._index >= self.frame_count:
            return None
        captured = int(self._index * 1_000_000_000 / self.rate)
        self._index += 1
        return CameraFrame(self._image.copy(), captured, self._index - 1)

    def close(self) -> None:
        self._image = None


class SilenceSource(AudioSource):
    """No microphone: zeros for `seconds` of media time, or for ever."""

    name = "silence"
    live = False

    def __init__(self, seconds: float | None = None) -> None:
        self._left = None if seconds is None else round(seconds * SAMPLE_RATE)
        self._position = 0
        self.duration_ns = None if seconds is None else int(seconds * 1e9)

    def open(self) -> None:
        """Nothing to open."""

    def read(self, samples: int) -> MicBlock | None:
        count = samples if self._left is None else min(samples, self._left)
        if count == 0 and samples:
            return None
        if self._left is not None:
            self._left -= count
        block = MicBlock(np.zeros(count, np.float32), self._position * 1_000_000_000 // SAMPLE_RATE, self._position)
        self._position += count
        return block

    def close(self) -> None:
        """Nothing to close."""
