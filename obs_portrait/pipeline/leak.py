"""Leaks that can be seen: a mark on the driver's picture and voice, and detectors that find it in any output.

`PictureMark` adds six faint colour gratings to a camera picture, whose spatial frequencies form a constellation that
no natural picture has; brightness stays as it is, so the tracker is not disturbed. The detector looks for the
constellation in the Fourier spectrum, at all scales of either axis, which also covers shifts, crops, letterboxes and
mirror images (the idea of a template in the spectrum: S. Pereira and T. Pun, "Robust template matching for affine
resistant image watermarks", IEEE Trans. Image Processing 9, 2000). Whatever shows pixels of the camera shows the mark.

`ToneMark` adds three faint steady tones to a microphone signal. A converter rightly passes on what is said, so the
mark has to be something that conversion destroys: overlap-add of short grains that are resampled by the formant ratio
moves a tone at 10 kHz by hundreds of Hz and smears it, while the signal itself, delayed, filtered or coded, keeps three
sharp lines at exactly their places.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, MicBlock

__all__ = ["MarkedAudioSource", "MarkedVideoSource", "PictureMark", "ToneMark"]

PICTURE_THRESHOLD: Final = 3.5
"""Detector score from which on a picture is marked. Unmarked pictures score 1.9 to 2.6, marked ones 5 to 40."""

TONE_THRESHOLD: Final = 25.0
"""Height of a line over its neighbourhood in dB from which on sound is marked."""

_GRATINGS: Final = np.array([(19, 7), (9, -23), (27, -11), (13, 22), (30, 14), (5, -33)], np.float64)
"""Cycles to the right and down per shorter side of the picture."""
_PHASES: Final = 2 * np.pi * np.array([0.62, 0.90, 0.78, 0.23, 0.30, 0.87])
_COLOUR: Final = np.array([1.0, -0.315, -1.0], np.float32)
"""Direction of the gratings in RGB: red against blue, green such that luma (BT.601) does not change."""
_SIDE: Final = 256
_SCALES: Final = np.exp(np.arange(np.log(0.35), np.log(2.6), 0.025))
_WINDOW: Final = np.outer(np.hanning(_SIDE), np.hanning(_SIDE)).astype(np.float32)

TONES_HZ: Final = (9613.0, 11329.0, 12773.0)


@dataclass(frozen=True, slots=True)
class PictureMark:
    """The mark for pictures. amplitude: of the gratings' sum, in levels; 4 is hardly visible, 12 is plain."""

    amplitude: float = 8.0

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A marked copy of (H, W, 3) uint8 RGB."""
        height, width = image.shape[:2]
        grating = _pattern(height, width)
        return np.asarray(np.clip(image + self.amplitude * grating[..., None] * _COLOUR + 0.5, 0, 255), np.uint8)

    @staticmethod
    def score(image: NDArray[np.uint8], parts: bool = True, part: int | None = None) -> float:
        """How plainly (H, W, 3) uint8 RGB shows the mark. `parts`: also looks into its four quarters and its middle,
        for a picture of the camera that fills only a part; `part`: into one of those five alone (modulo 5), for
        whoever has to look at thirty pictures a second."""
        views = [image]
        height, width = image.shape[:2]
        if parts and min(height, width) >= 128:
            h, w = height // 2, width // 2
            corners = [(0, 0), (0, w), (h, 0), (h, w), (h // 2, w // 2)]
            if part is not None:
                corners = [corners[part % len(corners)]]
            views += [image[y : y + h, x : x + w] for y, x in corners]
        return max(_score(np.ascontiguousarray(view)) for view in views)

    @classmethod
    def found(cls, image: NDArray[np.uint8], parts: bool = True, part: int | None = None) -> bool:
        """Whether the picture shows anything of a marked one."""
        return cls.score(image, parts, part) >= PICTURE_THRESHOLD


def _pattern(height: int, width: int) -> NDArray[np.float32]:
    unit = min(height, width)
    x, y = np.arange(width) / unit, np.arange(height) / unit
    total = np.zeros((height, width), np.float32)
    for (u, v), phase in zip(_GRATINGS, _PHASES, strict=True):
        wave = np.outer(np.exp(2j * np.pi * v * y), np.exp(1j * (2 * np.pi * u * x + phase)))
        total += wave.real.astype(np.float32)
    return total / np.float32(np.sqrt(len(_GRATINGS) / 2))


def _score(image: NDArray[np.uint8]) -> float:
    while min(image.shape[:2]) >= 2 * _SIDE:  # in even steps, which cost a tenth of one to an odd size
        half = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
        image = np.asarray(half, np.uint8)
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    colour = small[..., 0] - small[..., 2]
    plane = cv2.dft((colour - colour.mean()) * _WINDOW, flags=cv2.DFT_COMPLEX_OUTPUT)
    spectrum = np.fft.fftshift(cv2.magnitude(plane[..., 0], plane[..., 1]))
    peaks = cv2.dilate(spectrum, np.ones((3, 3), np.uint8))
    relief = peaks / (cv2.blur(spectrum, (17, 17)) + np.float32(1e-3) + spectrum.max() * np.float32(1e-4))
    best = 0.0
    rows, rows_in = _places(_GRATINGS[:, 1])
    for mirrored in (1, -1):
        columns, columns_in = _places(_GRATINGS[:, 0] * mirrored)
        inside = rows_in[:, :, None] & columns_in[:, None, :]
        heights = np.where(inside, relief[rows[:, :, None], columns[:, None, :]], np.float32(0))
        best = max(best, float(_second_lowest(heights).max()))
    return best


def _second_lowest(heights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of the six along axis 0: all lines of the constellation must be there, one may be covered by the picture."""
    lowest, second = np.minimum(heights[0], heights[1]), np.maximum(heights[0], heights[1])
    for row in heights[2:]:
        second = np.minimum(second, np.maximum(lowest, row))
        lowest = np.minimum(lowest, row)
    return np.asarray(second, np.float32)


