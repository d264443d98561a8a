"""The diary: who was on stage, and in which scene, at which time. Marks and chapters of clips come from it."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from obs_portrait.clock import now_ns
from obs_portrait.obs.clips.sidecar import Mark

__all__ = ["Diary", "Take"]


@dataclass(slots=True)
class Take:
    """One recording: begun at `begun_ns` of the monotonic clock, without its pauses."""

    begun_ns: int
    pauses: list[tuple[int, int]] = field(default_factory=list)
    paused_ns: int | None = None

    def pause(self, now_ns: int) -> None:
        """OBS holds the recording."""
        if self.paused_ns is None:
            self.paused_ns = now_ns

    def resume(self, now_ns: int) -> None:
        """It goes on."""
        if self.paused_ns is not None:
            self.pauses.append((self.paused_ns, now_ns))
            self.paused_ns = None

    def seconds(self, at_ns: int) -> float:
        """Media time of a moment: what falls into a pause lies where the pause is."""
        held = sum(max(0, min(end, at_ns) - start) for start, end in self.pauses)
        if self.paused_ns is not None:
            held += max(0, at_ns - self.paused_ns)
        return (at_ns - self.begun_ns - held) / 1e9


class Diary:
    """Notes changes of "persona" and "scene". `note` may be called from any thread, as often as one likes."""

    def __init__(self, on_change: Callable[[str, str, int], object] | None = None, room: int = 10_000) -> None:
        """on_change(kind, name, at_ns) is called for every change but the first of its kind. room: notes kept."""
        self._on_change = on_change
        self._notes: dict[str, deque[tuple[int, str]]] = {kind: deque(maxlen=room) for kind in ("persona", "scene")}
        self._lock = threading.Lock()
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, kind: str, name: str | None, at_ns: int | None = None) -> None:
        """`name` is on now; None is not known, and ignored."""
        if not name:
            return
        at_ns = now_ns() if at_ns is None else at_ns
        with self._lock:
            notes = self._notes[kind]
            if notes and notes[-1][1] == name:
                return
            first = not notes
            notes.append((at_ns, name))
        if self._on_change is not None and not first:
            self._on_change(kind, name, at_ns)

    def watch(
        self, ask: Callable[[], tuple[str | None, str | None]], every: Callable[[], float] = lambda: 0.05
    ) -> None:
        """Asks for (persona, scene) every so many seconds until `close`; marks are as exact as that."""

        def run() -> None:
            while not self._halt.wait(every()):
                persona, scene = ask()
                self.note("persona", persona)
                self.note("scene", scene)

        self._thread = threading.Thread(target=run, name="clip diary", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Watches no more. May be called twice."""
        self._halt.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(2)

    def now(self, kind: str) -> str | None:
        """The newest of a kind."""
        with self._lock:
            notes = self._notes[kind]
            return notes[-1][1] if notes else None

    def marks(self, take: Take, end_ns: int) -> list[Mark]:
        """What was on at the start of a take (at 0 s), and the changes until `end_ns`, in their order."""
        marks = []
        for kind in self._notes:
            with self._lock:
                notes = list(self._notes[kind])
            first = bisect_right(notes, take.begun_ns, key=lambda note: note[0])
            if first:
                marks.append(Mark(0.0, kind, notes[first - 1][1]))
            marks += [Mark(round(take.seconds(at), 3), kind, name) for at, name in notes[first:] if at <= end_ns]
        return sorted(marks, key=lambda mark: mark.at_s)
