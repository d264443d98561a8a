"""Starts a media process."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.child import Body, child_main

__all__ = ["spawn"]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def spawn(name: str, body: Body, plan: Any, board: Board) -> tuple[BaseProcess, Connection]:
    """The process and our end of its pipe. To be called by a thread that outlives the process."""
    context = multiprocessing.get_context("spawn")
    pair: Any = context.Pipe()  # Windows has a class of its own for pipes, with the same methods
    ours, theirs = pair
    process = context.Process(
        target=child_main, args=(os.getpid(), theirs, board, body, plan), name=f"obs-portrait {name}", daemon=True
    )
    with _spawn_environment():
        process.start()
    theirs.close()
    return process, ours


@contextlib.contextmanager
def _spawn_environment() -> Iterator[None]:
    """One thread for each numeric library in the child (oversubscription costs ten times the work on few cores), and
    SIGINT blocked from the first instruction on. Both are inherited, so they are set here and put back."""
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in _ONE_THREAD}
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    if sys.platform != "win32":
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
