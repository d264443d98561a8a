"""Hours in minutes: the real daemon, a persona switch every 20 s, a fault every 60 s; what leaked, what came back?

    python bench/soak.py [--minutes 60] [--switch 20] [--fault 60] [--json FILE] [--plot FILE]

The daemon (`daemon.app.App`, mesh personas, both media processes, the control API) runs in a process of its own on the
library's fakes: a marked camera and a marked microphone with faults, and sinks that look for the marks in every
picture and every half second of sound (`obs_portrait.pipeline.fakes`). Times are read at the sinks: a fault counts as
over when the first picture that an engine made, and the first block that a converter made, left after its end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from daemon.app import App, Doors
from daemon.control.client import ControlClient
from obs_portrait.errors import ControlError, PipelineError
from obs_portrait.pipeline.clock import now_ns
from obs_portrait.pipeline.fakes import FAULTS, SEEN, FakeCamera, FakeMicrophone, Fault, WatchingAudio, WatchingVideo
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.options import LiveOptions, Makers

CAST = ("ada", "bronze", "ink")
PATIENCE_S = 60.0
_RAISES, _HANGS = 1, 2


@dataclass(frozen=True)
class FlakyFace:
    """Prepares as usual; on order the engine raises for one frame in ten, or hangs."""

    faults: Board

    def __call__(self, persona: Any, canvas: Any) -> Any:
        from obs_portrait.pipeline.prepare import prepare_face

        face = prepare_face(persona, canvas)
        render, count = face.engine.render, [0]

        def flaky(*arguments: Any) -> Any:
            count[0] += 1
            if self.faults.get("engine") == _RAISES and count[0] % 10 == 0:
                raise PipelineError("the engine raised, as it was told to")
            while self.faults.get("engine") == _HANGS:
                time.sleep(0.005)
            return render(*arguments)

        face.engine.render = flaky  # type: ignore[method-assign, assignment]
        return face


def daemon(options: LiveOptions, pids: Board) -> None:
    """The daemon's process. pids: of the media processes that are on now."""
    with App(options, Doors(obs=False, port=0)) as app:
        while not app.wait(0.02):
            for name in pids.names:
                pids.set(name, app.session.pids.get(name, 0))


def until(condition: Callable[[], bool]) -> None:
    """Waits a minute at most."""
    end = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)


@dataclass
class Soak:
    """What the driver of the soak holds."""

    faults: Board
    engine: Board
    pictures: Board
    sounds: Board
    client: ControlClient
    process: Any
    pids: Board

    def media(self, name: str) -> psutil.Process:
        """ "video" or "audio": the one that is on."""
        until(lambda: self.pids.get(name) > 0)
        return psutil.Process(self.pids.get(name))

    def children(self) -> list[psutil.Process]:
        """Both, and their understudies."""
        found = psutil.Process(self.process.pid).children()
        return [one for one in found if "fork" in " ".join(one.cmdline())]

    def ask(self, path: str, body: dict[str, Any]) -> None:
        """A request that may find the daemon asleep."""
        with contextlib.suppress(ControlError):
            self.client.request("POST", path, body, timeout=20.0)

    def back(self, since_ns: int) -> float:
        """Seconds from then until picture and voice of a persona leave again; infinite after a minute."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            picture, sound = self.pictures.get("frame_ns"), self.sounds.get("sound_ns")
            if picture > since_ns and sound > since_ns:
                return (max(picture, sound) - since_ns) / 1e9
            time.sleep(0.005)
        return float("inf")


def _kill(which: str) -> Callable[[Soak], int]:
    def fault(soak: Soak) -> int:
        soak.media(which).kill()
        return now_ns()

    return fault


def _stop(which: str, seconds: float = 10.0) -> Callable[[Soak], int]:
    def fault(soak: Soak) -> int:
        stopped = soak.media(which)
        stopped.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        with contextlib.suppress(psutil.Error):
            stopped.send_signal(signal.SIGCONT)
        return now_ns()

    return fault


def _suspend(soak: Soak) -> int:
    everybody = [psutil.Process(soak.process.pid), *soak.children()]
    for one in everybody:
        one.send_signal(signal.SIGSTOP)
    time.sleep(10.0)
    for one in everybody:
        one.send_signal(signal.SIGCONT)
    return now_ns()


def _device(cell: str, what: Fault, seconds: float = 6.0) -> Callable[[Soak], int]:
    def fault(soak: Soak) -> int:
        soak.faults.set(cell, what)
        time.sleep(seconds)
        soak.faults.set(cell, Fault.NONE)
        return now_ns()

    return fault


def _engine(what: int, seconds: float) -> Callable[[Soak], int]:
    def fault(soak: Soak) -> int:
        soak.engine.set("engine", what)
        time.sleep(seconds)
        soak.engine.set("engine", 0)
        return now_ns()

    return fault


def _load(soak: Soak) -> int:
    """Both cores, or as many as there are, for 30 s."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 2)]
    time.sleep(30.0)
    for one in busy:
        one.kill()
        one.wait()
    return now_ns()


