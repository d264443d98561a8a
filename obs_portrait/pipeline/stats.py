"""What happened and how long it took: percentiles that cost nothing, counts by origin, A/V skew."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any, Final

from obs_portrait.media.types import Origin

__all__ = ["Distribution", "Stats"]

_LOW: Final = 1_000  # ns: everything shorter counts as 1 µs
_PER_OCTAVE: Final = 48  # bins: a resolution of 1.5%
_BINS: Final = 28 * _PER_OCTAVE  # up to 268 s


class Distribution:
    """Durations in ns, kept as a histogram with logarithmic bins: constant memory, percentiles within 1.5%."""

    __slots__ = ("_bins", "count", "largest", "total")

    def __init__(self) -> None:
        self._bins = [0] * _BINS
        self.count = 0
        self.total = 0
        self.largest = 0

    def add(self, ns: int) -> None:
        """Takes one duration; negative ones count as 0."""
        ns = max(0, ns)
        place = 0 if ns <= _LOW else min(_BINS - 1, int(math.log2(ns / _LOW) * _PER_OCTAVE))
        self._bins[place] += 1
        self.count += 1
        self.total += ns
        self.largest = max(self.largest, ns)

    def percentile(self, percent: float) -> float:
        """In ns; 0 while empty. The middle of the bin, and never more than the largest value seen."""
        if not self.count:
            return 0.0
        rank, seen = percent / 100 * self.count, 0
        for place, count in enumerate(self._bins):
            seen += count
            if count and seen >= rank:
                return min(float(self.largest), float(_LOW * 2.0 ** ((place + 0.5) / _PER_OCTAVE)))
        return float(self.largest)

    def summary(self) -> dict[str, float]:
        """Count, and mean, p50, p95, p99 and maximum in milliseconds."""
        return {
            "count": self.count,
            "mean_ms": self.total / self.count / 1e6 if self.count else 0.0,
            "p50_ms": self.percentile(50) / 1e6,
            "p95_ms": self.percentile(95) / 1e6,
            "p99_ms": self.percentile(99) / 1e6,
            "max_ms": self.largest / 1e6,
        }

    def reset(self) -> None:
        """Forgets everything."""
        self.__init__()  # type: ignore[misc]


class Stats:
    """One stream's figures. One thread writes; reading beside it gives figures that are at most one frame old."""

    def __init__(self) -> None:
        self.stages: dict[str, Distribution] = {}
        self.origins: Counter[Origin] = Counter()
        self.events: Counter[str] = Counter()
        """Things that happened: "engine_errors", "tracker_errors", "dropped", "leaks", "rejected" …"""
        self.latency = Distribution()
        """End to end: capture to sink."""
        self.skew_ns = 0.0
        """A/V skew, smoothed: picture latency minus sound latency; positive: the picture is late."""

    def add(self, stage: str, ns: int) -> None:
        """Counts one duration of a stage."""
        found = self.stages.get(stage)
        if found is None:
            found = self.stages[stage] = Distribution()
        found.add(ns)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Times the body as one run of `stage`, also when it raises."""
        begin = perf_counter_ns()
        try:
            yield
        finally:
            self.add(stage, perf_counter_ns() - begin)

    def skew(self, video_latency_ns: int, audio_latency_ns: int, smoothing: float = 0.1) -> None:
        """Takes the latencies of both paths at about the same moment."""
        self.skew_ns += smoothing * (video_latency_ns - audio_latency_ns - self.skew_ns)

    def summary(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "stages": {name: found.summary() for name, found in self.stages.items()},
            "origins": {origin.value: count for origin, count in self.origins.items()},
            "events": dict(self.events),
            "latency": self.latency.summary(),
            "skew_ms": self.skew_ns / 1e6,
        }
