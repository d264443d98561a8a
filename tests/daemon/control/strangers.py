"""Programs of another user of this computer: real ones, which root can start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

__all__ = ["only_root", "stranger"]

only_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be another user: run this test as root"
)


def stranger(code: str, *words: str, uid: int | None = None) -> Any:
    """Runs Python as the user `nobody`, or that one, and returns the JSON that it prints."""
    nobody = pytest.importorskip("pwd").getpwnam("nobody")
    done = subprocess.run(
        [shutil.which("python3", path="/usr/bin:/bin") or sys.executable, "-I", "-c", code, *words],
        user=nobody.pw_uid if uid is None else uid, group=nobody.pw_gid, extra_groups=[], cwd="/",
        stdout=subprocess.PIPE, text=True, timeout=60, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)
