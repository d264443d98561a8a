"""What the daemon costs that does nothing: `obs-portrait run --off`, without a camera, beside programs that only wake.

    python bench/rest.py [--seconds 30] [--times 3] [--json FILE]

How often each of our processes wakes is counted first. Then ours and the peer are measured over the same seconds: for
each of our processes a bare Python program that wakes as often and adds two numbers. A processor that has slept is slow
for a while, on a shared host much slower than on one's own: the peer says what a wake-up costs here at least.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

SETTLED_S = 30.0
COUNTED_S = 10.0
COMMAND = ["run", "--off", "--source", "camera:0", "--audio", "mic", "--sink", "null", "--audio-sink", "null"]
PEER = "import sys, time\nwhile True: time.sleep(float(sys.argv[1])); 1 + 1"


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[list[psutil.Process]]:
    """A daemon at rest without a desktop, and its processes: the daemon first, then video and audio."""
    env = {
        **os.environ,
        "OBS_PORTRAIT_CONFIG_DIR": str(folder / "config"),
        "OBS_PORTRAIT_RUNTIME_DIR": str(folder / "run"),
    }
    env.pop("DISPLAY", None)
    command = [sys.executable, "-m", "daemon.cli", *COMMAND]
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen(command, env=env, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(SETTLED_S)
            mine = psutil.Process(process.pid)
            yield [mine, *(one for one in mine.children() if "resource_tracker" not in " ".join(one.cmdline()))]
        finally:
            process.terminate()


@contextlib.contextmanager
def peers(rates: list[float]) -> Iterator[list[psutil.Process]]:
    """Programs that wake so many times a second."""
    made = [subprocess.Popen([sys.executable, "-c", PEER, str(1 / rate)]) for rate in rates if rate]
    try:
        yield [psutil.Process(one.pid) for one in made]
    finally:
        for one in made:
            one.kill()
            one.wait()


def wakes(process: psutil.Process) -> int:
    """How often its threads have slept and woken so far."""
    total = 0
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(OSError):
            lines = (thread / "status").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return total


def used(process: psutil.Process) -> float:
    """Seconds of processor time so far, by the scheduler's own count (the usual one has steps of 10 ms)."""
    total = 0
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


@dataclass(frozen=True, slots=True)
class Round:
    """Per cent of one core, by process. `peer`: of all peers together."""

    ours: tuple[float, ...]
    peer: float


def measure(ours: list[psutil.Process], others: list[psutil.Process], seconds: float) -> Round:
    """Both over the same seconds."""
    before, begun = [used(one) for one in (*ours, *others)], time.monotonic()
    time.sleep(seconds)
    gone = time.monotonic() - begun
    spent = [100 * (used(one) - at) / gone for one, at in zip((*ours, *others), before, strict=True)]
    return Round(tuple(spent[: len(ours)]), sum(spent[len(ours) :]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, daemon(Path(folder)) as ours:
        count, begun = [wakes(one) for one in ours], time.monotonic()
        time.sleep(COUNTED_S)
        gone = time.monotonic() - begun
        rates = [(wakes(one) - at) / gone for one, at in zip(ours, count, strict=True)]
        names = ("daemon", "video", "audio")
        print("wakes a second: " + ", ".join(f"{n} {r:.1f}" for n, r in zip(names, rates, strict=True)), flush=True)
        rounds = []
        with peers(rates) as others:
            for number in range(given.times):
                one = measure(ours, others, given.seconds)
                rounds.append(one)
                parts = ", ".join(f"{n} {spent:.2f}" for n, spent in zip(names, one.ours, strict=True))
                print(
                    f"{number + 1}: {sum(one.ours):.2f} % of a core ({parts}); bare wake-ups {one.peer:.2f} %; "
                    f"load {os.getloadavg()[0]:.1f}",
                    flush=True,
                )
        memory = ours[0].memory_info().rss / 1e6
    total = [sum(one.ours) for one in rounds]
    ratio = [sum(one.ours) / one.peer for one in rounds]
    print(
        f"median {statistics.median(total):.2f} % ({min(total):.2f} to {max(total):.2f}), "
        f"{statistics.median(ratio):.1f} times the bare wake-ups ({min(ratio):.1f} to {max(ratio):.1f}); "
        f"daemon {memory:.0f} MB"
    )
    if given.json is not None:
        told = {"wakes": rates, "rounds": [[*one.ours, one.peer] for one in rounds], "daemon_mb": memory}
        given.json.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