KINDS: dict[str, Callable[[Soak], int]] = {
    "video process killed": _kill("video"),
    "audio process killed": _kill("audio"),
    "video process stopped for 10 s": _stop("video"),
    "audio process stopped for 10 s": _stop("audio"),
    "camera gone and back": _device("camera", Fault.GONE),
    "camera frozen": _device("camera", Fault.FROZEN),
    "camera driver raises": _device("camera", Fault.BROKEN),
    "microphone gone and back": _device("microphone", Fault.GONE),
    "microphone frozen": _device("microphone", Fault.FROZEN),
    "engine raises one frame in ten": _engine(_RAISES, 10.0),
    "engine hangs": _engine(_HANGS, 2.5),
    "all cores busy for 30 s": _load,
    "everybody asleep for 10 s": _suspend,
}


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Soak]:
    """The daemon, live."""
    os.environ["OBS_PORTRAIT_RUNTIME_DIR"] = str(folder / "run")
    os.environ["OBS_PORTRAIT_CONFIG_DIR"] = str(folder / "config")
    faults, engine = Board(*FAULTS), Board("engine")
    pictures, sounds = Board(*SEEN), Board(*SEEN)
    options = LiveOptions(
        source=FakeCamera(faults), personas=CAST, sinks=(WatchingVideo(pictures),), audio=FakeMicrophone(faults),
        audio_sinks=(WatchingAudio(sounds),), makers=Makers(face=FlakyFace(engine)), understudies=True,
    )  # fmt: skip
    pids = Board("video", "audio")
    process = multiprocessing.get_context("spawn").Process(target=daemon, args=(options, pids))
    process.start()
    soak = Soak(faults, engine, pictures, sounds, ControlClient(folder / "run", timeout=20.0), process, pids)
    try:
        if soak.back(0) == float("inf"):
            raise SystemExit("The daemon was not live after a minute.")
        yield soak
        soak.ask("/v1/quit", {})
        process.join(20)
    finally:
        if process.is_alive():
            process.kill()


def panics(soak: Soak, count: int, *, hanging: bool) -> list[float]:
    """Milliseconds from the request to the first card at the sink."""
    found = []
    for _ in range(count):
        if hanging:
            soak.engine.set("engine", _HANGS)
            time.sleep(0.3)
        begun = now_ns()
        soak.client.panic(True)
        while soak.pictures.get("card_ns") < begun:
            time.sleep(0.0005)
        found.append((soak.pictures.get("card_ns") - begun) / 1e6)
        soak.engine.set("engine", 0)
        soak.client.panic(False)
        soak.back(now_ns())
    return found


def usage(soak: Soak) -> dict[str, float]:
    """Memory in MB, threads and open files: of the daemon, and of all three."""
    everybody = [psutil.Process(soak.process.pid), *soak.children()]
    figures: dict[str, float] = {}
    with contextlib.suppress(psutil.Error):
        for name, some in (("daemon", everybody[:1]), ("all", everybody)):
            figures[f"{name}_mb"] = sum(one.memory_info().rss for one in some) / 1e6
            figures[f"{name}_threads"] = sum(one.num_threads() for one in some)
            figures[f"{name}_files"] = sum(one.num_fds() for one in some)
    return figures


