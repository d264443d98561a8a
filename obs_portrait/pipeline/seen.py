"""What an engine may have seen of the driver: thumbnails of the last pictures, for the guard to compare with.

An engine that works on several pictures at once may hand back one that is a few frames old, and the driver's neutral
frame is shown to it once for a whole show. The pictures themselves are not kept: of each there are two thumbnails of 32
by 32, and a weak reference that tells its memory as long as somebody else keeps it.
"""

from __future__ import annotations

import weakref
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.likeness import (
    ALIGNED_DISTANCE,
    COPY_DISTANCE,
    PAIRS,
    SIDE,
    aligned,
    apart,
    coarse,
    sketch,
    turned,
)

__all__ = ["FRAMES", "REFERENCES", "Seen"]

FRAMES: Final = 128
"""Camera pictures that are remembered: 4.3 s at 30 a second, 2.1 s at 60."""
REFERENCES: Final = 8
"""Neutral frames that are remembered for good, the newest ones."""

_LOOKS: Final = 3  # pictures that are compared exactly, those that correlate best
_ALIKE: Final = 0.7  # correlation of the coarse thumbnails from which on that is worth while
_MOVED: Final = 0.35  # … for a search for the position that suits best, of the first one alone
_AT_ONCE: Final = 64
"""Rows of a product of matrices. A larger one OpenBLAS shares among all cores and waits for each, which takes 10 ms
where they are busy, and 0.05 ms in pieces."""


class Seen:
    """Remembers pictures. One object serves one stream; it is not thread-safe."""

    def __init__(self, aspect: float) -> None:
        """`aspect`: width / height of the pictures that will be asked for."""
        self._aspect = self._theirs = aspect
        self._frames = self._references = 0  # that were given so far
        self._owners: list[weakref.ref[Any] | None] = [None] * (REFERENCES + FRAMES)
        self._newest: tuple[weakref.ref[Any], int, int] | None = None
        self._crops = False  # some camera picture has a second view
        self._fine = np.zeros((0, 2, 3, SIDE, SIDE), np.float32)  # references first; made when the first one comes
        self._coarse = np.zeros((2, 0, 3, SIDE * SIDE // 4), np.float32)

    def add(self, camera: CameraFrame) -> None:
        """The camera's newest frame. The same one once more changes nothing."""
        image, stamps = camera.image, (camera.captured_ns, camera.index)
        if self._newest is not None and self._newest[0]() is image and self._newest[1:] == stamps:
            return
        self._theirs = image.shape[1] / image.shape[0]
        self._keep(REFERENCES + self._frames % FRAMES, image)
        self._frames += 1
        self._newest = (weakref.ref(image), *stamps)

    def add_reference(self, camera: CameraFrame) -> None:
        """The driver's neutral frame, which an engine is shown. Is kept when the others have gone."""
        owner = _owner(camera.image)
        if any(known is not None and known() is owner for known in self._owners[:REFERENCES]):
            return
        self._keep(self._references % REFERENCES, camera.image)
        self._references += 1

    def shares(self, result: NDArray[Any]) -> bool:
        """Whether `result` lies in the memory of a picture that is still somewhere."""
        owners = (known() for known in self._owners if known is not None)
        return any(owner is not None and np.may_share_memory(result, owner) for owner in owners)

    def copied(self, picture: NDArray[np.uint8], moved: bool) -> list[tuple[NDArray[np.float32], bool]]:
        """Sketches of the pictures of which `picture` is a copy, and whether it was moved. moved: one that was slightly
        cropped, shifted, scaled or turned is looked for as well."""
        if not self._fine.size:
            return []
        rows = REFERENCES + min(self._frames, FRAMES)
        views = [turned(view) for view in sketch(picture, self._theirs)]
        pairs = [(ours, theirs) for ours, theirs in PAIRS if views[ours].any() and (not theirs or self._crops)]
        if not pairs:
            return []
        likeness = np.stack([self._correlate(views[ours], theirs, rows) for ours, theirs in pairs], axis=1)
        strength = np.abs(likeness).reshape(rows, -1)
        best = strength.max(axis=1)
        looks = []
        for row in np.argsort(best)[: -_LOOKS - 1 : -1]:
            pair, channel, way = np.unravel_index(int(strength[row].argmax()), likeness.shape[1:])
            ours, theirs = pairs[int(pair)]
            sign = np.float32(np.sign(likeness[row, pair, channel, way]))  # a negative correlates as well
            looks.append((row, self._fine[row, theirs, channel], views[ours].reshape(-1, SIDE, SIDE)[way] * sign))
        found = [
            (self._fine[row], False)
            for row, theirs, ours in looks
            if best[row] >= _ALIKE and apart(theirs, ours) < COPY_DISTANCE
        ]
        row, one, other = looks[0]
        if moved and not found and best[row] >= _MOVED and aligned(one, other) < ALIGNED_DISTANCE:
            found.append((self._fine[row], True))
        return found

    @property
    def aspect(self) -> float:
        """Width / height of the newest camera picture."""
        return self._theirs

    def _keep(self, row: int, image: NDArray[np.uint8]) -> None:
        if not self._fine.size:
            self._fine = np.zeros((REFERENCES + FRAMES, 2, 3, SIDE, SIDE), np.float32)
            self._coarse = np.zeros((2, REFERENCES + FRAMES, 3, SIDE * SIDE // 4), np.float32)
        self._fine[row] = sketch(image, self._aspect)
        self._coarse[:, row] = coarse(self._fine[row])
        self._crops = self._crops or bool(self._fine[row, 1].any())
        self._owners[row] = weakref.ref(_owner(image))

    def _correlate(self, ways: NDArray[np.float32], theirs: int, rows: int) -> NDArray[np.float32]:
        """(rows, 3, 12): of the first pictures' channels with a view's four ways of three channels."""
        asked = coarse(ways).reshape(-1, SIDE * SIDE // 4).T
        known = self._coarse[theirs, :rows].reshape(-1, SIDE * SIDE // 4)
        out = np.empty((known.shape[0], asked.shape[1]), np.float32)
        for at in range(0, known.shape[0], _AT_ONCE):
            np.matmul(known[at : at + _AT_ONCE], asked, out=out[at : at + _AT_ONCE])
        return out.reshape(rows, 3, -1)


def _owner(image: NDArray[Any]) -> NDArray[Any]:
    """The array that holds the memory: views of it do not keep each other."""
    while isinstance(image.base, np.ndarray):
        image = image.base
    return image
