"""How the loop is compiled: ahead of the stream, cached on disk, without the interpreter lock.

numba stores the machine code of a function with everything that it calls, but looks only at the function's own file
to see whether that is still true: after a change in `marks.py` a cached `loop.run` would go on with the old marks.
So the parts are not cached; only the whole loop is, and its key holds a fingerprint of all sources of this package.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import numba

__all__ = ["cached", "compiled", "fingerprint", "summing"]

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """numba's `njit`, typed as the function itself. Division by zero gives inf as in numpy, it never raises."""
    return cast("F", numba.njit(nogil=True, error_model="numpy")(function))


def summing(function: F) -> F:
    """As `compiled`, and sums may be reordered so that they use vector units. The order is fixed at compile time, so
    results stay the same from call to call."""
    return cast("F", numba.njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})(function))


def cached(function: F) -> F:
    """As `compiled`, stored on disk. The function must have `fingerprint()` in its closure (see above)."""
    return cast("F", numba.njit(nogil=True, error_model="numpy", cache=True)(function))


def fingerprint() -> str:
    """A hash of the sources of this package."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
