"""How the show is doing over time: a figure a second for the page's plots, and an alarm when it drifts."""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import psutil

from daemon.control.stage import History
from daemon.settings import AlarmSettings
from obs_portrait.pipeline.live.status import LiveStatus
from obs_portrait.pipeline.live.supervisor import Phase

__all__ = ["STEP_S", "Alarm", "Usage", "Vitals"]

STEP_S: Final = 1.0
_KEPT: Final = 180
_WINDOW: Final = 15
"""So many seconds in a row must be bad, or good again: one hiccup is no drift."""
_SETTLED: Final = 60
_NAPS: Final = 3
"""In a rest each so many-th look is one, and the figures between are those of before."""
SERIES: Final = (
    "fps", "picture_ms", "voice_ms", "skew_ms", "track_ms", "render_ms", "dropped", "late_blocks", "cpu_percent",
    "memory_mb",
)  # fmt: skip

STAGES: Final = ("track", "render")
_log = logging.getLogger(__name__)


class Usage:
    """Processor time and memory of some processes. A process that is gone counts nothing."""

    def __init__(self) -> None:
        self._known: dict[int, psutil.Process] = {}

    def measure(self, pids: list[int]) -> tuple[float, float]:
        """(per cent of one core since the last call, MB resident), summed up."""
        cpu = memory = 0.0
        self._known = {pid: one for pid, one in self._known.items() if pid in pids}
        for pid in pids:
            try:
                process = self._known.get(pid) or self._known.setdefault(pid, psutil.Process(pid))
                with process.oneshot():
                    cpu += process.cpu_percent()
                    memory += process.memory_info().rss / 1e6
            except psutil.Error:
                self._known.pop(pid, None)
        return cpu, memory


class Alarm:
    """Says when a figure has been beyond its limit for a while, and when it is back. Pure: fed one figure a step."""

    def __init__(self, window: int = _WINDOW) -> None:
        self._recent: deque[bool] = deque(maxlen=window)
        self.raised = False

    def feed(self, beyond: bool | None) -> bool | None:
        """beyond: whether the figure is beyond its limit now; None: unknown, nothing is learned. Returns the new state
        when it changes, else None."""
        if beyond is None:
            return None
        self._recent.append(beyond)
        if len(self._recent) == self._recent.maxlen and len(set(self._recent)) == 1 and beyond is not self.raised:
            self.raised = beyond
            return beyond
        return None


