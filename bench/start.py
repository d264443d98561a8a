"""From the command to the tray's icon, to the first answer of the control API and to the first picture of a persona.

    python bench/start.py [--times 5] [--source screen|performance] [--json FILE]

`obs-portrait run` with all built-in personas and a virtual microphone that is none, on a desktop of its own: Xvfb with
a real tray host, at whose icon we look. The driver is a device, as a streamer's camera is: the part of the screen where
a window shows a face; or the bundled performance, which has to be drawn first and is given 0.6 s to be opened. Each
start is one of an installation that has run before (numba's cache is warm); the first one is not counted.
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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from daemon.control.client import ControlClient
from obs_portrait.errors import ControlError
from obs_portrait.pipeline.performance import DRIVER
from obs_portrait.resources import assets_dir
from tests.daemon.tray.desktop import Desktop, desktop, recognise

COMMAND = str(Path(sys.executable).with_name("obs-portrait"))
PATIENCE_S = 60.0
REGION = "screen:240,64,512x512"


@contextlib.contextmanager
def driver(screen: Desktop) -> Iterator[None]:
    """A window that shows a face, in the lower right part of the screen."""
    show = (
        "import sys, cv2; cv2.namedWindow('driver', cv2.WINDOW_AUTOSIZE); cv2.moveWindow('driver', 240, 64);"
        "cv2.imshow('driver', cv2.imread(sys.argv[1]));\nwhile True: cv2.waitKey(1000)"
    )
    picture = assets_dir() / "performance" / DRIVER
    with subprocess.Popen(
        [sys.executable, "-c", show, str(picture)], env=dict(screen.environment), stderr=subprocess.DEVNULL
    ) as window:
        try:
            yield
        finally:
            window.terminate()


def start(screen: Desktop, folder: Path, source: str) -> dict[str, float]:
    """Seconds from the command until each is there."""
    moved = {"OBS_PORTRAIT_CONFIG_DIR": str(folder / "config"), "OBS_PORTRAIT_RUNTIME_DIR": str(folder / "run")}
    client = ControlClient(folder / "run", timeout=2.0)
    arguments = [
        "run",
        "--source",
        source,
        "--audio",
        "performance",
        "--loop",
        "--audio-sink",
        "null",
        "--sink",
        "null",
        "--tray",
    ]
    found: dict[str, float] = {}
    begun = time.monotonic()
    with subprocess.Popen(
        [COMMAND, *arguments], env={**screen.environment, **moved}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as daemon:
        while len(found) < 3 and time.monotonic() - begun < PATIENCE_S:
            if "tray" not in found and recognise(screen.icon()) not in ("", " "):
                found["tray"] = time.monotonic() - begun
            with contextlib.suppress(ControlError):
                status = client.status()
                found.setdefault("api", time.monotonic() - begun)
                if status.get("state") == "live":
                    found["picture"] = time.monotonic() - begun
            time.sleep(0.02)
        daemon.terminate()
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--source", choices=("screen", "performance"), default="screen")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        screen = stack.enter_context(desktop())
        stack.enter_context(screen.tray_host())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="start")))
        if given.source == "screen":
            stack.enter_context(driver(screen))
        source = REGION if given.source == "screen" else given.source
        runs = [start(screen, folder, source) for _ in range(given.times + 1)][1:]
    print(f"{given.times} starts, {given.source} as the driver, load {os.getloadavg()[0]:.1f}")
    for name, what in (("tray", "tray icon"), ("api", "control API"), ("picture", "first persona frame")):
        times = sorted(one.get(name, float("inf")) for one in runs)
        print(f"{what}: median {statistics.median(times):.2f} s, {times[0]:.2f} to {times[-1]:.2f}")
    if given.json:
        given.json.write_text(json.dumps({"runs": runs, "load": os.getloadavg()}, indent=1))


if __name__ == "__main__":
    main()
