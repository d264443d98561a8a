"""Hours in minutes: the real daemon, a persona switch every 20 s, a fault every 60 s; what leaked, what came back?

    python bench/soak.py [--minutes 60] [--switch 20] [--fault 60] [--json FILE] [--plot FILE]

The daemon (`daemon.app.App` with tray, hotkeys and notices, mesh personas, both media processes, the control API) runs
in a process of its own on the library's fakes: a marked camera and a marked microphone with faults, and sinks that look
for the marks in every picture and every half second of sound (`obs_portrait.pipeline.fakes`). Beside them are a
desktop with a tray, a real PulseAudio with the virtual microphone, which a program hears and searches for the mark, and
a real OBS that the daemon follows; where they are not installed their faults are left out, and the figures say so.
Times are read at the sinks: a fault counts as over when the first picture that an engine made, and the first block that
a converter made, left after its end (of a process that is stopped: after its begin), and when OBS or the virtual
microphone, if it was about them, were there again. `--fault 0` leaves all faults out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil

from bench.soak_faults import HANGS, KINDS, FlakyFace, Soak, possible, until
from bench.soak_house import House
from daemon.app import App, Doors
from daemon.control.client import ControlClient
from daemon.desktop import Desktop
from daemon.logs import log_notice, logging_to_files
from obs_portrait.clock import now_ns
from obs_portrait.folders import state_dir
from obs_portrait.pipeline.fakes import FAULTS, SEEN, FakeCamera, FakeMicrophone, WatchingAudio, WatchingVideo
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.messages import Notice
from obs_portrait.pipeline.live.options import LiveOptions, Makers

CAST = ("ada", "bronze", "ink")
MOST_GROWTH = {"daemon_mb": 1.1, "daemon_threads": 1.0, "daemon_files": 1.0}
"""What `--check` lets grow by so much at most, and by `FEW`: within minutes some threads and files are made only when
they are first needed."""
FEW = 8
VOICE = ("blocks", "late", "over_60_ms", "priority")
"""Cells of the audio process."""


def daemon(options: LiveOptions, inside: Board, desk: bool) -> None:
    """The daemon's process. inside: process ids of the media processes that are on now, and the `VOICE`."""

    def told(notice: Notice) -> None:
        log_notice(notice)
        side.notice(notice)

    app = App(options, Doors(port=0), told)
    side = Desktop(app, tray=desk, keys=desk)
    with logging_to_files():
        try:
            app.start(background=True)
            side.start()
            while not app.wait(0.02):
                for name in ("video", "audio"):
                    inside.set(name, app.session.pids.get(name, 0))
                audio = app.session.status().audio
                for name in VOICE:
                    inside.set(name, audio.cells.get(name, 0) if audio is not None else 0)
        finally:
            side.stop()
            app.stop()


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Soak]:
    """The daemon, live."""
    os.environ["OBS_PORTRAIT_RUNTIME_DIR"] = str(folder / "run")
    house = House(folder)
    faults, engine = Board(*FAULTS), Board("engine")
    pictures, sounds, inside = Board(*SEEN), Board(*SEEN), Board("video", "audio", *VOICE)
    process = None
    try:
        house.open()
        options = LiveOptions(
            source=FakeCamera(faults), personas=CAST, sinks=(WatchingVideo(pictures),), audio=FakeMicrophone(faults),
            audio_sinks=(WatchingAudio(sounds), *(("virtualmic",) if house.pulse is not None else ())),
            makers=Makers(face=FlakyFace(engine)), understudies=True, calibrations=state_dir() / "calibrations.json",
        )  # fmt: skip
        process = multiprocessing.get_context("spawn").Process(target=daemon, args=(options, inside, house.desk))
        with house.clock.shown():
            process.start()
        client = ControlClient(folder / "run", timeout=20.0)
        soak = Soak(faults, engine, pictures, sounds, client, process, inside, house)
        if soak.back(0) == float("inf"):
            raise SystemExit("The daemon was not live after a minute.")
        yield soak
        soak.ask("/v1/quit", {})
        process.join(20)
    finally:
        if process is not None and process.is_alive():
            process.kill()
            process.join()
        house.close()


