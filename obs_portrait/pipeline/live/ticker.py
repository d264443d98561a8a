"""When the pacer writes: at the output rate on average, but in step with the engine where the two rates agree.

A plain timer adds half a period of latency on average, because frames arrive at any phase. This one is a small
phase-locked loop: a frame that comes up to half a period before its tick is written at once, and each such frame
moves the grid a little, until arrivals sit a quarter of a period before their ticks. Then a frame never waits, and one
that is up to a quarter of a period late still makes its tick.
"""

from __future__ import annotations

__all__ = ["Ticker"]

_PULL = 0.05
"""How far one frame may move the grid, in periods: bounds the rate to within 5% of the nominal one."""


class Ticker:
    """Pure timing; `now` is ns on any one monotonic clock.

    The caller waits for a new frame from `earliest` to `due`, writes it or a repetition, and calls `wrote`.
    """

    def __init__(self, period_ns: int, now: int) -> None:
        if period_ns <= 0:
            raise ValueError("The period must be positive.")
        self.period = period_ns
        self.due = now + period_ns

    @property
    def earliest(self) -> int:
        """From this time on a new frame may be written before it is due."""
        return self.due - self.period // 2

    def wrote(self, now: int, fresh: bool) -> None:
        """Called after a write at `now`. `fresh`: it was a new frame, so `now` tells the phase of arrivals."""
        step = self.period
        if fresh:
            most = round(self.period * _PULL)
            step += min(most, max(-most, now + self.period // 4 - self.due))
        self.due += step
        if self.due <= now:  # stalled: go on from now, never catch up with a burst
            self.due = now + self.period
