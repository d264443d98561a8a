"""The OBS stream in real OBS: shown, heard, back by itself after any kill, and the card in a panic.

The picture is known by the bar code of the latency measurement where a test sends its own pictures, and by the
persona's colour where a live session does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from obs_portrait.obs.client import ObsClient, ObsEvent
from obs_portrait.obs.latency import measure
from obs_portrait.obs.revive import Reviver
from obs_portrait.obs.setup import STREAM, show_stream
from obs_portrait.pipeline.leak import PictureMark
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.options import LiveOptions, Makers
from obs_portrait.pipeline.live.session import LiveSession
from obs_portrait.pipeline.live.supervisor import Phase
from tests.obs.conftest import address_of, needs_obs
from tests.obs.real_obs import RealObs, free_port, until
from tests.pipeline.live import doubles

ROOT = Path(__file__).resolve().parents[2]


def add_source(client: ObsClient, port: int) -> None:
    """The Media Source as `obs setup` makes it, over the whole canvas."""
    show_stream(client, client.request("GetCurrentProgramScene")["currentProgramSceneName"], STREAM, port)


def shown(client: ObsClient, source: str = STREAM) -> NDArray[np.uint8]:
    """What OBS shows of a source now, (96, 128, 3) uint8 RGB; empty if there is nothing."""
    asked = {"sourceName": source, "imageFormat": "png", "imageWidth": 128, "imageHeight": 96}
    return measure._decoded(str(client.request("GetSourceScreenshot", asked)["imageData"]))[..., ::-1]


def mean_colour(client: ObsClient) -> tuple[int, int, int]:
    image = shown(client)
    red, green, blue = image.reshape(-1, 3).mean(axis=0) if image.size else (0, 0, 0)
    return round(red), round(green), round(blue)


def looks_like(client: ObsClient, persona: str) -> bool:
    """A persona of the doubles is its colour, but for a stripe."""
    wanted = next(one.colour for one in doubles.PERSONAS if one.name == persona)
    return bool(np.abs(np.subtract(mean_colour(client), wanted)).max() < 40)


class Producer:
    """The sinks with their marks, in a process that can be killed."""

    def __init__(self, port: int) -> None:
        self._command = [
            sys.executable,
            str(ROOT / "bench" / "obs_stream.py"),
            "--producer",
            str(port),
            "--size",
            "160x120",
        ]
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "listening\n"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


def fresh(client: ObsClient, since: float) -> bool:
    """OBS shows a picture that was made after `since` (monotonic s)."""
    return any(at - age / 1000 > since for at, age in measure.picture_ages(client, STREAM, 0.03))


def unplayed(session: LiveSession) -> bool:
    """The stream is served and nobody plays it."""
    video = session.status().video
    return video.phase is Phase.RUNNING and bool(video.cells["frames_out"]) and not video.cells["players"]


def no_buffering(obs: RealObs) -> bool:
    return "Max audio buffering reached" not in obs.log()


class Meters:
    """The loudest that OBS heard of a source, of its last reports."""

    def __init__(self, client: ObsClient) -> None:
        self.levels: list[float] = []
        self.end = client.subscribe(self._heard, "InputVolumeMeters")

    def _heard(self, event: ObsEvent) -> None:
        for one in event.data["inputs"]:
            if one["inputName"] == STREAM:
                self.levels.append(max((max(channel) for channel in one["inputLevelsMul"]), default=0.0))


@pytest.fixture(scope="module")
def loud_obs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealObs]:
    """With a sound server: without one OBS mixes no sound."""
    needs_obs()
    with RealObs(tmp_path_factory.mktemp("obs"), sound=True) as obs:
        yield obs


@pytest.fixture
def client(loud_obs: RealObs) -> Iterator[ObsClient]:
    with ObsClient(address_of(loud_obs)) as client:
        assert client.wait_connected(20), client.problem
        yield client
        client.request("RemoveInput", {"inputName": STREAM})


def test_obs_shows_and_plays_it_and_it_comes_back_after_any_kill(loud_obs: RealObs, client: ObsClient) -> None:
    port = free_port()
    producer = Producer(port)
    producer.start()
    try:
        add_source(client, port)
        until(lambda: fresh(client, 0), 20, "the picture in OBS")
        meters = Meters(client)
        until(lambda: max(meters.levels, default=0) > 0.2, 20, "the chirp in OBS's meters")
        assert no_buffering(loud_obs)

        producer.kill()
        before = time.monotonic()
        producer.start()  # after a second or two, so that OBS is refused at least once
        reviver = Reviver(client, lambda: not fresh(client, before))  # OBS gives up at times when it is refused
        reviver.start()
        until(lambda: fresh(client, before), 20, "the picture after the producer was killed")
        reviver.stop()
        heard = len(meters.levels)
        until(lambda: max(meters.levels[heard:], default=0) > 0.2, 20, "its sound again")
        meters.end()

        loud_obs.stop()  # saves the scene
        loud_obs.start()
        loud_obs.kill()
        links, before = client.links, time.monotonic()
        loud_obs.start()
        until(lambda: client.links > links, 20, "the link is back")
        reviver = Reviver(client, lambda: not fresh(client, before))
        reviver.start()
        until(lambda: fresh(client, before), 20, "the picture after OBS was killed")
        reviver.stop()
    finally:
        producer.kill()


def test_a_live_session_is_shown_heard_switched_and_covered(
    loud_obs: RealObs, client: ObsClient, tmp_path: Path
) -> None:
    faults, port = Board(*doubles.FAULTS), free_port()
    options = LiveOptions(
        source=doubles.Camera(faults), personas=doubles.PERSONAS, sinks=(f"obs:{port}",),
        audio=doubles.Microphone(faults), width=96, height=96, hung_s=2.0,
        makers=Makers(doubles.MakeFace(faults), doubles.MakeVoice(faults), doubles.Tracker(faults)),
    )  # fmt: skip
    seen: list[NDArray[np.uint8]] = []
    with LiveSession(options) as session:
        add_source(client, port)
        until(lambda: looks_like(client, "red"), 20, "the persona in OBS")
        meters = Meters(client)
        until(lambda: max(meters.levels, default=0) > 0.1, 20, "its voice in OBS")
        session.switch("green", timeout=20)
        until(lambda: looks_like(client, "green"), 20, "the other persona in OBS")

        session.panic()
        until(lambda: not looks_like(client, "green"), 20, "the card in OBS")
        card = mean_colour(client)
        assert not any(looks_like(client, one.name) for one in doubles.PERSONAS)
        heard = len(meters.levels)
        until(lambda: len(meters.levels) > heard + 20 and max(meters.levels[-10:]) < 1e-3, 20, "silence in OBS")
        seen += [shown(client) for _ in range(5)]
        assert mean_colour(client) == pytest.approx(card, abs=6)
        session.panic(False, timeout=20)
        until(lambda: looks_like(client, "green"), 20, "the persona again")
        until(lambda: max(meters.levels[-10:]) > 0.1, 20, "its voice again")

        # The picture freezes; OBS is let in again when the process is back, and woken where it has given up.
        reviver = Reviver(client, lambda: unplayed(session))
        reviver.start()
        os.kill(session.pids["video"], signal.SIGKILL)
        until(lambda: session.status().video.restarts == 1, 20, "the process is started again")
        session.switch("blue", timeout=30)
        until(lambda: looks_like(client, "blue"), 20, "the picture after the video process was killed")
        reviver.stop()
        seen += [shown(client) for _ in range(5)]
        meters.end()
    assert not any(PictureMark.found(np.ascontiguousarray(image), parts=False) for image in seen if image.size)
    assert no_buffering(loud_obs)
