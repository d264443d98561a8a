"""A real PulseAudio of a test's own, without any hardware. It may be killed and started again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

__all__ = ["RealPulse", "why_not"]

_NEEDS: Final = ("pulseaudio", "pactl", "parec")
_PATIENCE_S: Final = 20.0


def why_not() -> str | None:
    """Why PulseAudio cannot be started here, with what to type; None if it can."""
    if sys.platform != "linux":
        return "real PulseAudio is for Linux"
    missing = [name for name in _NEEDS if shutil.which(name) is None]
    return f"no {', '.join(missing)} here; on Debian: sudo apt install pulseaudio pulseaudio-utils" if missing else None


class RealPulse:
    """folder: holds its socket, its log and all that it knows. commands: what it does at its start, as in default.pa.
    `environment` is what its clients need."""

    def __init__(self, folder: Path, commands: str = "") -> None:
        self.folder = folder
        self.socket = folder / "native"
        self.environment = {"PULSE_SERVER": f"unix:{self.socket}", "PULSE_COOKIE": str(folder / "cookie")}
        self.process: subprocess.Popen[bytes] | None = None
        protocol = f"load-module module-native-protocol-unix socket={self.socket} auth-anonymous=1\n"
        (folder / "start.pa").write_text(protocol + commands)

    def start(self) -> None:
        """Starts it and waits until it serves."""
        options = ("-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-level=error")
        of_its_own = {"XDG_RUNTIME_DIR": str(self.folder), "HOME": str(self.folder)}
        foreign = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "PULSE_SERVER")
        environment = {name: value for name, value in os.environ.items() if name not in foreign} | of_its_own
        with (self.folder / "pulse.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["pulseaudio", *options, "-F", str(self.folder / "start.pa")], env=environment, stdout=log, stderr=log
            )
        until = time.monotonic() + _PATIENCE_S
        while not self._serves():
            if time.monotonic() > until or self.process.poll() is not None:
                raise RuntimeError(f"PulseAudio does not serve: {(self.folder / 'pulse.log').read_text()[-300:]}")
            time.sleep(0.01)

    def _serves(self) -> bool:
        return self.socket.exists() and self._pactl("info").returncode == 0

    def _pactl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.environment}
        return subprocess.run(["pactl", *arguments], capture_output=True, text=True, check=False, env=environment)

    def kill(self) -> None:
        """SIGKILL: the sound server crashes."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        self.socket.unlink(missing_ok=True)

    def names(self, kind: str) -> str:
        """What `pactl list short` says of "sinks", "sources", "modules"."""
        return self._pactl("list", "short", kind).stdout
