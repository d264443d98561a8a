"""When a dead or silent process is started again, and when to give up. Pure decisions, no processes here."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

__all__ = ["ASLEEP_BEAT_S", "ASLEEP_S", "REST_S", "Backoff", "RestartPolicy"]

REST_S = 0.1
"""How often one who waits looks whether something has changed, in seconds."""
ASLEEP_S = 1.0
"""The same in a rest, whose end is told besides: what a daemon costs that does nothing is how often it wakes."""
ASLEEP_BEAT_S = 0.5
"""How often a process says in a rest that it lives."""


@dataclass(slots=True)
class Backoff:
    """Waiting times that double from `first` up to `limit` seconds, for a device that is gone."""

    first: float = 0.2
    limit: float = 1.0  # whoever plugs a camera in again does not want to wait longer
    _next: float = field(default=0.0, init=False)

    def failed(self) -> float:
        """Seconds to wait before the next try."""
        wait = self._next or self.first
        self._next = min(self.limit, wait * 2)
        return wait

    def succeeded(self) -> None:
        """The next failure starts from `first` again."""
        self._next = 0.0


class RestartPolicy:
    """At most `most` restarts within `window` seconds, each after a longer pause; then None: give up."""

    def __init__(self, most: int = 5, window: float = 60.0, first: float = 0.1, limit: float = 5.0) -> None:
        self.most, self.window = most, window
        self._first, self._limit = first, limit
        self._deaths: deque[float] = deque()

    def died(self, now: float) -> float | None:
        """Called at each death with the time in seconds. Returns the pause before the restart, or None to give up."""
        while self._deaths and now - self._deaths[0] > self.window:
            self._deaths.popleft()
        self._deaths.append(now)
        count = len(self._deaths)
        if count > self.most:
            return None
        return min(self._limit, self._first * 2.0 ** (count - 1))
