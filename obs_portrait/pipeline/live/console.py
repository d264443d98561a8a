"""The end of a Windows console: whoever closes its window, signs out or shuts down leaves us a few seconds.

Never run; written after Microsoft's documentation (SetConsoleCtrlHandler, HandlerRoutine) and type-checked.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, Final

__all__ = ["on_close"]

_CLOSING: Final = (2, 5, 6)  # CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT
_MOST_S: Final = 4.5
"""Windows ends a process five seconds after it was told, or at once when the handler returns."""
_KEPT: Final[list[Any]] = []  # the system calls them as long as the process lives


def on_close(told: Callable[[], None]) -> Callable[[], None]:
    """told() is called, in a thread of the system's, when the console goes; the process then lives on until the
    function that is returned here is called, or for as long as Windows allows. Elsewhere nothing happens: there signals
    tell it."""
    over = threading.Event()
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        def handler(event: int) -> bool:
            if event not in _CLOSING:
                return False
            told()
            over.wait(_MOST_S)
            return True

        _KEPT.append(ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)(handler))
        ctypes.windll.kernel32.SetConsoleCtrlHandler(_KEPT[-1], True)
    return over.set
