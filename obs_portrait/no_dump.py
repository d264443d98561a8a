"""A crash leaves no copy of the memory: pictures of the real face and samples of the real voice are in it.

Linux: a process that is not "dumpable" leaves no core, not even through a pipe to a crash collector, where the limit on
a core's size means nothing; other programs of the same user cannot read its memory either. Its processor time, memory
and threads stay readable for everybody, the list of its open files only for itself and for root.
macOS: the limit; its crash reports hold the stacks of calls, not the memory. Windows: its error reporting is told to
leave us out. Never run there; written after Microsoft's documentation (SetErrorMode, WerSetFlags) and type-checked.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Final

__all__ = ["leave_no_dump"]

_PR_SET_DUMPABLE: Final = 4
_SEM_FAILCRITICALERRORS: Final = 0x1
_SEM_NOGPFAULTERRORBOX: Final = 0x2
_WER_NO_HEAP: Final = 0x1


def leave_no_dump() -> None:
    """For the rest of this process' life. The limits, and Windows' mode, hold for the programs that it starts as well;
    on Linux each of these is dumpable again. Never raises: what cannot be had is no reason to have no show."""
    import ctypes

    if sys.platform == "win32":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.windll.kernel32.SetErrorMode(_SEM_FAILCRITICALERRORS | _SEM_NOGPFAULTERRORBOX)
            ctypes.windll.kernel32.WerSetFlags(_WER_NO_HEAP)
        return
    import resource

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
