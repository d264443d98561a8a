"""First-order motion: the plain formulation of the authors' demo.py and ours, side by side in one run, as one table.

Both get the driver's bytes and give the persona's. Plain: float32, eager, the source encoded anew for each frame. Ours:
`obs_portrait.face.fomm.live` in each dtype. Runs take turns frame by frame, so that whatever else the machine does
meets all of them alike. On a machine with an NVIDIA GPU the same table is made for the GPU as well.

    python bench/fomm.py [--frames 30] [--checkpoint FILE] [--memory-frames 300] [--compile] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fomm_reference import Reference, adapted_scale, relative
from fomm_weights import invent_state, pictures

from obs_portrait.face.fomm.geometry import Keypoints
from obs_portrait.face.fomm.live import Live
from obs_portrait.face.fomm.model import Model
from obs_portrait.face.fomm.networks import Networks
from obs_portrait.face.fomm.weights import State, read

CPU = torch.device("cpu")
Draw = Callable[[np.ndarray], np.ndarray]


class Demo:
    """What demo.py does with --relative and --adapt_scale, on one device."""

    def __init__(self, state: State, device: torch.device, source: np.ndarray, initial: np.ndarray) -> None:
        parts = (
            {name: value.to(device) for name, value in state[part].items()} for part in ("generator", "kp_detector")
        )
        self.device, self.plain = device, Reference(*parts)
        with torch.no_grad():
            self.source = self.image(source)
            self.at_source = self.plain.keypoints(self.source)
            self.at_initial = self.plain.keypoints(self.image(initial))
            self.scale = adapted_scale(self.at_source, self.at_initial)

    def image(self, picture: np.ndarray) -> Any:
        """Bytes to (1, 3, 256, 256) float."""
        return torch.from_numpy(picture.astype(np.float32) / 255)[None].permute(0, 3, 1, 2).to(self.device)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            at_driving = self.plain.keypoints(self.image(picture))
            moved = relative(self.at_source, self.at_initial, at_driving, self.scale)
            drawn = self.plain.generate(self.source, self.at_source, moved)
        return (drawn[0].permute(1, 2, 0).cpu().numpy() * 255 + 0.5).astype(np.uint8)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """dB, between bytes."""
    return float(-10 * np.log10(max(np.square((one.astype(float) - other) / 255).mean(), 1e-12)))


def parity(state: State, device: torch.device, frames: list[np.ndarray]) -> dict[str, float]:
    """Largest and mean differences of the exact networks from the plain formulation, in float32."""
    model = Model({part: dict(found) for part, found in state.items()}, device, torch.float32)
    demo = Demo(state, device, frames[0], frames[1])
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False), torch.no_grad():
        value, jacobian = demo.plain.keypoints(demo.image(frames[2]))
        wanted = demo.plain.generate(demo.source, demo.at_source, (value, jacobian))
    found = model.keypoints(demo.image(frames[2]))
    away = (model.generate(demo.source, Keypoints(*demo.at_source), Keypoints(value, jacobian)) - wanted).abs()
    return {
        "keypoints": float((found.value - value).abs().max()),
        "jacobians": float((found.jacobian - jacobian).abs().max()),
        "picture mean": float(away.mean()),
        "picture max": float(away.max()),
    }


def contenders(state: State, device: torch.device, frames: list[np.ndarray], compiled: bool) -> dict[str, Draw]:
    """What is measured, the plain formulation first."""
    found: dict[str, Draw] = {"plain float32, as demo.py": Demo(state, device, frames[0], frames[1])}
    dtypes = [torch.float32, torch.bfloat16] + ([torch.float16] if device.type != "cpu" else [])
    for dtype in dtypes:
        copy = {part: dict(tensors) for part, tensors in state.items()}
        networks = Networks(Model(copy, CPU, torch.float32), device, dtype)
        for compile_step in (False, True) if compiled and device.type == "cuda" else (False,):
            live = Live(networks, frames[0], compile_step=compile_step, slots=2)
            live.set_reference(frames[1])
            found[f"ours {str(dtype).removeprefix('torch.')}{', compiled' if compile_step else ''}"] = live
    return found


def measure(runs: dict[str, Draw], frames: list[np.ndarray], count: int) -> dict[str, dict[str, float]]:
    """Wall and CPU times of each frame, in turns."""
    wall: dict[str, list[float]] = {name: [] for name in runs}
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    likeness: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(count + 3):
        picture, wanted = frames[2 + number % (len(frames) - 2)], None
        for name, draw in runs.items():
            begin, used = time.perf_counter(), time.process_time()
            drawn = draw(picture)
            took, cost = time.perf_counter() - begin, time.process_time() - used
            wanted = drawn if wanted is None else wanted
            if number >= 3:  # the first ones warm up
                wall[name].append(1000 * took)
                cpu[name].append(1000 * cost)
                likeness[name].append(psnr(drawn, wanted))
    peer, peer_cpu = (times[next(iter(runs))] for times in (wall, cpu))
    rows = {}
    for name in runs:
        low, middle, high, worst = np.percentile(wall[name], [5, 50, 95, 99])
        rows[name] = {
            "p50_ms": middle, "p5_ms": low, "p95_ms": high, "p99_ms": worst, "fps": 1000 / middle,
            "times": statistics.median(a / b for a, b in zip(peer, wall[name], strict=True)),
            "times_cpu": statistics.median(a / max(b, 1e-6) for a, b in zip(peer_cpu, cpu[name], strict=True)),
            "psnr_db": min(likeness[name]),
        }  # fmt: skip
    return rows


def under_way(live: Any, frames: list[np.ndarray], count: int) -> float:
    """Frames a second with two frames under way at once."""
    waiting: list[Any] = []
    begin = time.perf_counter()
    for number in range(count):
        waiting.append(live.submit(frames[2 + number % (len(frames) - 2)]))
        if len(waiting) == 2:
            waiting.pop(0).result()
    for pending in waiting:
        pending.result()
    return count / (time.perf_counter() - begin)


def memory(draw: Draw, frames: list[np.ndarray], count: int, device: torch.device) -> dict[str, float] | None:
    """MB after a tenth of the frames and at the end; None where the system does not tell."""
    status = Path("/proc/self/statm")
    if not status.exists() or count < 20:
        return None

    def held() -> float:
        pages = int(status.read_text().split()[1]) * 4096
        return (pages + (torch.cuda.memory_reserved() if device.type == "cuda" else 0)) / 1e6

    early = 0.0
    for number in range(count):
        draw(frames[2 + number % (len(frames) - 2)])
        if number == count // 10:
            early = held()
    late = held()
    return {"frames": count, "early_mb": early, "late_mb": late, "growth_percent": 100 * (late / early - 1)}


def show(title: str, rows: dict[str, dict[str, float]]) -> None:
    """The table."""
    print(f"\n{title}")
    print(f"{'':28}{'median ms':>10}{'5 to 95 %':>18}{'99 %':>9}{'fps':>8}{'times':>8}{'by CPU':>8}{'PSNR dB':>9}")
    for name, row in rows.items():
        spread = f"{row['p5_ms']:.1f} to {row['p95_ms']:.1f}"
        print(
            f"{name:28}{row['p50_ms']:>10.1f}{spread:>18}{row['p99_ms']:>9.1f}{row['fps']:>8.2f}"
            f"{row['times']:>8.2f}{row['times_cpu']:>8.2f}{row['psnr_db']:>9.1f}"
        )


def verdicts(device: str, away: dict[str, float], rows: dict[str, dict[str, float]], held: Any) -> list[str]:
    """A line for each bar of the project: what it asks, what was measured, whether it is met."""
    ours = {name: row for name, row in rows.items() if name.startswith("ours")}
    fastest = max(ours.values(), key=lambda row: row["fps"])
    exact = next(row for name, row in ours.items() if "float32" in name)
    halves = [row["psnr_db"] for name, row in ours.items() if "float32" not in name]
    found = [
        ("keypoints and Jacobians within 1e-4", f"{max(away['keypoints'], away['jacobians']):.1e}",
         max(away["keypoints"], away["jacobians"]) <= 1e-4),
        ("picture within 1e-4 (mean) and 5e-3 (most)", f"{away['picture mean']:.1e}, {away['picture max']:.1e}",
         away["picture mean"] <= 1e-4 and away["picture max"] <= 5e-3),
        ("float32 at least 45 dB", f"{exact['psnr_db']:.1f} dB", exact["psnr_db"] >= 45),
        ("16 bits at least 40 dB", f"{min(halves, default=np.inf):.1f} dB", min(halves, default=np.inf) >= 40),
        ("at least 2.5 times as fast" if device == "cpu" else "at least 5 times as fast",
         f"{fastest['times']:.2f}, float32 {exact['times']:.2f}", fastest["times"] >= (2.5 if device == "cpu" else 5)),
    ]  # fmt: skip
    if device != "cpu":
        found.append(
            ("250 fps, 99 % within 8 ms", f"{fastest['fps']:.0f} fps, {fastest['p99_ms']:.1f} ms",
             fastest["fps"] >= 250 and fastest["p99_ms"] <= 8)
        )  # fmt: skip
    if held is not None:
        found.append(("memory within 1 %", f"{held['growth_percent']:+.2f} %", held["growth_percent"] <= 1))
    return [f"  {'met   ' if met else 'MISSED'} {bar}: {figure}" for bar, figure, met in found]


def processor() -> str:
    """The CPU's name."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if (info.exists())
        else []
    )
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--checkpoint", type=Path, help="default: invented weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memory-frames", type=int, default=300, help="0: leave it out; the bar asks for 20000")
    parser.add_argument("--compile", action="store_true", help="on a GPU: also compiled by PyTorch")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    state = read(options.checkpoint) if options.checkpoint else invent_state(options.seed)
    frames = [
        np.ascontiguousarray((picture * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())
        for picture in pictures(options.seed, 8)
    ]
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    print(f"{now}; {platform.system()} {platform.machine()}; PyTorch {torch.__version__}")
    print(f"weights: {options.checkpoint or f'invented, seed {options.seed}'}; 256 x 256, one frame at a time")
    result: dict[str, Any] = {"date": now, "torch": torch.__version__}
    places = [(CPU, f"CPU: {processor()}, {torch.get_num_threads()} threads", options.frames)]
    if torch.cuda.is_available():
        places.append((torch.device("cuda"), f"GPU: {torch.cuda.get_device_name()}", max(5000, options.frames)))
    for device, title, count in places:
        away = parity(state, device, frames)
        print(
            f"\n{title}\n  float32 against the plain formulation: " + ", ".join(f"{k} {v:.1e}" for k, v in away.items())
        )
        runs = contenders(state, device, frames, options.compile)
        rows = measure(runs, frames, count)
        show("copies in and out included; 'times': how much faster than the plain formulation", rows)
        fastest = max(rows, key=lambda name: rows[name]["fps"])
        held = memory(runs[fastest], frames, options.memory_frames, device)
        if held is not None:
            print(
                f"  memory, {fastest}: {held['early_mb']:.0f} MB after {held['frames'] // 10:.0f} frames, "
                f"{held['late_mb']:.0f} MB after {held['frames']:.0f} ({held['growth_percent']:+.2f} %)"
            )
        print("\n".join(verdicts(device.type, away, rows, held)))
        result[device.type] = {"device": title, "parity": away, "rows": rows, "memory": held}
        if device.type == "cuda":
            fps = under_way(runs[fastest], frames, count)
            print(f"  {fastest}, two frames under way: {fps:.0f} fps")
            result[device.type]["fps_two_under_way"] = fps
    if not torch.cuda.is_available():
        print("\nGPU: not measured (PyTorch sees none here)")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
