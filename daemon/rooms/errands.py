"""Errands: work with pictures and media files, done by a child process that ends when there is nothing to do.

The daemon itself loads no picture library: it stays small, and what a stranger's file does to a decoder it does to a
process that holds nothing, may be killed at any time and is heard with JSON and bytes alone, never with pickles.

The child's side is `daemon.rooms.worker`. On the line each way: a row of JSON, which says in "bytes" how many bytes
follow it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import IO, Any, Final

from obs_portrait.errors import ControlError, PortraitError

__all__ = ["MOST_BYTES", "ErrandError", "Errands", "Outcome", "receive", "send"]

MOST_BYTES: Final = 64 * 1024 * 1024
"""That either side sends at once."""
_LONGEST_ROW: Final = 1 << 20
_IDLE_S: Final = 15.0
_TERM_S: Final = 2.0
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
if sys.platform == "win32":
    _FLAGS: Final = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
else:
    _FLAGS: Final = 0


class ErrandError(PortraitError):
    """The child refused the work, and said why in one sentence."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back: an object of JSON, and bytes."""

    told: dict[str, Any]
    content: bytes


class Errands:
    """Does one errand at a time; the child is started for the first one and ends 15 s after the last.

    All methods may be called from any thread.
    """

    def __init__(self, name: str = "errands", idle_s: float = _IDLE_S) -> None:
        self._name, self._idle_s = name, idle_s
        self._turn = threading.Lock()  # whose errand it is
        self._lock = threading.Lock()  # of what follows
        self._process: subprocess.Popen[bytes] | None = None
        self._idle: threading.Timer | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's, while there is one."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def do(self, job: str, told: dict[str, Any] | None = None, content: bytes = b"", *, timeout: float) -> Outcome:
        """Has `daemon.rooms.worker` do a job. timeout: s, waiting for one's turn included.

        Raises `ErrandError` with the child's sentence if it refuses, `ControlError` (503) if it takes too long or dies.
        """
        if not self._turn.acquire(timeout=timeout):
            raise ControlError("Other pictures are being worked on; try again in a moment.", 429)
        try:
            return self._do(job, told or {}, content, timeout)
        finally:
            self._turn.release()

    def close(self) -> None:
        """Ends the child, whatever it does."""
        with self._lock:
            self._closed = True
        self._end()

    def _do(self, job: str, told: dict[str, Any], content: bytes, timeout: float) -> Outcome:
        process = self._child()
        late = threading.Event()

        def give_up() -> None:
            late.set()
            _stop(process)

        watchdog = threading.Timer(timeout, give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            if process.stdin is None or process.stdout is None:
                raise OSError("it has no line")
            send(process.stdin, {"job": job, **told}, content)
            answer = receive(process.stdout)
        except (OSError, ValueError):
            answer = None
        finally:
            watchdog.cancel()
        if answer is None:
            self._end()
            why = f"took longer than {timeout:.0f} s" if late.is_set() else "could not be finished"
            raise ControlError(f"The work on this file {why}; the file may be damaged, try another one.", 409)
        self._rest()
        if "error" in answer.told:
            raise ErrandError(str(answer.told["error"]))
        return answer

    def _child(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise ControlError("The daemon is ending.", 409)
            if self._idle is not None:
                self._idle.cancel()
            if self._process is None or self._process.poll() is not None:
                try:
                    self._process = _start()
                except OSError as error:
                    raise ControlError(
                        f"No process can be started for this ({error.strerror or error}).", 409
                    ) from None
            return self._process

    def _rest(self) -> None:
        with self._lock:
            self._idle = threading.Timer(self._idle_s, self._fall_asleep)
            self._idle.daemon = True
            self._idle.start()

    def _fall_asleep(self) -> None:
        if self._turn.acquire(blocking=False):  # otherwise somebody has just come
            try:
                self._end()
            finally:
                self._turn.release()

    def _end(self) -> None:
        with self._lock:
            process, self._process = self._process, None
            if self._idle is not None:
                self._idle.cancel()
                self._idle = None
        if process is not None:
            _stop(process)
            for line in (process.stdin, process.stdout):
                if line is not None:
                    with contextlib.suppress(OSError):
                        line.close()


def _start() -> subprocess.Popen[bytes]:
    """Raises OSError."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "daemon.rooms.worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, **dict.fromkeys(_ONE_THREAD, "1")},
        # Ctrl-C in the terminal is for the daemon, which then ends the child in order.
        start_new_session=True, creationflags=_FLAGS,
    )  # fmt: skip


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Asked first, so that it takes half a file away; then killed."""
    with contextlib.suppress(OSError):
        process.terminate()
    try:
        process.wait(_TERM_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def send(line: IO[bytes], told: dict[str, Any], content: bytes = b"") -> None:
    """One message. Raises OSError."""
    line.write(json.dumps({**told, "bytes": len(content)}).encode() + b"\n")
    line.write(content)
    line.flush()


def receive(line: IO[bytes]) -> Outcome | None:
    """The next message; None if the other side has gone. Raises OSError, ValueError."""
    row = line.readline(_LONGEST_ROW)
    if not row.endswith(b"\n"):
        return None
    try:
        told = json.loads(row)
    except RecursionError:
        raise ValueError("not a message") from None
    size = told.pop("bytes", 0) if isinstance(told, dict) else None
    if not isinstance(size, int) or not 0 <= size <= MOST_BYTES:
        raise ValueError("not a message")
    content = line.read(size) if size else b""
    return Outcome(told, content) if len(content) == size else None
