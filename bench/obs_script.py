"""What our script costs OBS: two real OBS side by side, one with the script and one without, under the same load.

For each behaviour of the daemon: frames that OBS did not render or put out in time, its mean time for a frame, the CPU
time of the process, and the ratio of the last two to the OBS without the script. Keys are pressed ten times a second.

    python bench/obs_script.py [seconds for each behaviour]
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from daemon.control.server import ControlServer
from obs_portrait.obs.client import ObsClient
from obs_portrait.obs.script.install import install_script
from tests.daemon.control.stand_in import StageStandIn
from tests.obs.conftest import address_of
from tests.obs.real_obs import RealObs, why_not
from tests.obs.script.rude import RUDE, RudeServer, control_json

MANNERS = ("absent", "answers", "silent", "drips", "floods", "noise", "deeply nested")


@dataclass
class Figures:
    """Of one OBS over one behaviour: frames skipped, median of the mean times for a frame in ms, CPU seconds."""

    skipped: int
    frame_ms: float
    cpu_s: float


def _stats(client: ObsClient) -> dict[str, float]:
    return client.request("GetStats", timeout=10)


def _skipped(stats: dict[str, float]) -> int:
    return int(stats["renderSkippedFrames"] + stats["outputSkippedFrames"])


def _cpu_s(obs: RealObs) -> float:
    assert obs.pid is not None
    fields = Path(f"/proc/{obs.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def daemon(manner: str, folder: Path) -> Iterator[None]:
    """A daemon that behaves so."""
    if manner == "absent":
        (folder / "control.json").unlink(missing_ok=True)
        yield
    elif manner == "answers":
        with ControlServer(StageStandIn(), path=folder / "control.json"):
            yield
    else:
        with RudeServer(RUDE[manner]) as server:
            control_json(folder, server.port)
            yield


def measure(pairs: list[tuple[RealObs, ObsClient]], seconds: float) -> list[Figures]:
    """Both at once; keys are pressed in the first."""
    begun = [(_skipped(_stats(client)), _cpu_s(obs)) for obs, client in pairs]
    times: list[list[float]] = [[] for _ in pairs]
    end = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < end:
        for (_, client), seen in zip(pairs, times, strict=True):
            hotkey = f"obs_portrait.{('panic', 'calibrate', 'clip')[turn % 3]}"
            # Without the script there is no such key: OBS is asked all the same, so that both do the same work.
            with contextlib.suppress(Exception):
                client.request("TriggerHotkeyByName", {"hotkeyName": hotkey})
            seen.append(_stats(client)["averageFrameRenderTime"])
        turn += 1
        time.sleep(0.1)
    return [
        Figures(_skipped(_stats(client)) - skipped, statistics.median(seen), _cpu_s(obs) - cpu)
        for (obs, client), seen, (skipped, cpu) in zip(pairs, times, begun, strict=True)
    ]


def _ratio(ours: float, other: float) -> float:
    return ours / other if other else float("nan")


def main(seconds: float) -> None:
    if reason := why_not():
        sys.exit(reason)
    results = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        run = folder / "run"
        ours = RealObs(folder / "with", environment={"OBS_PORTRAIT_RUNTIME_DIR": str(run)})
        install_script(ours.config_dir, target=folder / "script")
        pairs = []
        for obs in (ours, RealObs(folder / "without")):
            stack.enter_context(obs)
            client = stack.enter_context(ObsClient(address_of(obs)))
            assert client.wait_connected(30), client.problem
            pairs.append((obs, client))
        print("daemon           skipped  without  frame ms  ratio   CPU s  ratio", flush=True)
        for manner in MANNERS:
            with daemon(manner, run):
                with_it, without = measure(pairs, seconds)
            results[manner] = {"with": vars(with_it), "without": vars(without)}
            frame, cpu = _ratio(with_it.frame_ms, without.frame_ms), _ratio(with_it.cpu_s, without.cpu_s)
            print(
                f"{manner:<15}{with_it.skipped:>9}{without.skipped:>9}"
                f"{with_it.frame_ms:>10.2f}{frame:>7.2f}{with_it.cpu_s:>8.2f}{cpu:>7.2f}",
                flush=True,
            )
    print(json.dumps(results))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
