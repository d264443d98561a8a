"""How much the networks may do, live: a limit on pictures a second and on the share of time, and steps down when even
that cannot be kept. Plain arithmetic on times in ns; no clock is read here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

__all__ = ["Budget", "Ladder", "Step"]

_SECOND: Final = 1_000_000_000


class Step(IntEnum):
    """From the best to the cheapest."""

    FULL = 0
    EVERY_OTHER = 1
    """Every other keypoint pass is skipped. Without new keypoints the picture stays as it is."""
    LOW_PRECISION = 2
    """Also computes with 16 bits where 32 were asked for."""
    MESH = 3
    """The mesh engine draws, from landmarks alone."""


@dataclass(slots=True)
class Budget:
    """Lets a pass begin or not. max_fps: passes a second at most, 0 for no limit. share: part of the time that passes
    may take, 0 to 1."""

    max_fps: float = 0.0
    share: float = 1.0
    _earliest_ns: int | None = None
    _cost_ns: float = 0.0

    def allows(self, now_ns: int) -> bool:
        """May a pass begin now?"""
        return self._earliest_ns is None or now_ns >= self._earliest_ns - self._interval_ns() // 8

    def spent(self, begin_ns: int, end_ns: int) -> None:
        """A pass was made."""
        cost = max(0, end_ns - begin_ns)
        self._cost_ns = cost if self._cost_ns == 0 else 0.8 * self._cost_ns + 0.2 * cost
        interval = self._interval_ns()
        due = begin_ns if self._earliest_ns is None else self._earliest_ns
        # Counted from when it was due, so that a camera's jitter takes nothing away; but pauses are not made up for.
        self._earliest_ns = max(due, begin_ns - interval // 2) + interval

    def _interval_ns(self) -> int:
        limit = _SECOND / self.max_fps if self.max_fps > 0 else 0.0
        waiting = self._cost_ns / self.share if self.share < 1 else 0.0
        return round(max(limit, waiting))


@dataclass(slots=True)
class Ladder:
    """Which `Step` the engine is on. Goes down when passes have been too slow for `patience_s`, and tries one step up
    after a wait, which doubles with every attempt that fails (from `first_wait_s` to `longest_wait_s`).

    least_fps: pictures a second that are to be kept. steps: those that there are, best first; `Step.FULL` among them.
    """

    least_fps: float
    steps: tuple[Step, ...] = tuple(Step)
    patience_s: float = 2.0
    first_wait_s: float = 15.0
    longest_wait_s: float = 300.0
    _at: int = 0
    _slow_since_ns: int | None = None
    _moved_ns: int | None = None
    _wait_s: float = field(default=0.0)
    _climbed: bool = False

    @property
    def step(self) -> Step:
        """The present one."""
        return self.steps[self._at]

    def note(self, cost_ns: int, now_ns: int) -> Step:
        """A frame has been dealt with; `cost_ns`: of the pass of the networks for it, 0 where none was made."""
        if self._moved_ns is None:
            self._moved_ns, self._wait_s = now_ns, self.first_wait_s
        every = 2 if self.step >= Step.EVERY_OTHER else 1
        if cost_ns > 0 and self.step is not Step.MESH:
            slow = cost_ns / every > _SECOND / self.least_fps
            if not slow:
                self._slow_since_ns = None
            elif self._slow_since_ns is None:
                self._slow_since_ns = now_ns
            elif now_ns - self._slow_since_ns >= self.patience_s * _SECOND:
                self._down(now_ns)
                return self.step
        if self._at > 0 and now_ns - self._moved_ns >= self._wait_s * _SECOND and self._slow_since_ns is None:
            self._up(now_ns)
        return self.step

    def _down(self, now_ns: int) -> None:
        if self._climbed:  # the attempt to do better has failed
            self._wait_s = min(2 * self._wait_s, self.longest_wait_s)
        self._climbed = False
        self._at = min(self._at + 1, len(self.steps) - 1)
        self._moved_ns, self._slow_since_ns = now_ns, None

    def _up(self, now_ns: int) -> None:
        self._at -= 1
        self._climbed = True
        self._moved_ns, self._slow_since_ns = now_ns, None
