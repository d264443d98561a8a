"""What a media process does before its body runs."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import pytest

from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.child import Link
from obs_portrait.pipeline.live.messages import Stopped
from obs_portrait.pipeline.live.spawn import spawn


def tells_what_a_crash_would_leave(link: Link, plan: Any) -> Stopped:
    import resource

    return Stopped({
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
    })  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's way of saying it is Linux' own")
def test_a_media_process_that_crashes_leaves_nothing_of_what_it_saw() -> None:
    process, pipe = spawn("video", tells_what_a_crash_would_leave, None, Board("beat_ns"))
    try:
        assert pipe.poll(30)
        assert pipe.recv().figures == {"core": 0, "dumpable": 0}
    finally:
        process.join()
        process.close()
        pipe.close()
