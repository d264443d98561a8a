"""One media process and its keeper: spawn, listen, notice silence, kill, start again, give up."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
from collections.abc import Callable
from enum import IntEnum
from multiprocessing.connection import Connection
from typing import Any

from obs_portrait.clock import now_ns
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.child import Body
from obs_portrait.pipeline.live.messages import Failed, Rehearsed, Stop, Stopped
from obs_portrait.pipeline.live.policy import RestartPolicy
from obs_portrait.pipeline.live.spawn import spawn
from obs_portrait.pipeline.live.understudy import Understudy

__all__ = ["Keeper", "Phase"]

_SECOND = 1_000_000_000
_log = logging.getLogger(__name__)


class Phase(IntEnum):
    """Where a media process is in its life."""

    IDLE = 0
    REHEARSING = 1  # started, prepares and compiles
    RUNNING = 2
    PAUSING = 3  # died, waits for the next start
    STOPPING = 4
    STOPPED = 5
    FAILED = 6  # gave up


class Keeper:
    """Keeps one process. All methods are called by the session's supervisor thread, which must outlive the process:
    Linux signals "parent death" when the *thread* that spawned it ends.

    `plan()` is asked at each start, so that a restarted process begins with the persona that holds now.
    """

    def __init__(
        self,
        name: str,
        body: Body,
        plan: Callable[[], Any],
        board: Board,
        *,
        policy: RestartPolicy | None = None,
        silent_s: float = 3.0,
        replaced_s: float = 1.2,
        hung_s: float = 4.0,
        rehearsal_s: float = 180.0,
        understudy: Understudy | None = None,
    ) -> None:
        """silent_s: without a sign of life for so long it is killed; replaced_s: the same while an understudy waits and
        nothing is being prepared (`settled`), so that the kill costs hardly anything. hung_s: of work on one frame."""
        self.name, self.board = name, board
        self._replaced_ns = round(replaced_s * _SECOND)
        self.settled = False
        """Set by the session: nothing is being prepared, which may take a process's breath for a moment."""
        self._body, self._plan = body, plan
        self._usual = body, plan
        self._excused_ns = 0
        self.stands_in = False
        """Whether what runs is a stand-in for a process that was given up."""
        self._policy = policy or RestartPolicy()
        self._silent_ns, self._hung_ns = round(silent_s * _SECOND), round(hung_s * _SECOND)
        self._rehearsal_ns = round(rehearsal_s * _SECOND)
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._understudy = understudy
        self._told: list[Any] = []
        self._since = 0
        self._again_at = 0
        self._why, self._final = "", False
        self.phase = Phase.IDLE
        self.restarts = 0
        self.proven = False
        """Set by the session once the process has been ready; one that never was is tried only twice."""
        self.problem: str | None = None
        """One sentence: why the process is down, or why the keeper gave up."""
        self.final: Stopped | None = None

    def stand_in(self, body: Body, plan: Callable[[], Any]) -> None:
        """Given up: from now on this body runs in the place of the usual one, until `recover`."""
        self._body, self._plan, self._policy = body, plan, RestartPolicy()
        self._again_at = now_ns()
        self.phase = Phase.PAUSING
        self.stands_in = True

    def recover(self) -> bool:
        """What was given up is tried again, in the place of its stand-in if it has one; False if nothing was."""
        if not self.stands_in and self.phase is not Phase.FAILED:
            return False
        self._body, self._plan = self._usual
        self._policy, self.stands_in = RestartPolicy(), False
        self._reap(0.0)
        self._again_at = now_ns()
        self.phase = Phase.PAUSING
        return True

    def excuse(self) -> None:
        """The machine slept, or we did: what looks like silence until now is none."""
        self._excused_ns = now_ns()

    @property
    def pid(self) -> int | None:
        """Process id, or None while none runs."""
        return self._process.pid if self._process is not None and self._process.is_alive() else None

    @property
    def handles(self) -> list[Any]:
        """What to wait on with `multiprocessing.connection.wait`."""
        return [] if self._process is None or self._pipe is None else [self._process.sentinel, self._pipe]

    def start(self) -> None:
        """Spawns the process, or has the understudy go on."""
        ready = self._understudy.take() if self._understudy is not None and not self.stands_in else None
        if ready is not None:
            self._process, self._pipe, self.board = ready.process, ready.pipe, ready.board
            self._told = [Rehearsed()]
        else:
            self.board.clear()
            self._process, self._pipe = spawn(self.name, self._body, self._plan(), self.board)
        self._since = now_ns()
        self._why, self._final = "", False
        self.phase = Phase.REHEARSING

    def send(self, message: object) -> None:
        """To the process; a message to a dead one is dropped, its successor gets the plan instead."""
        if self._pipe is not None:
            with contextlib.suppress(OSError):
                self._pipe.send(message)

    def receive(self) -> list[Any]:
        """Everything that the process has said since the last call. Notes on the way what concerns its phase."""
        messages, self._told = self._told, []
        if self._pipe is not None:
            with contextlib.suppress(EOFError, OSError):
                while self._pipe.poll():
                    messages.append(self._pipe.recv())
        for message in messages:
            match message:
                case Rehearsed():
                    self.phase = Phase.RUNNING
                case Stopped():
                    self.final = message
                case Failed(text, final, detail):
                    self._why, self._final = text, final
                    if detail:
                        _log.error("the %s process %s\n%s", self.name, text, detail)
        return messages

    def check(self) -> str | None:
        """Looks after the process: notices death and silence, kills, restarts when it is time.

        Returns one sentence when something has just happened that the user should know, else None.
        """
        now = now_ns()
        if self._understudy is not None and self.phase is Phase.RUNNING and self.proven and not self.stands_in:
            self._understudy.look(now, self._since, self._excused_ns)
        if self.phase is Phase.PAUSING and now >= self._again_at:
            self.restarts += 1
            self.start()
            return None
        if self.phase not in (Phase.REHEARSING, Phase.RUNNING) or self._process is None:
            return None
        if not self._process.is_alive():
            self.receive()
            return self._died(self._why or _exit_reason(self._process.exitcode), now)
        silent = now - max(self.board.get("beat_ns"), self._since, self._excused_ns)
        busy = self.board.get("busy_since_ns")
        running = self.phase is Phase.RUNNING
        if silent > (self._patience_ns() if running else self._rehearsal_ns):
            return self._died(f"gave no sign of life for {silent / 1e9:.0f} s", now)
        if running and busy and now - max(busy, self._excused_ns) > self._hung_ns:
            return self._died(f"hung for {(now - busy) / 1e9:.0f} s", now)
        if not running and now - self._since > self._rehearsal_ns:
            return self._died(f"was not ready after {self._rehearsal_ns / 1e9:.0f} s", now)
        return None

    def _patience_ns(self) -> int:
        waits = self._understudy is not None and self._understudy.rehearsed and not self.stands_in
        return min(self._silent_ns, self._replaced_ns) if waits and self.settled else self._silent_ns

    def _died(self, why: str, now: int) -> str:
        self._reap(0.0)
        hopeless = self._final or (not self.proven and self.restarts >= 1)
        pause = None if hopeless else self._policy.died(now / 1e9)
        if pause is None:
            self.phase = Phase.FAILED
            self.problem = why if self._final else f"The {self.name} process {why}, again and again; it was given up."
        else:
            self.phase = Phase.PAUSING
            self._again_at = now + round(pause * _SECOND)
            self.problem = f"The {self.name} process {why}; it is started again."
        return self.problem

    def ask_to_stop(self) -> None:
        """First half of an ordered stop."""
        if self._understudy is not None:
            self._understudy.dismiss()
        if self.pid is not None:
            self.send(Stop())
            self.phase = Phase.STOPPING
        elif self.phase is not Phase.FAILED:
            self.phase = Phase.STOPPED

    def finish(self, seconds: float) -> None:
        """Second half: waits for the process to end, at most `seconds`, then kills it."""
        if self._process is not None:
            deadline = now_ns() + round(seconds * _SECOND)
            while self._process.is_alive() and now_ns() < deadline and self.final is None:
                multiprocessing.connection.wait(self.handles, timeout=0.2)
                self.receive()
            self.receive()
            self._reap(2.0 if self.final is not None else 0.0)
        if self.phase is not Phase.FAILED:
            self.phase = Phase.STOPPED

    def _reap(self, seconds: float) -> None:
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        if process is not None:
            process.join(seconds)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        if pipe is not None:
            pipe.close()


def _exit_reason(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
        return f"was killed by signal {-code}"
    return f"ended with exit status {code}"
