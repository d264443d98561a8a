"""A process that crashes with a picture in its memory leaves no copy of that memory, whoever looks for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's way of saying it is Linux' own")

_CRASH = """
import ctypes, resource, sys
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
if sys.argv[1] == "shy":
    from obs_portrait.no_dump import leave_no_dump
    leave_no_dump()
face = bytes(reversed(b"-SLEXIP-ECAFLAER" * 4096))
ctypes.string_at(0)
"""
_LIVE = """
import ctypes, os, resource, sys
from obs_portrait.no_dump import leave_no_dump
leave_no_dump()
print(resource.getrlimit(resource.RLIMIT_CORE)[0], ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)
sys.stdin.read()
"""


def _cores(folder: Path, kind: str) -> list[Path]:
    folder.mkdir()
    done = subprocess.run([sys.executable, "-c", _CRASH, kind], cwd=folder, env=_with_us(), check=False)
    assert done.returncode < 0
    return [path for path in folder.iterdir() if b"REALFACE-PIXELS-" * 4096 in path.read_bytes()]


def _with_us() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


@linux
def test_a_crash_leaves_no_core(tmp_path: Path) -> None:
    if not _cores(tmp_path / "plain", "plain"):
        pytest.skip("this machine writes no core files into the working folder, so there is nothing to compare with")
    assert _cores(tmp_path / "shy", "shy") == []


@linux
def test_neither_a_file_nor_a_crash_collector_gets_it_and_its_figures_stay_readable() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _LIVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_with_us()
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().split() == [b"0", b"0"]
        shown = psutil.Process(process.pid)
        assert shown.memory_info().rss > 0 and shown.num_threads() >= 1 and shown.cpu_percent() >= 0.0
        process.communicate()
    assert process.returncode == 0
