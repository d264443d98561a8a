"""Boots the guest. It sees this file system read-only and one folder that it may write to."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import psutil

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = (
    "qemu-system-x86 linux-image-amd64 linux-headers-amd64 v4l2loopback-dkms busybox-static udev kmod ffmpeg"
)
APT: Final = f"apt-get install --no-install-recommends {PACKAGES}"
LIMIT_S: Final = 400


def kernel() -> str:
    """The newest kernel here with v4l2loopback built for it, such as "6.1.0-56-amd64"; "" if there is none."""
    found = [p.parents[2].name for p in Path("/lib/modules").glob("*/updates/dkms/v4l2loopback.ko*")]
    return max((v for v in found if os.access(f"/boot/vmlinuz-{v}", os.R_OK)), default="", key=_age)


def _age(version: str) -> list[int]:
    return [int(part) for part in version.replace("-", ".").split(".") if part.isdecimal()]


def vng() -> str:
    """virtme-ng's command, of this environment or of the system; "" if it is not there."""
    beside = Path(sys.executable).with_name("vng")
    return str(beside) if beside.exists() else shutil.which("vng") or ""


def lacks() -> str:
    """Why no guest can be booted here, with the line to type; "" if one can."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return "the guest with a real V4L2 device needs Linux on x86-64"
    if not vng():
        return "virtme-ng is missing: pip install virtme-ng"
    for command in ("qemu-system-x86_64", "busybox", "script", "ffmpeg"):
        if not shutil.which(command):
            return f"{command} is missing: {APT}"
    if not kernel():
        return f"no kernel with v4l2loopback in /boot that may be read: {APT}"
    return ""


def boot(out: Path) -> dict[str, Any]:
    """Runs every check of `tests.vm.guest` in one guest. {check: what it saw}, and "log": the console's end."""
    out.mkdir(parents=True, exist_ok=True)
    inside = out / "inside.sh"
    inside.write_text(
        "set -e\nexport PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 HOME=/tmp\n"
        f"cd {shlex.quote(str(ROOT))}\nmodprobe videodev\n"
        f"{shlex.quote(sys.executable)} -m tests.vm.guest {shlex.quote(str(out))}\n"
    )
    # Software emulation everywhere: nested KVM hangs on some hosts, and a test has to mean the same on all of them.
    command = [vng(), "-r", f"/boot/vmlinuz-{kernel()}", "--disable-kvm", "--cpus", "2", "--memory", "2G"]
    command += ["--user", "root", f"--rwdir={out}", "--cwd", str(ROOT), "--", "sh", str(inside)]
    log = out / "console.log"
    with log.open("wb") as console:
        # `script` gives vng the terminal that it insists on.
        process = subprocess.Popen(
            ["script", "-qec", shlex.join(command), "/dev/null"],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PATH": f"{Path(vng()).parent}:{os.environ['PATH']}"},  # vng looks for virtme-run there
        )
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            # `script` puts what it runs into a session of its own, so a signal to a group would miss QEMU.
            everybody = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
            for one in everybody:
                with contextlib.suppress(psutil.Error):
                    one.kill()
            process.wait(10)
    told = out / "outcome.json"
    outcome: dict[str, Any] = json.loads(told.read_text()) if told.exists() else {}
    outcome["log"] = log.read_text(errors="replace")[-3000:]
    return outcome
