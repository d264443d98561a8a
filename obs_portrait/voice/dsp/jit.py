"""How the loop is compiled: ahead of the stream, cached on disk, without the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

__all__ = ["compiled", "summing"]

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """numba's `njit`, typed as the function itself. Division by zero gives inf as in numpy, it never raises."""
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def summing(function: F) -> F:
    """As `compiled`, and sums may be reordered so that they use vector units. The order is fixed at compile time, so
    results stay the same from call to call."""
    options = {"reassoc", "contract", "nsz"}
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=options)(function))
