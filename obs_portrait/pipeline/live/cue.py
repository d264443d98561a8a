"""Who is on stage at which moment. Both media processes follow the same cue sheet, so they switch at one moment."""

from __future__ import annotations

import threading

__all__ = ["CueSheet"]


class CueSheet:
    """Switches in order of their capture times; asked by capture time, from any thread."""

    def __init__(self, name: str) -> None:
        self._lock = threading.Lock()
        self._cues: list[tuple[int, str, int]] = [(-(1 << 62), name, 0)]

    def add(self, at_ns: int, name: str, number: int) -> None:
        """From `at_ns` on it is `name`. An order given later overrules earlier ones that are for the same moment or
        a later one."""
        with self._lock:
            while len(self._cues) > 1 and self._cues[-1][0] >= at_ns:
                self._cues.pop()
            self._cues.append((at_ns, name, number))
            del self._cues[:-64]  # nobody asks about a capture time that far back

    def at(self, captured_ns: int) -> tuple[str, int, int]:
        """(persona, number of its order, since when) for what is captured at this time."""
        with self._lock:
            for since, name, number in reversed(self._cues):
                if captured_ns >= since:
                    return name, number, since
            since, name, number = self._cues[0]
            return name, number, since