def _places(cycles: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Row or column in the shifted spectrum of each grating at each scale, and whether it is inside."""
    at = np.rint(cycles[:, None] * _SCALES).astype(np.intp) + _SIDE // 2
    inside = (at >= 0) & (at < _SIDE)
    return np.where(inside, at, 0), inside


@dataclass(frozen=True, slots=True)
class ToneMark:
    """The mark for sound. level_db: amplitude of each of the three tones in dB of full scale."""

    level_db: float = -40.0
    window: int = SAMPLE_RATE // 4

    def apply(self, samples: NDArray[np.float32], first: int) -> NDArray[np.float32]:
        """A marked copy of (n,) float32; `first`: number of its first sample in the stream."""
        at = np.arange(first, first + samples.size, dtype=np.float64) / SAMPLE_RATE
        tones = sum(np.sin(2 * np.pi * hz * at) for hz in TONES_HZ)
        return (samples + 10 ** (self.level_db / 20) * np.asarray(tones)).astype(np.float32)

    def scores(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """Height in dB of the second highest of the three lines, for windows of `window` samples, half overlapping."""
        size = self.window
        padded = np.pad(samples.astype(np.float64), (0, max(0, size - samples.size)))
        shape = np.hanning(size)
        starts = range(0, padded.size - size + 1, size // 2)
        return np.array([_line_height(np.abs(np.fft.rfft(padded[i : i + size] * shape)), size) for i in starts])

    def leaked(self, samples: NDArray[np.float32]) -> int:
        """How many of the samples lie in windows that show the mark."""
        size, step = self.window, self.window // 2
        hit = np.zeros(max(samples.size, size), bool)
        for place, height in enumerate(self.scores(samples)):
            if height >= TONE_THRESHOLD:
                hit[place * step : place * step + size] = True
        return int(hit[: samples.size].sum())


def _line_height(spectrum: NDArray[np.float64], size: int) -> float:
    heights = []
    for hz in TONES_HZ:
        at = round(hz * size / SAMPLE_RATE)
        beside = np.concatenate((spectrum[at - 30 : at - 4], spectrum[at + 5 : at + 31]))
        floor = np.sqrt(np.mean(beside**2)) + 1e-6 * size  # a line below -120 dB of full scale is none
        heights.append(20 * np.log10(spectrum[at - 1 : at + 2].max() / floor + 1e-12))
    return float(sorted(heights)[1])


class MarkedVideoSource(VideoSource):
    """Any video source, with the mark put on every picture before anybody sees it."""

    def __init__(self, source: VideoSource, mark: PictureMark | None = None) -> None:
        self._source, self._mark = source, mark or PictureMark()
        self.name, self.live = source.name, source.live

    def open(self) -> None:
        self._source.open()
        self.width, self.height, self.rate = self._source.width, self._source.height, Fraction(self._source.rate)
        self.frame_count, self.duration_ns = self._source.frame_count, self._source.duration_ns

    def close(self) -> None:
        self._source.close()

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        frame = self._source.read(timeout)
        self.damaged = self._source.damaged
        return frame and CameraFrame(self._mark.apply(frame.image), frame.captured_ns, frame.index)


class MarkedAudioSource(AudioSource):
    """Any audio source, with the mark mixed in."""

    def __init__(self, source: AudioSource, mark: ToneMark | None = None) -> None:
        self._source, self._mark = source, mark or ToneMark()
        self.name, self.live = source.name, source.live

    def open(self) -> None:
        self._source.open()
        self.duration_ns = self._source.duration_ns

    def close(self) -> None:
        self._source.close()

    def read(self, samples: int) -> MicBlock | None:
        block = self._source.read(samples)
        self.damaged = self._source.damaged
        return block and MicBlock(self._mark.apply(block.samples, block.index), block.captured_ns, block.index)
