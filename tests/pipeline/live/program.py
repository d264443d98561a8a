"""A program with a live session, as a user would write it, for the tests that kill it. Argument: folder for the sinks.

Prints the ids of the media processes and then which heavy libraries it holds itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.options import LiveOptions, Makers
from obs_portrait.pipeline.live.session import LiveSession


def main() -> None:
    from tests.pipeline.live import doubles

    folder = Path(sys.argv[1])
    faults = Board(*doubles.FAULTS)
    options = LiveOptions(
        source=doubles.Camera(faults),
        personas=doubles.PERSONAS[:1],
        sinks=(doubles.VideoCatch(folder / "frames"),),
        audio=doubles.Microphone(faults),
        audio_sinks=(doubles.AudioCatch(folder / "blocks"),),
        width=96,
        height=96,
        makers=Makers(doubles.MakeFace(faults), doubles.MakeVoice(faults), doubles.Tracker(faults)),
    )
    session = LiveSession(options)
    try:
        session.start(timeout=60)
        print(*session.pids.values(), flush=True)
        session.wait()
    except KeyboardInterrupt:
        report = session.stop()
        print("stopped", report.video["frames_out"], (report.audio or {})["blocks"], flush=True)


if __name__ == "__main__":
    main()
