"""The one clock. Every capture time is `now_ns()`, in every process of this machine."""

from __future__ import annotations

import time

__all__ = ["now_ns"]


def now_ns() -> int:
    """Nanoseconds on the system-wide monotonic clock (CLOCK_MONOTONIC, QueryPerformanceCounter, mach_absolute_time).

    Comparable between processes of one boot on Linux, Windows and macOS; steps of the wall clock do not touch it.
    """
    return time.monotonic_ns()