class Vitals:
    """Samples a session once a second in a thread of its own.

    note(about, text, problem): one sentence for the user. pids: the processes that are counted. on_step: what else is
    looked at once a second. rests: nothing happens now, and each third look is enough. What fails is logged and done
    again a second later, whatever it raised: settings, profiles and alarms hang on this one thread.
    """

    def __init__(
        self,
        status: Callable[[], LiveStatus],
        pids: Callable[[], list[int]],
        limits: Callable[[], AlarmSettings],
        note: Callable[[str, str, bool], None],
        *on_step: Callable[[], None],
        rests: Callable[[], bool] = lambda: False,
    ) -> None:
        self._status, self._pids, self._limits, self._note = status, pids, limits, note
        self._each: tuple[Callable[[], None], ...] = (self._sample, *on_step)
        self._failed: set[int] = set()
        self._series: dict[str, deque[float | None]] = {name: deque(maxlen=_KEPT) for name in SERIES}
        self._alarms = {name: Alarm() for name in ("fps", "picture latency", "voice latency", "skew", "memory")}
        self._usage = Usage()
        self._rests, self._naps = rests, 0
        self._before: Mapping[str, int] = {}
        self._early_memory: list[float] = []
        self._memory_base: float | None = None
        self._lock = threading.Lock()
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vitals", daemon=True)

    def start(self) -> None:
        """Begins to sample."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread. May be called twice, and without `start`."""
        self._halt.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def history(self) -> History:
        """The last three minutes."""
        with self._lock:
            return {"step_s": STEP_S, "series": {name: list(values) for name, values in self._series.items()}}

    def _run(self) -> None:
        due = time.monotonic()
        while not self._halt.wait(max(0.0, due - time.monotonic())):
            due = max(due + STEP_S, time.monotonic())
            self.step()

    def step(self) -> None:
        """One sample, what follows from it, and all else that is looked at; none of it keeps the rest from its turn."""
        self._naps = (self._naps + 1) % _NAPS if self._rests() else 0
        if self._naps:
            self._repeat()
            return
        for number, look in enumerate(self._each):
            try:
                look()
            except Exception:
                if number not in self._failed:  # once, not every second
                    _log.exception("what is done once a second failed")
                self._failed.add(number)
            else:
                self._failed.discard(number)

    def _repeat(self) -> None:
        with self._lock:
            for values in self._series.values():
                values.append(values[-1] if values else None)

    def _sample(self) -> None:
        status = self._status()
        cpu, memory = self._usage.measure(self._pids())
        figures = self._figures(status)
        figures |= {"cpu_percent": round(cpu, 1), "memory_mb": round(memory, 1)}
        with self._lock:
            for name, values in self._series.items():
                values.append(figures[name])
        self._watch(status, figures, memory)

    def _figures(self, status: LiveStatus) -> dict[str, float | None]:
        shows = _shows(status)
        audio = status.audio.cells if status.audio is not None and shows else {}
        counts = {"dropped": status.video.cells.get("frames_dropped", 0), "late_blocks": audio.get("late", 0)}
        new = {name: max(0, count - self._before.get(name, count)) for name, count in counts.items()}
        self._before = counts
        return {
            "fps": round(status.fps, 1) if shows else None,
            "picture_ms": round(status.video.latency_ms, 1) or None if shows else None,
            "voice_ms": round(audio.get("latency_ns", 0) / 1e6, 1) or None,
            "skew_ms": round(status.skew_ms, 1) if status.skew_ms is not None and shows else None,
            **{f"{name}_ms": _ms(status.video.cells.get(f"{name}_ns", 0)) if shows else None for name in STAGES},
            **{name: float(count) for name, count in new.items()},
        }

    def _watch(self, status: LiveStatus, figures: Mapping[str, float | None], memory: float) -> None:
        limits = self._limits()
        moves = _shows(status) and status.face_on and status.video.cells.get("source_ok", 0) and status.state == "live"
        fps = figures["fps"] if moves else None
        self._alarm(
            "fps", fps is not None and (fps < limits.least_fps) if fps and limits.least_fps else None,
            f"The picture has only {fps or 0:.0f} frames a second; close what else needs the processor, or choose a "
            "smaller size.",
        )  # fmt: skip
        for name, key in (("picture latency", "picture_ms"), ("voice latency", "voice_ms")):
            late = figures[key]
            self._alarm(
                name, late > limits.most_latency_ms if late and limits.most_latency_ms else None,
                f"The {name.split()[0]} is {late or 0:.0f} ms late; close what else needs the processor.",
            )  # fmt: skip
        skew = figures["skew_ms"]
        self._alarm(
            "skew", abs(skew) > limits.most_skew_ms if skew is not None and limits.most_skew_ms else None,
            f"Voice and picture are {abs(skew or 0):.0f} ms apart; `obs-portrait obs latency` measures why.",
        )  # fmt: skip
        self._watch_memory(memory, limits)

    def _watch_memory(self, memory: float, limits: AlarmSettings) -> None:
        if self._memory_base is None:
            self._early_memory.append(memory)
            if len(self._early_memory) == _SETTLED:
                self._memory_base = statistics.median(self._early_memory[_SETTLED // 2 :])
            return
        grown = memory - self._memory_base
        self._alarm(
            "memory", grown > limits.memory_growth_mb if limits.memory_growth_mb else None,
            f"OBS Portrait has grown by {grown:.0f} MB since it started; please report this, and start it again when "
            "you are off air.",
        )  # fmt: skip

    def _alarm(self, name: str, beyond: bool | None, text: str) -> None:
        changed = self._alarms[name].feed(beyond)
        if changed is not None:
            self._note(f"drift: {name}", text if changed else f"The {name} is as it should be again.", changed)


def _ms(ns: int) -> float | None:
    return round(ns / 1e6, 1) or None


def _shows(status: LiveStatus) -> bool:
    return status.running and not status.rests and status.video.phase is Phase.RUNNING
