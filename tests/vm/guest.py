"""What runs inside the guest, as root: `python -m tests.vm.guest OUT` makes every check and writes OUT/outcome.json.

It judges nothing. It notes what was seen; the tests outside judge. The file is written anew after each check, so that
a guest that hangs or is too slow still tells how far it came.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.vm import camera_checks, sink_checks

CHECKS: Final[tuple[Callable[[], dict[str, Any]], ...]] = (
    sink_checks.without_a_device,
    sink_checks.opencv_in_step,
    sink_checks.ffmpeg_at_its_pace,
    sink_checks.readers_come_and_go,
    sink_checks.busy,
    sink_checks.killed_under_a_reader,
    sink_checks.wrong_sizes,
    sink_checks.back_after_all_that,
    camera_checks.loopback_writer_leaves_and_returns,
    camera_checks.unplugged_and_back,
)


def main() -> None:
    out = Path(sys.argv[1])
    outcome: dict[str, Any] = {}
    for check in CHECKS:
        began = time.monotonic()
        try:
            seen = check()
        except Exception:  # one check that breaks must not hide what the others saw
            seen = {"broke": traceback.format_exc()}
        outcome[check.__name__] = seen | {"seconds": round(time.monotonic() - began, 1)}
        print(check.__name__, outcome[check.__name__], flush=True)
        part = out / "outcome.part"
        part.write_text(json.dumps(outcome))
        part.replace(out / "outcome.json")
    (out / "done").touch()
    sys.stdout.flush()
    os._exit(0)  # a thread that a driver holds must not keep the guest from going down


if __name__ == "__main__":
    main()
