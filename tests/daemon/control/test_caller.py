"""Calls that hang cost a thread each, never the loop."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from typing import Any

import pytest

from daemon.control.caller import BusyError, Caller


def test_results_and_errors_come_back() -> None:
    async def main() -> None:
        caller = Caller(2, "test")
        assert await caller.call(lambda: threading.current_thread().name, 5) == "control test"
        with pytest.raises(KeyError, match="why"):
            await caller.call(lambda: {}["why"], 5)
        caller.close()

    asyncio.run(main())


def test_one_thread_serves_what_comes_one_after_the_other() -> None:
    async def main() -> None:
        caller = Caller(8, "test")
        threads = {await caller.call(threading.get_ident, 5) for _ in range(50)}
        assert len(threads) == 1
        caller.close()

    asyncio.run(main())


def test_a_call_that_hangs_is_left_behind_and_its_thread_comes_back() -> None:
    go = threading.Event()

    async def main() -> None:
        caller = Caller(2, "test")
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await caller.call(go.wait, 0.05)
        with pytest.raises(BusyError):
            await caller.call(lambda: None, 5)
        go.set()
        for _ in range(1000):
            try:
                assert await caller.call(lambda: 7, 5) == 7
                break
            except BusyError:
                await asyncio.sleep(0.01)
        else:
            raise AssertionError("the threads did not come back")
        caller.close()
        with pytest.raises(BusyError):
            await caller.call(lambda: None, 5)

    asyncio.run(main())


def test_a_call_that_outlives_the_loop_harms_nobody() -> None:
    go, ended = threading.Event(), threading.Event()
    caller = Caller(1, "test")

    def slow() -> Any:
        go.wait()
        ended.set()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await caller.call(slow, 0.05)

    asyncio.run(main())
    thread = next(thread for thread in threading.enumerate() if thread.name == "control test" and thread.is_alive())
    go.set()
    assert ended.wait(10)
    caller.close()
    thread.join(10)
    assert not thread.is_alive()


def test_a_thread_that_waits_holds_nothing_of_its_last_call() -> None:
    """A picture of megabytes must not live on until the next one comes."""

    class Large:
        pass

    made: list[weakref.ref[Large]] = []

    def work() -> Large:
        large = Large()
        made.append(weakref.ref(large))
        return large

    async def run(caller: Caller) -> None:
        assert isinstance(await caller.call(work, 10.0), Large)

    caller = Caller(1, "test")
    try:
        asyncio.run(run(caller))
        deadline = time.monotonic() + 10
        while made[0]() is not None:
            assert time.monotonic() < deadline
    finally:
        caller.close()
