"""The child's side of `daemon.rooms.errands`: `python -P -m daemon.rooms.worker`. Reads jobs until its input ends."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from daemon.rooms.errands import Outcome, receive, send
from obs_portrait.errors import PortraitError

__all__ = ["main"]

Job = Callable[[dict[str, Any], bytes], Outcome]

_JOBS: Final = {
    "thumbnail of a picture": "daemon.rooms.jobs.pictures:thumbnail",
    "look": "daemon.rooms.jobs.faces:look",
    "portrait": "daemon.rooms.jobs.faces:portrait",
    "thumbnail of a clip": "daemon.rooms.jobs.clips:thumbnail",
    "trim": "daemon.rooms.jobs.clips:trim",
    "devices": "daemon.rooms.jobs.devices:listing",
}
_NICE: Final = 10


def _job(name: str) -> Job:
    module, _, function = _JOBS[name].partition(":")
    job: Job = getattr(import_module(module), function)
    return job


def main() -> None:
    """Never raises; ends with its input, and with SIGTERM after clean-up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.nice(_NICE)  # the show comes first
    line_in = sys.stdin.buffer
    # Libraries print what they like: it must not come between the messages.
    line_out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while (asked := receive(line_in)) is not None:
        try:
            done = _job(str(asked.told.pop("job")))(asked.told, asked.content)
        except PortraitError as error:
            done = Outcome({"error": str(error)}, b"")
        except Exception as error:
            done = Outcome({"error": f"This file cannot be used ({type(error).__name__}: {error})."}, b"")
        send(line_out, done.told, done.content)


if __name__ == "__main__":
    main()
