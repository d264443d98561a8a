"""Is this picture a copy of the camera's, this sound a copy of the microphone's? Cheap enough for every frame.

The guard asks before it seals anything. These checks catch an engine or converter that hands back what it was given:
as it is, resized, letterboxed, cropped to the canvas, mirrored, upside down, with other brightness, contrast or
channel order; delayed, louder or softer, with the other sign. They do not prove the absence of every trace (a leak of
a small part of the picture passes); what does is `leak`, which marks the inputs and looks for the mark at the sinks.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.media.types import SAMPLE_RATE

__all__ = ["COPY_DISTANCE", "ECHO_CORRELATION", "SAME_SCENE", "EchoCheck", "copy_distance"]

COPY_DISTANCE: Final = 0.07
"""Two pictures nearer than this are one picture. The unit is the standard deviation of brightness: the value of
`copy_distance` is the 90th percentile of the differences between the normalised thumbnails of both. Measured: resized,
cropped, noisy and dimmed copies 0.00 to 0.05; personas of other people 0.9 and more."""

SAME_SCENE: Final = 0.4
"""A persona whose portrait is nearer than this to the camera picture is the driver, in the same place: then a good
rendering *is* close to the camera picture, and that is no leak of anything that the portrait does not show."""

ECHO_CORRELATION: Final = 0.985
"""Pre-emphasised output that correlates better than this with the microphone at one delay is the microphone."""

_SIDE: Final = 32
_FLAT: Final = 2.0  # standard deviation in levels: a picture flatter than this shows nobody
_QUIET: Final = 10 ** (-55 / 20)  # RMS of pre-emphasised sound: below it there is nothing to hear


def _sketch(image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """(H, W, 3) uint8 -> normalised (32, 32) thumbnail of the green channel (so RGB and BGR agree), None if flat."""
    import cv2  # here: the audio process loads this module, and nothing of the picture

    step = max(1, min(image.shape[:2]) // 240)
    green = np.ascontiguousarray(image[::step, ::step, 1])
    small = cv2.resize(green, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    spread = float(small.std())
    if spread < _FLAT:
        return None
    return np.asarray((small - small.mean()) / spread, np.float32)


def _centre(image: NDArray[np.uint8], aspect: float) -> NDArray[np.uint8]:
    """The largest centred part of `image` with this aspect ratio (width / height)."""
    height, width = image.shape[:2]
    w, h = min(width, round(height * aspect)), min(height, round(width / aspect))
    x, y = (width - w) // 2, (height - h) // 2
    return image[y : y + max(h, 1), x : x + max(w, 1)]


def copy_distance(picture: NDArray[np.uint8], camera: NDArray[np.uint8]) -> float:
    """How far `picture` is from being a copy of `camera`; both (H, W, 3) uint8, sizes may differ.

    0: the same; below `COPY_DISTANCE`: a copy. Tries it stretched, letterboxed and cropped to the other's shape, each
    as it is, mirrored, upside down and both. Infinite where one of them is flat and so shows nothing.
    """
    ours, theirs = picture.shape[1] / picture.shape[0], camera.shape[1] / camera.shape[0]
    pairs = [(picture, camera)]
    if abs(ours / theirs - 1) > 0.02:
        pairs += [(_centre(picture, theirs), camera), (picture, _centre(camera, ours))]
    best = np.inf
    for one, other in pairs:
        a, b = _sketch(one), _sketch(other)
        if a is None or b is None:
            continue
        for turned in (b, b[:, ::-1], b[::-1], b[::-1, ::-1]):
            best = min(best, float(np.partition(np.abs(a - turned).ravel(), _TENTH)[_TENTH]))
    return best


_TENTH: Final = round(0.9 * _SIDE * _SIDE)


class EchoCheck:
    """Watches one converter's output for the microphone's signal.

    Each block is compared at the delays that a converter that does nothing would have (0 and its stated latency);
    every 40 ms the last 43 ms of output are compared at *all* delays up to 100 ms. What that finds out late must not
    go on between two looks: the converter then counts as an echo until 0.12 s have passed without one.
    """

    _WINDOW: Final = 2048
    _REACH: Final = SAMPLE_RATE // 10
    _EVERY: Final = SAMPLE_RATE // 25
    _LEAST: Final = 64
    _FEW: Final = 12.0

    def __init__(self) -> None:
        self._heard = np.zeros(self._WINDOW + self._REACH + 1, np.float32)
        self._made = np.zeros(self._WINDOW + 1, np.float32)
        self._since = 0
        self._guilty = 0  # samples for which the converter is not trusted
        self._size = 1 << (self._heard.size - 1).bit_length()

    def is_echo(self, made: NDArray[np.float32], heard: NDArray[np.float32], delays: tuple[int, ...]) -> bool:
        """`made`: (n,) finite output for the input block `heard` (n,); `delays` in samples. Call for every block,
        with zeros for one that came to nothing."""
        self._heard = _push(self._heard, heard)
        self._made = _push(self._made, made)
        self._guilty = max(0, self._guilty - made.size)
        self._since += made.size
        if self._since >= self._EVERY:
            self._since = 0
            if self._matches_anywhere():
                self._guilty = 3 * self._EVERY
        count = min(max(made.size, self._LEAST), self._WINDOW)
        return self._guilty > 0 or any(self._matches(delay, count) for delay in set(delays))

    def _matches(self, delay: int, count: int) -> bool:
        if not 0 <= delay <= self._REACH:
            return False
        end = self._heard.size - delay
        a, b = np.diff(self._made[-count:]), np.diff(self._heard[end - count : end])
        power = float(np.dot(a, a)) * float(np.dot(b, b))
        if power < (_QUIET**2 * count) ** 2 or float(np.dot(a, b)) ** 2 < ECHO_CORRELATION**2 * power:
            return False
        squares = b * b  # the first samples after silence: any two of them look alike
        if float(squares.sum()) ** 2 <= self._FEW * float(np.dot(squares, squares)):
            return False
        # A converter may place the first period of a loud vowel where it was; what it made of its timbre is in the
        # treble, which weighs more in the second difference (measured: 0.90 to 0.95 there, 0.97 to 0.99 in the first).
        a, b = np.diff(a), np.diff(b)
        return float(np.dot(a, b)) ** 2 >= ECHO_CORRELATION**2 * float(np.dot(a, a)) * float(np.dot(b, b))

    def _matches_anywhere(self) -> bool:
        a, b = np.diff(self._made), np.diff(self._heard)
        own = float(np.dot(a, a))
        if own < _QUIET**2 * a.size:
            return False
        spectrum = np.fft.rfft(b, self._size) * np.conj(np.fft.rfft(a, self._size))
        cross = np.fft.irfft(spectrum, self._size)[: b.size - a.size + 1]
        power = np.concatenate(([0.0], np.cumsum(b.astype(np.float64) ** 2)))
        theirs = np.maximum(power[a.size :] - power[: b.size - a.size + 1], _QUIET**2 * a.size)
        return bool(np.any(cross**2 > ECHO_CORRELATION**2 * own * theirs))


def _push(line: NDArray[np.float32], block: NDArray[np.float32]) -> NDArray[np.float32]:
    if block.size >= line.size:
        return block[-line.size :].copy()
    return np.concatenate((line[block.size :], block))
