"""When a show has hardly anything to show for too long, and when that is over: what the user has to be told."""

from __future__ import annotations

from typing import Final

__all__ = ["PATIENCE_S", "Trouble"]

PATIENCE_S: Final = 1.0
"""Seconds of nothing but bad results before it is trouble; it is over after half as long with good ones."""

_MOST_NS: Final = 500_000_000  # of a gap in the stream's time


class Trouble:
    """Notes what became of each frame or block of one stream: bad results count up, good ones count down twice as fast,
    so that one that passes now and then does not hide it. Not thread-safe, and knows no clock but the stream's."""

    def __init__(self) -> None:
        self.told = False
        """It is trouble, and that was said."""
        self._bad_ns = 0
        self._last_ns: int | None = None

    def note(self, good: bool | None, now_ns: int) -> bool | None:
        """`good`: whether the result was; None: there was nothing to make one of. `now_ns`: capture time.

        Returns what has to be said, once: True where it has become trouble, False where that is over, else None.
        """
        gone = 0 if self._last_ns is None else min(max(now_ns - self._last_ns, 0), _MOST_NS)
        self._last_ns = now_ns
        if good is None:
            return None
        most = round(PATIENCE_S * 1e9)
        self._bad_ns = min(max(self._bad_ns + (-2 * gone if good else gone), 0), most)
        if self._bad_ns == (0 if self.told else most):
            self.told = not self.told
            return self.told
        return None
