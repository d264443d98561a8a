from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from obs_portrait.checkpoints import filelock
from obs_portrait.checkpoints.filelock import locked
from obs_portrait.checkpoints.pull import pull
from obs_portrait.errors import CheckpointError
from tests.checkpoints.conftest import BODY, Serve, entry


def refuse(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> list[int]:
    """Makes the system refuse the next locks with these errors; returns what is left of them."""
    left = list(numbers)

    def lock(*_: object) -> None:
        if left:
            number = left.pop(0)
            raise OSError(number, os.strerror(number))

    if sys.platform == "win32":
        monkeypatch.setattr("msvcrt.locking", lock)
    else:
        monkeypatch.setattr("fcntl.flock", lock)
    monkeypatch.setattr(filelock, "_LOOK_S", 0.0)
    return left


def test_who_comes_second_waits_and_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left, said = refuse(monkeypatch, errno.EAGAIN, errno.EACCES, errno.EAGAIN), []
    with locked(tmp_path / "folder" / "lock", lambda: said.append("waiting")):
        assert left == []
    assert said == ["waiting"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EIO])
def test_where_nothing_can_be_locked_nobody_waits(site: Serve, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    refuse(monkeypatch, errno.EAGAIN, number)
    server = site()
    with pytest.raises(CheckpointError, match=r"weights\.bin\.lock: files cannot be locked here .*_WEIGHTS_DIR\.$"):
        pull(entry(server))
    assert not server.asked
    assert pull(entry(server)).read_bytes() == BODY
