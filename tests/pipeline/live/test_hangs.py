"""Devices that hang, with real media processes: the picture goes out, and another device is had."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.messages import Notice
from obs_portrait.pipeline.live.options import LiveOptions, Makers
from obs_portrait.pipeline.live.session import LiveSession
from obs_portrait.pipeline.live.status import PathStatus
from tests.pipeline.live import doubles


@dataclass
class Hangs:
    """Picklable: in the place of a device whose driver never answers."""

    def __call__(self) -> Any:
        device: Any = doubles.Camera(Board(*doubles.FAULTS))()
        device.name = "hanging device"
        device.open = threading.Event().wait
        return device


def test_a_show_whose_devices_hang_goes_out_and_takes_others(tmp_path: Path) -> None:
    faults, told = Board(*doubles.FAULTS), list[Notice]()
    options = LiveOptions(
        source=Hangs(),
        personas=doubles.PERSONAS[:1],
        sinks=(doubles.VideoCatch(tmp_path / "frames"),),
        audio=Hangs(),
        audio_sinks=(doubles.AudioCatch(tmp_path / "blocks"),),
        width=96,
        height=96,
        patient=True,
        loop=True,
        makers=Makers(doubles.MakeFace(faults), doubles.MakeVoice(faults), doubles.Tracker(faults)),
    )
    with LiveSession(options, told.append) as session:

        def paths() -> list[PathStatus | None]:
            return [session.status().video, session.status().audio]

        def until(there: Callable[[], object]) -> None:
            deadline = time.monotonic() + 60
            while not there():
                assert time.monotonic() < deadline and session.status().running, (told, session.error)
                time.sleep(0.02)

        until(lambda: {"camera", "microphone"} <= {one.about for one in told if "does not answer" in one.text})
        assert session.status().video.cells["frames_out"] > 0  # stand-ins
        session.use("camera", "performance")
        session.use("microphone", "performance")
        until(lambda: session.status().video.cells["from_engine"] > 10)
        until(lambda: all(one is not None and one.cells["source_ok"] for one in paths()))
        assert [one.restarts for one in paths() if one is not None] == [0, 0]
