"""A second process that has rehearsed and waits: when the first one dies it goes on at once.

A media process needs seconds to load what it works with, on a busy machine many; nobody wants to look at a card for so
long. The understudy costs memory and hardly any processor time. It opens no device and no sink before it is on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.child import Body
from obs_portrait.pipeline.live.messages import Failed, Prepared, Rehearsed
from obs_portrait.pipeline.live.spawn import spawn

__all__ = ["Ready", "Understudy"]

_SECOND = 1_000_000_000
_SETTLED_NS = 5 * _SECOND
"""So long after the first one went on: the start of a show has enough to do."""
_SILENT_NS = 10 * _SECOND
_AGAIN_NS = 30 * _SECOND


@dataclass(frozen=True, slots=True)
class Ready:
    """What a keeper takes over."""

    process: BaseProcess
    pipe: Connection
    board: Board


class Understudy:
    """Belongs to a keeper, and to its thread.

    plan(): what the process is to rehearse, None while there shall be no understudy. took(plan, failed): told when it
    goes on, so that it is known what it has rehearsed, and whom it could not prepare.
    """

    def __init__(
        self,
        name: str,
        body: Body,
        plan: Callable[[], Any],
        took: Callable[[Any, set[str]], None],
        cells: tuple[str, ...],
    ) -> None:
        self._name, self._body, self._plan, self._took, self._cells = name, body, plan, took, cells
        self._there: Ready | None = None
        self._rehearses: Any = None
        self._rehearsed = False
        self._failed: set[str] = set()
        self._since = 0
        self._not_before = 0

    @property
    def pid(self) -> int | None:
        """Process id, or None while there is none."""
        return self._there.process.pid if self._there is not None else None

    @property
    def rehearsed(self) -> bool:
        """It could go on."""
        return self._rehearsed

    def look(self, now: int, first_since: int, excused_ns: int) -> None:
        """Sees to it that there is one, when the first one has been on for a while."""
        if self._there is None:
            if now - first_since > _SETTLED_NS and now >= self._not_before:
                self._spawn(now)
            return
        self._listen()
        heard = max(self._there.board.get("beat_ns"), self._since, excused_ns)
        if not self._there.process.is_alive() or now - heard > _SILENT_NS:
            self._not_before = now + _AGAIN_NS
            self.dismiss()

    def _spawn(self, now: int) -> None:
        plan = self._plan()
        if plan is None:
            self._not_before = now + _SETTLED_NS
            return
        board = Board(*self._cells)
        self._there = Ready(*spawn(f"{self._name} understudy", self._body, plan, board), board)
        self._rehearses, self._rehearsed, self._since = plan, False, now
        self._failed = set()

    def _listen(self) -> None:
        if self._there is None:
            return
        with contextlib.suppress(EOFError, OSError):
            while self._there.pipe.poll():
                message = self._there.pipe.recv()
                if isinstance(message, Prepared) and message.problem is not None:
                    self._failed.add(message.name)
                self._rehearsed = (self._rehearsed or isinstance(message, Rehearsed)) and not isinstance(
                    message, Failed
                )

    def take(self) -> Ready | None:
        """The one that is ready, if it is; it is the caller's from now on."""
        self._listen()
        if self._there is None or not self._rehearsed or not self._there.process.is_alive():
            return None
        there, self._there, self._rehearsed = self._there, None, False
        self._took(self._rehearses, self._failed)
        return there

    def dismiss(self) -> None:
        """There is none any more."""
        there, self._there, self._rehearsed = self._there, None, False
        if there is not None:
            there.process.kill()
            there.process.join()
            there.process.close()
            there.pipe.close()
