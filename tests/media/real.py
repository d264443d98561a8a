"""Real parts of a system, started for a test: a sound server and a display of our own, away from the user's."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media.real_pulse import RealPulse, why_not

_SOUND = """
load-module module-null-sink sink_name=portrait_voice rate=48000 channels=1
load-module module-remap-source master=portrait_voice.monitor source_name=portrait_mic
set-default-source portrait_mic
set-default-sink portrait_voice
"""


def _need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed; make test installs it as root on Debian")


def _tidy(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class SoundServer:
    """PulseAudio with a null sink whose monitor is the default microphone: what is played is heard."""

    def __init__(self, folder: Path) -> None:
        if (reason := why_not()) is not None:
            pytest.skip(reason)
        if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
            pytest.skip("libasound2-plugins is not installed, so that PortAudio cannot see PulseAudio")
        self._pulse = RealPulse(folder, _SOUND)
        self.environment = {
            **{k: v for k, v in os.environ.items() if k not in ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS")},
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(folder / "pulse"),
            **self._pulse.environment,
        }

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The process; it serves when this enters."""
        self._pulse.start()
        try:
            assert self._pulse.process is not None
            yield self._pulse.process
        finally:
            self._pulse.kill()


@contextlib.contextmanager
def display(width: int, height: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """An X server of that size without a screen: (its DISPLAY, its process)."""
    _need("Xvfb")
    read, write = os.pipe()
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as told:
            number = told.readline().strip()  # empty if it ended instead of starting
        if not number:
            pytest.skip("Xvfb does not start here")
        yield f":{number}", process
    finally:
        _tidy(process)


def run_python(program: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in a process of its own: PortAudio and Qt look at the environment once, and may end it."""
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        env={**environment, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
