"""The OBS stream against real OBS: how old is what OBS shows, do picture and sound stay together, does it come back.

    python bench/obs_stream.py [--minutes 2] [--size 512x512] [--obs-fps 30] [--restarts 20] [--kills 5] [--json FILE]

A producer process of its own (the sink as the video process uses it, 30 pictures a second with their time in them, and
a chirp at every second) and an OBS of its own under Xvfb. The peer is FFmpeg's own NUT muxer with plain time stamps,
as the spike had it: `--peer` measures it in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from obs_portrait.clock import now_ns
from obs_portrait.errors import ObsError
from obs_portrait.obs.address import Address, Secret
from obs_portrait.obs.client import ObsClient
from obs_portrait.obs.latency import measure, pattern
from obs_portrait.obs.setup import show_stream
from tests.obs.real_obs import RealObs, free_port, why_not

NAME = "OBS Portrait"


def background(width: int, height: int) -> NDArray[np.uint8]:
    """Something with detail, so that an encoder has work."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (16, 16, 3)).astype(np.uint8)
    return np.kron(small, np.ones((-(-height // 16), -(-width // 16), 1), np.uint8))[:height, :width].copy()


def produce(port: int, width: int, height: int, fps: int) -> None:
    """The producer: sealed frames and blocks into the real sinks, until it is killed."""
    from obs_portrait.face.types import Canvas
    from obs_portrait.media.sinks.obs_stream.sink import ObsStreamSink
    from obs_portrait.media.sinks.obs_stream.voice import VoiceRing, VoiceRingSink
    from obs_portrait.media.types import CameraFrame, MicBlock
    from obs_portrait.pipeline.guard import AudioGuard, Look, VideoGuard

    ring = VoiceRing()
    sink, voice = ObsStreamSink(port, ring, lambda: 1 / fps), VoiceRingSink(ring)
    sink.open(width, height, Fraction(30))
    voice.open()
    print("listening", flush=True)

    def talk() -> None:
        guard, quiet = AudioGuard("bench", 0), np.zeros(480, np.float32)
        first = now_ns()
        for n in range(1 << 40):
            due = first + (n + 1) * 10_000_000
            time.sleep(max(0.0, (due - now_ns()) / 1e9))
            sound = pattern.chirps(due - 10_000_000, 480)
            voice.write(guard.admit(sound, MicBlock(quiet, due - 10_000_000, n * 480)))

    threading.Thread(target=talk, daemon=True).start()
    guard, camera = VideoGuard(Look("bench"), Canvas(width, height)), np.zeros((height, width, 3), np.uint8)
    picture, first = background(width, height), now_ns()
    for n in range(1 << 40):
        time.sleep(max(0.0, (first + n * 1e9 / 30 - now_ns()) / 1e9))
        now = now_ns()
        image = picture.copy()
        pattern.draw(image, now // 1_000_000)
        sink.write(guard.admit(image, CameraFrame(camera, now, n)))


def produce_plainly(port: int, width: int, height: int) -> None:
    """The peer: PyAV's NUT muxer, a packet when there is one, plain stamps."""
    import socket

    import av

    listener = socket.create_server(("127.0.0.1", port))
    client, _ = listener.accept()

    class Out:
        def write(self, data: bytes) -> int:
            client.sendall(data)
            return len(data)

    out = av.open(Out(), "w", format="nut", options={"fflags": "flush_packets", "flush_packets": "1"})
    video, audio = out.add_stream("rawvideo", rate=30), out.add_stream("pcm_s16le", rate=48000, layout="mono")
    video.width, video.height, video.pix_fmt = width, height, "bgra"
    out.start_encoding()
    picture, first = background(width, height), now_ns()
    for n in range(1 << 40):
        time.sleep(max(0.0, (first + n * 1e9 / 30 - now_ns()) / 1e9))
        now = now_ns()
        image = np.dstack((picture, np.full((height, width, 1), 255, np.uint8)))
        pattern.draw(image, now // 1_000_000)
        sound = (pattern.chirps(now - 33_333_333, 1600) * 32767).astype("<i2")
        for stream, data, pts, base in (
            (audio, sound.tobytes(), n * 1600, Fraction(1, 48000)),
            (video, image.tobytes(), n, Fraction(1, 30)),
        ):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, pts, pts, base
            packet.is_keyframe = True
            out.mux(packet)


class Producer:
    """The producer's process."""

    def __init__(self, port: int, size: str, role: str = "producer", fps: int = 30) -> None:
        self._command = [sys.executable, __file__, f"--{role}", str(port), "--size", size, "--obs-fps", str(fps)]
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)

    def restart(self) -> None:
        """Killed and started anew; returns when it listens."""
        self.kill()
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        if self.process.stdout is not None:
            self.process.stdout.readline()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()


def create(client: ObsClient, port: int, name: str = NAME) -> None:
    """The Media Source in the first scene."""
    show_stream(client, client.request("GetCurrentProgramScene")["currentProgramSceneName"], name, port)


def fresh(client: ObsClient, since_ms: int, seconds: float) -> float | None:
    """Seconds until OBS shows a picture that was made after `since_ms`; None if it does not in time."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        try:
            ages = measure.picture_ages(client, NAME, 0.03)
        except ObsError:
            time.sleep(0.02)
            continue
        if ages and ages[-1][0] * 1000 - ages[-1][1] > since_ms:
            return time.monotonic() - begin
    return None


def buffering(obs: RealObs) -> list[str]:
    """What OBS's log says of sound that came late."""
    return [line for line in obs.log().splitlines() if "audio buffering" in line.lower()]


def look(client: ObsClient, seconds: float) -> dict[str, Any]:
    """One measurement, as a row."""
    found = measure.measure(client, NAME, seconds)
    row = {"picture_ms": found.picture.median, "p95_ms": found.picture.p95, "skew_ms": found.skew_ms,
           "skew_spread_ms": found.skew_spread_ms, "n": found.picture.count, "load": os.getloadavg()[0]}  # fmt: skip
    print(
        ", ".join(f"{key} {value:.1f}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()),
        flush=True,
    )
    return row


def run(minutes: float, size: str, fps: int, restarts: int, kills: int, peer: bool, folder: Path) -> dict[str, Any]:
    """Everything."""
    port = free_port()
    result: dict[str, Any] = {"size": size, "obs_fps": fps, "cores": os.cpu_count()}
    with (
        RealObs(folder / "obs", sound=True, rate=fps) as obs,
        ObsClient(Address(port=obs.port, password=Secret(obs.password))) as client,
    ):
        client.wait_connected(30)
        result["obs"] = client.version["obsVersion"]
        if peer:
            plain = Producer(port, size, "plain")
            time.sleep(1)
            create(client, port)
            time.sleep(4)
            print("peer: ", end="")
            result["peer"] = look(client, 6)
            client.request("RemoveInput", {"inputName": NAME})
            plain.kill()
            time.sleep(1)
        producer = Producer(port, size, fps=fps)
        time.sleep(1.5)
        create(client, port)
        time.sleep(4)
        rows, begin = [], time.monotonic()
        while True:
            rows.append({"minute": (time.monotonic() - begin) / 60, **look(client, 6)})
            left = minutes * 60 - (time.monotonic() - begin)
            if left <= 0:
                break
            time.sleep(min(30.0, left))
        result["rows"] = rows
        result["median_ms"] = statistics.median(row["picture_ms"] for row in rows)
        skews = [row["skew_ms"] for row in rows if row["skew_ms"] is not None]
        result["skew_ms"] = {"first": skews[0], "last": skews[-1], "worst": max(skews, key=abs)} if skews else None
        result["buffering"] = buffering(obs)
        back = []
        for _ in range(restarts):
            producer.restart()
            since = now_ns() // 1_000_000
            back.append(fresh(client, since, 15))
            time.sleep(1.5)
        result["back_after_producer_s"] = back
        again = []
        for turn in range(kills):
            (obs.kill if turn % 2 else obs.stop)()
            obs.start()
            since = now_ns() // 1_000_000
            again.append(fresh(client, since, 30))
            time.sleep(1)
        result["back_after_obs_s"] = again
        result["after"] = look(client, 6)
        result["buffering_after"] = buffering(obs)
        producer.kill()
    return result


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--size", default="512x512")
    parser.add_argument("--obs-fps", type=int, default=30)
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--producer", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--plain", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    width, height = (int(part) for part in given.size.split("x"))
    if given.producer:
        produce(given.producer, width, height, given.obs_fps)
    if given.plain:
        produce_plainly(given.plain, width, height)
    reason = why_not()
    if reason:
        sys.exit(f"not measured: {reason}")
    with tempfile.TemporaryDirectory() as folder:
        result = run(given.minutes, given.size, given.obs_fps, given.restarts, given.kills, given.peer, Path(folder))
    print(json.dumps(result, indent=1))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
