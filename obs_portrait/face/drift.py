"""Has the driver's head moved away from its reference for good? Relative motion then carries a constant offset."""

from __future__ import annotations

from typing import Final

import numpy as np

from obs_portrait.face.headpose import angles
from obs_portrait.face.types import Observation

__all__ = ["DriftWatch"]

_ANGLE: Final = 12.0  # degrees, yaw or pitch or roll
_MOVED: Final = 0.5  # in widths of the face
_SCALED: Final = 1.35  # ratio of sizes, either way
_BACK: Final = 0.7  # of these limits: below it the drift is over
_FACE: Final = 468


class DriftWatch:
    """Averages pose, place and size of the head over about a minute, so that looking about is no drift.

    Feed it every frame that shows a face. Times are capture times.
    """

    def __init__(self, reference: Observation, minute_s: float = 60.0) -> None:
        self._reference = _figures(reference)
        self._size = (reference.width, reference.height)
        self._mean = self._reference.copy()
        self._span_ns = minute_s * 1e9
        self._last_ns: int | None = None
        self.away = False
        """Whether it has been told that the head is away."""

    def since(self, reference: Observation) -> DriftWatch:
        """One for another reference that goes on with the mean of this one: where somebody sits is the same, however
        often the reference changes with the persona."""
        after = DriftWatch(reference, self._span_ns / 1e9)
        if self._last_ns is not None and self._size == after._size:
            after._mean, after._last_ns = self._mean.copy(), self._last_ns
        return after

    def feed(self, observation: Observation) -> str | None:
        """One sentence when a drift begins, "" when it is over, None otherwise."""
        now = observation.captured_ns
        passed = 0 if self._last_ns is None else max(0, now - self._last_ns)
        self._last_ns = now
        share = 1.0 - float(np.exp(-min(passed, 1e9) / (self._span_ns / 2)))  # a pause counts a second at most
        self._mean += share * (_figures(observation) - self._mean)
        what, much = self._worst()
        if not self.away and much >= 1.0:
            self.away = True
            return (
                f"Your head has been away from where you calibrated ({what}); recalibrate when you sit as you want to."
            )
        if self.away and much < _BACK:
            self.away = False
            return ""
        return None

    def _worst(self) -> tuple[str, float]:
        """What differs most, in words, and by how much: 1 is the limit."""
        difference = self._mean - self._reference
        width = float(np.exp(self._reference[5]))
        turn = max(difference[:3], key=abs)
        moved = float(np.hypot(difference[3], difference[4])) / width
        scaled = float(np.exp(difference[5]))
        nearer = "nearer" if scaled > 1 else "farther away"
        return max(
            (f"turned by {abs(turn):.0f}°", abs(float(turn)) / _ANGLE),
            ("it is at another place in the picture", moved / _MOVED),
            (f"you are {nearer}", abs(float(difference[5])) / float(np.log(_SCALED))),
            key=lambda one: one[1],
        )


def _figures(observation: Observation) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Yaw, pitch, roll in degrees; centre x, y in pixels; logarithm of the face's width in pixels."""
    face = observation.landmarks[:_FACE, :2]
    centre = face.mean(0)
    width = max(float(np.ptp(face[:, 0])), 1.0)
    return np.array([*angles(observation.pose), *centre, np.log(width)], np.float64)
