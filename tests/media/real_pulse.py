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
    """folder: holds its socket. `environment` is what its clients need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "native"
        self.environment = {"PULSE_SERVER": f"unix:{self.socket}", "PULSE_COOKIE": str(folder / "cookie")}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it listens."""
        modules = ("-L", f"module-native-protocol-unix socket={self.socket} auth-anonymous=1")
        self._process = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-level=error",
             *modules],
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder), "HOME": str(self.folder)},
        )  # fmt: skip
        until = time.monotonic() + _PATIENCE_S
        while not self.socket.exists():
            if time.monotonic() > until:
                raise RuntimeError("PulseAudio does not listen")
            time.sleep(0.01)

    def kill(self) -> None:
        """SIGKILL: the sound server crashes."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.socket.unlink(missing_ok=True)

    def names(self, kind: str) -> str:
        """What `pactl list short` says of "sinks", "sources", "modules"."""
        command = ["pactl", "list", "short", kind]
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
