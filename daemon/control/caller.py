"""Calls into the daemon that may hang: made in threads, given up after a time, never more than a few at once."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["BusyError", "Caller"]


class BusyError(Exception):
    """Every thread is held by a call that has not come back."""


class _Job:
    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Any] = self._loop.create_future()
        self._result: Any = None
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._result = self._work()
        except Exception as error:
            self._error = error

    def tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server stopped while the call hung
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if self.answer.done():  # given up
            return
        if self._error is not None:
            self.answer.set_exception(self._error)
        else:
            self.answer.set_result(self._result)


class Caller:
    """Runs blocking functions for an event loop in at most `threads` threads of its own.

    The threads are daemons: unlike those of `concurrent.futures` they keep no process alive when a call hangs for ever.
    A call that is given up goes on in its thread, which serves again once it comes back.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._limit, self._name = threads, name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._busy = 0
        self._started = 0
        self._closed = False
        self._lock = threading.Lock()

    async def call(self, work: Callable[[], Any], timeout: float) -> Any:
        """What `work()` returns or raises.

        Raises TimeoutError after `timeout` s and `BusyError` if no thread is free.
        """
        job = _Job(work)
        with self._lock:
            if self._busy >= self._limit or self._closed:
                raise BusyError
            self._busy += 1
            if self._busy > self._started:
                self._started += 1
                threading.Thread(target=self._serve, name=f"control {self._name}", daemon=True).start()
        self._jobs.put(job)
        async with asyncio.timeout(timeout):
            return await job.answer

    def close(self) -> None:
        """Ends the threads that are idle, and the others once their call comes back."""
        with self._lock:
            self._closed = True
            for _ in range(self._started):
                self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()
            with self._lock:
                self._busy -= 1
            job.tell()
            del job  # while this thread waits for the next one, megabytes may hang on it
