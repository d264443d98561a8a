"""The end of a program that runs until somebody ends it: in order, whoever asked for it, and however often."""

from __future__ import annotations

import _thread
import signal
from types import TracebackType
from typing import Any, Final, Self

from obs_portrait.pipeline.live.console import on_close

__all__ = ["Ending"]

_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Ending:
    """While it lasts, Ctrl-C, a termination, a terminal or session that is closed raise KeyboardInterrupt in the main
    thread, once: whoever says it again, as a closed terminal does, does not interrupt the order of the end.

    A signal that was ignored (nohup) stays ignored. Main thread only.
    """

    def __init__(self) -> None:
        self._begun = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for name in _NAMES:
            one = getattr(signal, name, None)
            if one is not None and signal.getsignal(one) is not signal.SIG_IGN:
                self._before[one] = signal.signal(one, self._interrupt)
        self._no_longer = on_close(_thread.interrupt_main)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._no_longer()
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def begin(self) -> None:
        """The end has begun for another reason: from now on nothing is raised."""
        self._begun = True

    def _interrupt(self, *_: object) -> None:
        if not self._begun:
            self._begun = True
            raise KeyboardInterrupt
