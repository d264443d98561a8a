"""What can be told of a player's state from how it takes what it is sent: it says nothing itself."""

from __future__ import annotations

from typing import Final

__all__ = ["GAP_NS", "Debt", "Pressure"]


GAP_NS: Final = 80_000_000
"""The shortest gap in the sound that OBS does not take for none (70 ms)."""


class Debt:
    """How far OBS has fallen behind, and when to make it good.

    Each of its ticks that finds no new picture sets its clock back by a tick, for good: after a busy hour it would
    show everything a quarter of a second late. What it misses are the pauses between our pictures, because this
    machine or the player stood still, so they are summed up. The debt is paid by letting the stream stand still for
    as long, which costs a gap in the voice; so it is paid while nobody speaks, or when it has waited long. And only
    when all has been calm for a while: on a busy machine OBS needs the delay, or sound would come too late for it.
    """

    _MOST_NS: Final = 250_000_000
    _CALM_NS: Final = 5_000_000_000
    _LONG_NS: Final = 30_000_000_000
    _QUIET_NS: Final = 150_000_000
    _QUIET: Final = 330

    def __init__(self) -> None:
        self.owed_ns = 0
        self._loud_ns = 0
        self._paused_ns = 0

    def sent(self, now_ns: int, pause_ns: int, tick_ns: int) -> None:
        """A picture was sent `pause_ns` after the one before."""
        if pause_ns > tick_ns * 3 // 2:
            self.owed_ns = min(self.owed_ns + pause_ns - tick_ns, self._MOST_NS)
            self._paused_ns = now_ns

    def heard(self, now_ns: int, peak: int) -> None:
        """A block of the voice with that highest level (of 32767) was sent."""
        if peak > self._QUIET:
            self._loud_ns = now_ns

    def due(self, now_ns: int) -> int:
        """How long the stream has to stand still now, in ns; mostly 0."""
        calm, quiet = now_ns - self._paused_ns, now_ns - self._loud_ns
        if self.owed_ns < GAP_NS or calm < self._CALM_NS or (quiet < self._QUIET_NS and calm < self._LONG_NS):
            return 0
        stop, self.owed_ns = self.owed_ns, 0
        return stop


class Pressure:
    """How readily a client takes pictures: the only thing by which we learn how it plays.

    A player that shows a picture as soon as it comes takes the next one at once. One that waits for its time leaves
    it in the sockets, which are smaller than a few pictures, and we wait with it.
    """

    _QUICK_NS = 25_000_000
    _WINDOW_NS = 20_000_000_000
    _MOST = 0.8

    def __init__(self) -> None:
        self._steady: int | None = None
        self._begin: int | None = None
        self._busy = 0

    def steady_ns(self, now: int) -> int:
        """For how long it has taken every picture quickly."""
        return 0 if self._steady is None else now - self._steady

    def took(self, begun: int, done: int) -> bool:
        """A picture was taken between these times. True if for 20 s nearly all time went into waiting for that."""
        if done - begun > self._QUICK_NS:
            self._steady = None
        elif self._steady is None:
            self._steady = done
        if self._begin is None:
            self._begin = done
            return False
        self._busy += done - begun
        if done - self._begin < self._WINDOW_NS:
            return False
        stuck = self._busy > self._MOST * (done - self._begin)
        self._begin, self._busy = done, 0
        return stuck