def panics(soak: Soak, count: int, *, hanging: bool) -> list[float]:
    """Milliseconds from the request to the first card at the sink."""
    found = []
    for _ in range(count):
        if hanging:
            soak.engine.set("engine", HANGS)
            time.sleep(0.3)
        begun = now_ns()
        soak.client.panic(True)
        if not until(lambda: soak.pictures.get("card_ns") >= begun, every=0.0005):  # noqa: B023
            raise SystemExit("A panic brought no card.")
        found.append((soak.pictures.get("card_ns") - begun) / 1e6)
        soak.engine.set("engine", 0)
        soak.client.panic(False)
        soak.back(now_ns())
    return found


def usage(soak: Soak) -> dict[str, float]:
    """Memory in MB, threads and open files: of the daemon, and of all its processes."""
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
        kinds = possible(soak.house)
        quick, hung = panics(soak, 10, hanging=False), panics(soak, 10, hanging=True)
        begun = time.monotonic()
        next_switch, next_fault, next_look, switches = switch_s, fault_s or float("inf"), 10.0, 0
        while (now := time.monotonic() - begun) < minutes * 60:
            if now >= next_switch:
                soak.ask("/v1/switch", {"persona": rng.choice(CAST)})
                switches, next_switch = switches + 1, now + switch_s
            if now >= next_fault:
                order = order or rng.sample(list(kinds), len(kinds))
                kind = order.pop()
                over = kinds[kind](soak)
                took = max(soak.back(over.at_ns), over.took_s)
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
        found = {name: soak.pictures.get(name) for name in ("frames", "persona_frames", "marked_frames")}
        found |= {name: soak.sounds.get(name) for name in ("blocks", "persona_blocks", "marked_samples")}
        listener = soak.house.listener
        found["heard_samples"] = listener.heard if listener is not None else 0
        found["marked_samples"] += listener.marked if listener is not None else 0
    return {
        "minutes": minutes, "switches": switches, "load": os.getloadavg(), **found,
        "voice_since_the_last_restart": {name: soak.inside.get(name) for name in VOICE},
        "faults": recovered, "not_possible_here": sorted(KINDS.keys() - kinds.keys()),
        "panic_ms": quick, "panic_while_the_engine_hangs_ms": hung, "usage": samples,
        "problems_at_the_end": status.get("problems"),
    }  # fmt: skip


def growth(samples: list[dict[str, float]], name: str) -> tuple[float, float]:
    """Medians of the first and the last fifth."""
    values = [one[name] for one in samples]
    part = max(1, len(values) // 5)
    return statistics.median(values[:part]), statistics.median(values[-part:])


def faults_of(found: dict[str, Any]) -> list[str]:
    """What `--check` does not let pass. No times: they are figures, and the machine may be busy."""
    said = []
    if found["marked_frames"] or found["marked_samples"]:
        said.append("something marked left")
    if not found["persona_frames"] or not found["persona_blocks"]:
        said.append("no persona was seen or heard")
    said += [f"{kind} never ended" for kind, seconds in found["faults"] if seconds == float("inf")]
    for name, most in MOST_GROWTH.items():
        first, last = growth(found["usage"], name) if found["usage"] else (0.0, 0.0)
        if last > first * most + FEW:
            said.append(f"{name} grew from {first:.0f} to {last:.0f}")
    return said


def plot(found: dict[str, Any], path: Path) -> None:
    """Memory over time, and how long each fault took."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (1000, 730), "white")
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
    draw.line((630, 322, 630, 710), fill="#999999")
    image.save(path)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--switch", type=float, default=20.0)
    parser.add_argument("--fault", type=float, default=60.0, help="0: none")
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
    print(f"voice since its last restart: {found['voice_since_the_last_restart']}")
    if found["not_possible_here"]:
        print(f"not possible here: {', '.join(found['not_possible_here'])}")
    print(f"faults that took longer than 2 s: {slow or 'none'}")
    for name in ("panic_ms", "panic_while_the_engine_hangs_ms"):
        values = sorted(found[name])
        print(f"{name}: median {statistics.median(values):.0f}, worst {values[-1]:.0f}")
    for name in ("daemon_mb", "daemon_threads", "daemon_files", "all_mb", "all_threads", "all_files"):
        first, end = growth(found["usage"], name) if found["usage"] else (0.0, 0.0)
        print(f"{name}: {first:.1f} -> {end:.1f}")
    if given.check and (wrong := faults_of(found)):
        raise SystemExit(f"Not as it should be: {'; '.join(wrong)}.")


if __name__ == "__main__":
    main()
