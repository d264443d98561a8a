"""The first and last things that a media process does: whom it obeys, and how it is sure to die.

A process that keeps a camera after its session is gone is the worst kind of leak, so there are three ways to end it:
the pipe to the session closes (every platform); the kernel signals the parent's death (Linux); and a dead man's
switch, a timer in C that needs no interpreter lock, ends a process whose main thread stopped beating.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from obs_portrait.clock import now_ns
from obs_portrait.errors import EngineLostError, PortraitError
from obs_portrait.no_dump import leave_no_dump
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.console import on_close
from obs_portrait.pipeline.live.messages import Failed, Stop, Stopped
from obs_portrait.pipeline.live.priority import fine_timers

__all__ = ["Link", "child_main"]

_PR_SET_PDEATHSIG = 1
_DEAD_MAN_S = 20.0
_LAST_CALL_S = 6.0
"""Time to finish files once the parent is gone or SIGTERM has come."""

T = TypeVar("T")
Body = Callable[["Link", Any], Stopped]


class Link:
    """The child's end: messages without waiting, the heartbeat, and whether it is time to stop."""

    def __init__(self, pipe: Connection, board: Board) -> None:
        self._pipe, self.board = pipe, board
        self._sending = threading.Lock()
        self._fed_ns = 0
        self._last_call = False
        self.stopping = threading.Event()
        """Set by SIGTERM and by the parent's end; the body then stops as if it had been asked to."""

    def send(self, message: object) -> None:
        """To the session, from any thread. If the session is gone this ends the body instead of raising."""
        with self._sending:
            try:
                self._pipe.send(message)
            except OSError:
                self.stopping.set()

    def receive(self) -> Iterator[Any]:
        """The messages that have come, one by one, without waiting. The end of the pipe sets `stopping`."""
        try:
            while self._pipe.poll():
                yield self._pipe.recv()
        except (EOFError, OSError):
            self.stopping.set()

    def wait(self, seconds: float) -> None:
        """Sleeps until a message comes, at most `seconds`."""
        try:
            self._pipe.poll(seconds)
        except OSError:
            self.stopping.set()

    def beat(self) -> None:
        """Called by the main thread several times a second: the heartbeat, and the dead man's switch is wound up."""
        now = now_ns()
        self.board.set("beat_ns", now)
        if self.stopping.is_set():  # from here on nobody winds it up again
            if not self._last_call:
                self._last_call = True
                faulthandler.dump_traceback_later(_LAST_CALL_S, exit=True, file=_null())
            return
        if now - self._fed_ns > 1_000_000_000:
            self._fed_ns = now
            faulthandler.dump_traceback_later(_DEAD_MAN_S, exit=True, file=_null())

    def beat_until(self, work: Callable[[], T]) -> T:
        """Runs something long (loading, compiling) in a thread, beats meanwhile, and returns or raises its outcome.
        If the session ends meanwhile it returns at once by raising `InterruptedError`."""
        outcome: list[T] = []
        problem: list[BaseException] = []

        def run() -> None:
            try:
                outcome.append(work())
            except BaseException as error:
                problem.append(error)

        thread = threading.Thread(target=run, name="rehearsal", daemon=True)
        thread.start()
        while thread.is_alive():
            self.beat()
            thread.join(0.05)
            if not self._pipe_open():
                raise InterruptedError
        if problem:
            raise problem[0]
        return outcome[0]

    def _pipe_open(self) -> bool:
        """False when it is time to stop: the session has gone, or the first message to come is `Stop`."""
        if any(isinstance(message, Stop) for message in list(self.receive())):
            self.stopping.set()
        return not self.stopping.is_set()


_NULL: list[Any] = []


def _null() -> Any:
    if not _NULL:
        _NULL.append(Path(os.devnull).open("w"))  # noqa: SIM115 - must stay open as long as the process lives
    return _NULL[0]


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)


def child_main(parent: int, pipe: Connection, board: Board, body: Body, plan: Any) -> None:
    """Target of `Process`: runs `body` and tells the session how it ended. Never raises.

    Ctrl-C goes to the whole terminal group; the session decides what it means, so the children ignore it.
    """
    leave_no_dump()  # before anything is opened: a native library that crashes has the real face and voice in memory
    link = Link(pipe, board)
    fine_timers()
    on_close(lambda: None)  # the session says when to stop, as for Ctrl-C
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":  # the supervisor's thread blocked it until here
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGTERM, lambda *_: link.stopping.set())
    _die_with_parent(parent)
    link.beat()
    code = 0
    try:
        link.send(body(link, plan))
    except InterruptedError:
        link.send(Stopped())
    except EngineLostError as error:
        link.send(Failed(f"has lost its engine ({str(error).rstrip('.')})", False))
        code = 3
    except PortraitError as error:
        link.send(Failed(str(error)))
        code = 2
    except Exception as error:
        import traceback

        link.send(
            Failed(f"had an internal error ({type(error).__name__}: {error})", False, traceback.format_exc(limit=-12))
        )
        code = 3
    finally:
        faulthandler.cancel_dump_traceback_later()
        with contextlib.suppress(OSError):
            pipe.close()
    if sys.stderr is not None:  # there is none where no console is
        sys.stderr.flush()
    os._exit(code)  # no atexit of libraries that may hang over a lost device; files are finished by now
