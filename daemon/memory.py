"""Giving memory back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import sys

__all__ = ["give_back"]


def give_back() -> None:
    """What is free inside this process becomes the system's again. Takes milliseconds.

    glibc keeps megabytes that were freed, in each thread's arena anew; a daemon that was given a few pictures would
    stay twice as large as it is. Nothing is done elsewhere.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
