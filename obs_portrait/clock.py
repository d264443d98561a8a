"""The one clock. Every capture time is `now_ns()`, in every process of this machine."""

from __future__ import annotations

import time

__all__ = ["now_ns"]


def now_ns() -> int:
    """Nanoseconds on the system-wide clock of the performance counter (CLOCK_MONOTONIC, QueryPerformanceCounter,
    mach_absolute_time).

    Comparable between processes of one boot on Linux, Windows and macOS; steps of the wall clock do not touch it.
    `time.monotonic_ns` is the same clock on Linux and macOS, but counts ticks of 15.6 ms on Windows before Python 3.13.
    """
    return time.perf_counter_ns()
