"""Scene change in real OBS -> first frame and first block of the new persona at the sinks of a real live session.

    python bench/obs_switch.py [--switches 200] [--size 512x512] [--json FILE]

Starts an OBS of its own under Xvfb (see tests/obs/real_obs.py), the bundled performance as camera and microphone, and
three mesh personas with their voices. The stage is asked by hand once as well (`session.switch` without OBS), so that
OBS's own part of the time is seen: that is the naive formulation's lower bound.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import struct
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from obs_portrait.clock import now_ns
from obs_portrait.media.sinks.base import AudioSink, VideoSink
from obs_portrait.media.types import PersonaBlock, PersonaFrame
from obs_portrait.obs.address import Address, Secret
from obs_portrait.obs.binding_file import BindingFile
from obs_portrait.obs.client import ObsClient
from obs_portrait.obs.director import Director
from obs_portrait.pipeline.live.options import LiveOptions
from obs_portrait.pipeline.live.session import LiveSession
from tests.obs.real_obs import RealObs, why_not

PERSONAS = ("ada", "bronze", "ink")
SCENES = ("Ada", "Bronze", "Ink")
_ROW = struct.Struct("<qq16s16s")


class _Log:
    """Appends (written, captured, persona, origin) to a file."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("ab", buffering=0)  # noqa: SIM115 - as long as the sink lives

    def add(self, captured_ns: int, persona: str, origin: str) -> None:
        self._file.write(_ROW.pack(now_ns(), captured_ns, persona.encode()[:16], origin.encode()[:16]))


class VideoLog(VideoSink):
    """A sink that notes when which persona came."""

    name = "log"

    def __init__(self, path: str) -> None:
        self._path = path

    def _open(self, width: int, height: int, rate: Fraction) -> None:
        self._log = _Log(self._path)

    def _write(self, frame: PersonaFrame) -> None:
        self._log.add(frame.captured_ns, frame.persona, frame.origin.value)

    def close(self) -> None:
        """Nothing to finish."""


class AudioLog(AudioSink):
    """The same for blocks."""

    name = "log"

    def __init__(self, path: str) -> None:
        self._path = path

    def open(self) -> None:
        """Makes the file."""
        self._log = _Log(self._path)

    def _write(self, block: PersonaBlock) -> None:
        self._log.add(block.captured_ns, block.persona, block.origin.value)

    def close(self) -> None:
        """Nothing to finish."""


class Make:
    """Picklable: makes the sink in the process that owns it."""

    def __init__(self, kind: str, path: Path) -> None:
        self.kind, self.path = kind, str(path)

    def __call__(self) -> VideoSink | AudioSink:
        return VideoLog(self.path) if self.kind == "video" else AudioLog(self.path)


def rows(path: Path) -> list[tuple[int, str, str]]:
    """(written_ns, persona, origin) of everything that came."""
    raw = path.read_bytes()
    size = _ROW.size
    found = (_ROW.unpack_from(raw, at) for at in range(0, len(raw) - size + 1, size))
    return [(written, p.rstrip(b"\0").decode(), o.rstrip(b"\0").decode()) for written, _, p, o in found]


def figures(waits: list[int]) -> dict[str, float]:
    """ms."""
    ordered = sorted(waits)
    at = lambda part: ordered[min(len(ordered) - 1, int(len(ordered) * part))] / 1e6  # noqa: E731
    return {"median": at(0.5), "p95": at(0.95), "p99": at(0.99), "most": ordered[-1] / 1e6, "n": len(ordered)}


def measure(log: Path, changes: list[tuple[int, str, str]], end: int) -> tuple[dict[str, float], int, int]:
    """Waits; how many frames or blocks were of a third persona; how many changes did not arrive."""
    all_rows = rows(log)
    waits, strangers, lost = [], 0, 0
    for (begun, old, new), until in zip(changes, [*(c[0] for c in changes[1:]), end], strict=True):
        between = [row for row in all_rows if begun <= row[0] < until]
        strangers += sum(row[1] not in (old, new) for row in between)
        first = next((row[0] for row in between if row[1] == new), None)
        if first is None:
            lost += 1
        else:
            waits.append(first - begun)
    return figures(waits), strangers, lost


def run(switches: int, size: tuple[int, int], folder: Path) -> dict[str, object]:
    """Both ways: through OBS, and by hand."""
    rng = random.Random(3)
    rules = "".join(f'[[bind]]\nscene = "{s}"\npersona = "{p}"\n\n' for s, p in zip(SCENES, PERSONAS, strict=True))
    (folder / "bindings.toml").write_text(rules)
    video, audio = folder / "video.log", folder / "audio.log"
    options = LiveOptions(
        source="performance", loop=True, personas=PERSONAS, sinks=(Make("video", video),), audio="performance",
        audio_sinks=(Make("audio", audio),), width=size[0], height=size[1],
    )  # fmt: skip
    result: dict[str, object] = {
        "switches": switches,
        "size": f"{size[0]}x{size[1]}",
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }
    with RealObs(folder / "obs") as obs, ObsClient(Address(port=obs.port, password=Secret(obs.password))) as client:
        client.wait_connected(30)
        with LiveSession(options, lambda notice: print(notice.text, file=sys.stderr)) as session:
            for way in ("obs", "hand"):
                director = Director(client, BindingFile(folder / "bindings.toml", list), session)
                if way == "obs":
                    director.start()
                time.sleep(4)
                changes: list[tuple[int, str, str]] = []
                old = session.persona
                for _ in range(switches):
                    new = rng.choice([p for p in PERSONAS if p != old])
                    changes.append((now_ns(), old, new))
                    if way == "obs":
                        client.request("SetCurrentProgramScene", {"sceneName": SCENES[PERSONAS.index(new)]})
                    else:
                        session.switch(new)
                    old = new
                    time.sleep(rng.uniform(0.25, 0.45))
                if way == "obs":
                    director.close()
                end = now_ns()
                for kind, log in (("frame", video), ("block", audio)):
                    waits, strangers, lost = measure(log, changes, end)
                    result[f"{way}_{kind}"] = {**waits, "neither old nor new": strangers, "not arrived": lost}
                    print(
                        f"{way:5} -> first {kind}: " + ", ".join(f"{k} {v:.0f}" for k, v in waits.items()),
                        f"strangers {strangers}, lost {lost}",
                    )
            status = session.status()
            result["picture_latency_ms"] = status.video.latency_ms
            result["voice_latency_ms"] = status.audio.latency_ms if status.audio else None
            result["skew_ms"] = status.skew_ms
            result["delays_ms"] = [c.get("delay_ns") / 1e6 for c in session._crew.balance.controls]
    result["load_end"] = os.getloadavg()[0]
    return result


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--switches", type=int, default=200)
    parser.add_argument("--size", default="512x512")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    reason = why_not()
    if reason:
        sys.exit(f"not measured: {reason}")
    width, height = (int(part) for part in given.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        result = run(given.switches, (width, height), Path(folder))
    print(json.dumps(result, indent=1))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