def run(minutes: float, switch_s: float, fault_s: float, folder: Path) -> dict[str, Any]:
    """Everything."""
    rng = random.Random(4)
    recovered: list[tuple[str, float]] = []
    samples: list[dict[str, float]] = []
    order: list[str] = []
    with started(folder) as soak:
        quick, hung = panics(soak, 10, hanging=False), panics(soak, 10, hanging=True)
        begun = time.monotonic()
        next_switch, next_fault, next_look, switches = switch_s, fault_s, 10.0, 0
        late = [0, 0]
        while (now := time.monotonic() - begun) < minutes * 60:
            if now >= next_switch:
                soak.ask("/v1/switch", {"persona": rng.choice(CAST)})
                switches, next_switch = switches + 1, now + switch_s
            if now >= next_fault:
                order = order or rng.sample(list(KINDS), len(KINDS))
                kind = order.pop()
                took = soak.back(KINDS[kind](soak))
                recovered.append((kind, took))
                print(f"{now / 60:5.1f} min  {kind}: back after {took:.2f} s", flush=True)
                next_fault = time.monotonic() - begun + fault_s
            if now >= next_look:
                figures = usage(soak)
                if "all_mb" in figures:
                    samples.append({"at": round(now, 1), **figures})
                next_look = now + 10.0
            time.sleep(0.1)
        status = soak.client.status()
        late = [int(status.get("late_blocks", 0)), soak.sounds.get("blocks")]
        found = {name: soak.pictures.get(name) for name in ("frames", "persona_frames", "marked_frames")}
        found |= {name: soak.sounds.get(name) for name in ("blocks", "persona_blocks", "marked_samples")}
        problems = status.get("problems")
    return {
        "minutes": minutes, "switches": switches, "load": os.getloadavg(), **found,
        "late_blocks_since_the_last_restart": late[0], "faults": recovered,
        "panic_ms": quick, "panic_while_the_engine_hangs_ms": hung, "usage": samples, "problems_at_the_end": problems,
    }  # fmt: skip


def growth(samples: list[dict[str, float]], name: str) -> tuple[float, float]:
    """Medians of the first and the last fifth."""
    values = [one[name] for one in samples]
    part = max(1, len(values) // 5)
    return statistics.median(values[:part]), statistics.median(values[-part:])


def plot(found: dict[str, Any], path: Path) -> None:
    """Memory over time, and how long each fault took."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (1000, 640), "white")
    draw, small = ImageDraw.Draw(image), ImageFont.load_default(13)
    samples, last = found["usage"], max(1.0, found["minutes"] * 60)
    highest = max((one["all_mb"] for one in samples), default=1.0) * 1.1
    for name, colour in (("all_mb", "#2a6fdb"), ("daemon_mb", "#d1495b")):
        points = [(80 + 880 * one["at"] / last, 280 - 220 * one[name] / highest) for one in samples]
        if len(points) > 1:
            draw.line(points, fill=colour, width=2)
    draw.text((80, 20), f"memory, MB (0 to {highest:.0f}): blue all three processes, red the daemon", "black", small)
    kinds: dict[str, list[float]] = {}
    for kind, seconds in found["faults"]:
        kinds.setdefault(kind, []).append(seconds)
    draw.text((80, 300), "seconds until picture and voice are back (line: 2 s)", "black", small)
    for row, (kind, times) in enumerate(sorted(kinds.items())):
        y = 328 + 22 * row
        draw.text((80, y), kind, "#444444", small)
        for seconds in times:
            x = 330 + min(600.0, 150 * seconds)
            draw.ellipse((x - 4, y + 4, x + 4, y + 12), fill="#2a6fdb" if seconds <= 2 else "#d1495b")
    draw.line((630, 322, 630, 630), fill="#999999")
    image.save(path)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--switch", type=float, default=20.0)
    parser.add_argument("--fault", type=float, default=60.0)
    parser.add_argument("--check", action="store_true", help="fail if anything leaked or did not come back")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak") as folder:
        found = run(given.minutes, given.switch, given.fault, Path(folder))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))
    if given.plot:
        plot(found, given.plot)
    slow = [one for one in found["faults"] if one[1] > 2.0]
    print(
        f"{found['minutes']:g} min, {found['switches']} switches, {len(found['faults'])} faults, load {found['load']}"
    )
    print(f"marked pictures {found['marked_frames']} of {found['frames']}, marked samples {found['marked_samples']}")
    print(f"faults that took longer than 2 s: {slow or 'none'}")
    for name in ("panic_ms", "panic_while_the_engine_hangs_ms"):
        values = sorted(found[name])
        print(f"{name}: median {statistics.median(values):.0f}, worst {values[-1]:.0f}")
    for name in ("daemon_mb", "daemon_threads", "daemon_files", "all_mb", "all_threads", "all_files"):
        first, end = growth(found["usage"], name) if found["usage"] else (0.0, 0.0)
        print(f"{name}: {first:.1f} -> {end:.1f}")
    lost = [kind for kind, seconds in found["faults"] if seconds == float("inf")]
    if given.check and (found["marked_frames"] or found["marked_samples"] or lost or not found["persona_frames"]):
        raise SystemExit(f"Something leaked, or did not come back: {lost or 'see above'}.")


if __name__ == "__main__":
    main()
