"""A real OBS of a test's own: HOME, display, D-Bus session, sound server and port belong to it alone."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.media.real_pulse import RealPulse

__all__ = ["APT", "CAST", "Display", "RealObs", "collection", "display", "free_port", "scene", "until", "why_not"]

APT: Final = "apt-get install --no-install-recommends obs-studio obs-plugins xvfb libgl1-mesa-dri dbus-x11 pulseaudio"
_NEEDS: Final = ("obs", "Xvfb", "dbus-run-session")
CAST: Final = ("Ada", "Bronze", "Ink", "Empty")
"""Scenes of the collection that a `RealObs` starts with unless it is given another."""


def why_not() -> str | None:
    """Why OBS cannot be started here, with what to type; None if it can."""
    if sys.platform != "linux":
        return "real OBS is driven under Xvfb, which is Linux only"
    missing = [name for name in _NEEDS if shutil.which(name) is None]
    return f"no {', '.join(missing)} here; {APT}" if missing else None


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], seconds: float, what: str | Callable[[], str]) -> None:
    """Looks again and again, for `seconds` at most; then the test fails with `what`, or what it returns then."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:.0f} s still not: {what if isinstance(what, str) else what()}")
        time.sleep(0.02)


@dataclass
class Display:
    """An Xvfb of one's own."""

    name: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def display(size: str = "1280x800x24") -> Display:
    """Starts Xvfb on a display number that it chooses itself, so that runs side by side never meet."""
    read, write = os.pipe()
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp", "-noreset"],
        pass_fds=(write,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    if not number:
        raise RuntimeError("Xvfb did not start")
    return Display(f":{number}", process)


def scene(name: str, items: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A scene of a scene collection's JSON."""
    placed = [{"id": number + 1, "name": item["name"], "visible": True} for number, item in enumerate(items or [])]
    return {"id": "scene", "name": name, "settings": {"items": placed, "id_counter": len(placed), "custom_size": False}}


def collection(name: str = "Tests", scenes: tuple[str, ...] = CAST, **extra: Any) -> dict[str, Any]:
    """A scene collection as OBS writes it to basic/scenes/NAME.json; `extra` replaces whole entries."""
    return {
        "name": name,
        "current_scene": scenes[0],
        "current_program_scene": scenes[0],
        "current_transition": "Cut",
        "transition_duration": 300,
        "scene_order": [{"name": scene_name} for scene_name in scenes],
        "sources": [scene(scene_name) for scene_name in scenes],
        "groups": [],
        "transitions": [],
        "modules": {},
        **extra,
    }


@dataclass
class RealObs:
    """One installation of OBS in a folder. It may be started, killed and started again; its settings stay.

    profile: more `[section] key=value` for basic.ini. `sound`: with a PulseAudio of its own.
    """

    folder: Path
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)
    profile: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    collection: dict[str, Any] | None = None
    sound: bool = False
    websocket: bool = True
    size: tuple[int, int] = (640, 480)
    rate: int = 30
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home = self.folder / "home"
        self.videos = self.folder / "videos"
        self.process: subprocess.Popen[bytes] | None = None
        self._display: Display | None = None
        self._pulse: RealPulse | None = None
        self.starts = 0
        self._write_settings()

    @property
    def config_dir(self) -> Path:
        """OBS's own configuration folder."""
        return self.home / ".config" / "obs-studio"

    @property
    def env(self) -> dict[str, str]:
        """The environment in which OBS runs; a program started with it sees the same display and sound server."""
        strange = ("XDG_", "DBUS_", "PULSE_", "QT_")  # OpenCV sets QT_ variables when it is imported
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(strange)}
        runtime = self.folder / "runtime"
        return {
            **inherited,
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(runtime),
            "DISPLAY": self._display.name if self._display is not None else "",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "QT_QPA_PLATFORM": "xcb",
            "LC_ALL": "C.UTF-8",
            **(self._pulse.environment if self._pulse is not None else {"PULSE_SERVER": "none"}),
            **self.environment,
        }

    def _write_settings(self) -> None:
        config = self.config_dir
        profile = config / "basic" / "profiles" / "Tests"
        for path in (profile, config / "basic" / "scenes", self.videos, self.folder / "runtime"):
            path.mkdir(parents=True, exist_ok=True)
        (self.folder / "runtime").chmod(0o700)
        _write_ini(config / "global.ini", {
            "General": {"FirstRun": "true", "Pre19Defaults": "false", "EnableAutoUpdates": "false",
                        "LastVersion": "486539266", "InfoIncrement": "99"},
            "Basic": {"Profile": "Tests", "ProfileDir": "Tests", "SceneCollection": "Tests",
                      "SceneCollectionFile": "Tests"},
            "BasicWindow": {"geometry": "", "PreviewEnabled": "true", "WarnBeforeStoppingRecord": "false"},
            "OBSWebSocket": {"FirstLoad": "false", "ServerEnabled": str(self.websocket).lower(),
                             "ServerPort": str(self.port), "AlertsEnabled": "false", "AuthRequired": "true",
                             "ServerPassword": self.password},
        })  # fmt: skip
        width, height = self.size
        sections: dict[str, dict[str, object]] = {
            "General": {"Name": "Tests"},
            "Video": {"BaseCX": width, "BaseCY": height, "OutputCX": width, "OutputCY": height, "FPSType": 0,
                      "FPSCommon": self.rate},
            "Audio": {"SampleRate": 48000, "ChannelSetup": "Stereo"},
            "Output": {"Mode": "Simple"},
            "SimpleOutput": {"FilePath": self.videos, "RecFormat": "mkv", "RecQuality": "Small", "RecEncoder": "x264",
                             "RecRB": "true", "RecRBTime": 5, "RecRBSize": 256, "RecRBPrefix": "Replay"},
        }  # fmt: skip
        for name, values in self.profile.items():
            sections.setdefault(name, {}).update(values)
        _write_ini(profile / "basic.ini", sections)
        scenes = config / "basic" / "scenes" / "Tests.json"
        scenes.write_text(json.dumps(self.collection or collection(), ensure_ascii=False), "utf-8")

    def start(self, wait: bool = True) -> None:
        """Starts OBS and waits until its obs-websocket listens."""
        self.prepare_display()
        if self.sound and self._pulse is None:
            self._pulse = RealPulse(self.folder / "runtime", "load-module module-null-sink sink_name=out rate=48000\n")
            self._pulse.start()
        self.starts += 1
        out = (self.folder / f"obs-{self.starts}.txt").open("wb")
        with out:
            self.process = subprocess.Popen(
                ["dbus-run-session", "--", "obs", "--multi", "--verbose"],
                env=self.env, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        if wait and self.websocket:
            until(self._answers, 60, "obs-websocket listens")

    def prepare_display(self) -> None:
        """The display alone, for what must be started before OBS."""
        if self._display is None:
            self._display = display()

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"OBS ended by itself with {self.process.returncode}; see {self.folder}/obs-*.txt")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
            return True
        return False

    @property
    def pid(self) -> int | None:
        """Process id of OBS itself, below dbus-run-session; None while it does not run."""
        if self.process is None or self.process.poll() is not None:
            return None
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                    if parent == self.process.pid and (entry / "comm").read_text().strip() == "obs":
                        return int(entry.name)
        return None

    def stop(self) -> None:
        """Ends OBS as a user does (SIGINT exits cleanly; SIGTERM would not)."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGINT)
        self._gone()

    def kill(self) -> None:
        """SIGKILL: OBS crashes."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        self._gone()

    def _gone(self) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.process = None

    def log(self) -> str:
        """OBS's own log of the newest start."""
        logs = sorted((self.config_dir / "logs").glob("*.txt"), key=lambda path: path.stat().st_mtime_ns)
        return logs[-1].read_text("utf-8", "replace") if logs else ""

    def picture(self, path: Path) -> Path:
        """The whole display as a PNG, for people to look at."""
        subprocess.run(["import", "-window", "root", str(path)], env=self.env, check=True, timeout=20)
        return path

    def close(self) -> None:
        """OBS, sound server and display end."""
        self.stop()
        if self._pulse is not None:
            self._pulse.kill()
            self._pulse = None
        if self._display is not None:
            self._display.stop()
            self._display = None

    def __enter__(self) -> RealObs:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _write_ini(path: Path, sections: Mapping[str, Mapping[str, object]]) -> None:
    text = "".join(
        f"[{name}]\n" + "".join(f"{k}={v}\n" for k, v in keys.items()) + "\n" for name, keys in sections.items()
    )
    path.write_text(text, "utf-8")
