from __future__ import annotations

import os
from pathlib import Path

import pytest

from obs_portrait.checkpoints import verdicts
from obs_portrait.checkpoints.pins import pin_path
from obs_portrait.checkpoints.verdicts import once, stamp


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights that were not written just now."""
    monkeypatch.setattr(verdicts, "SETTLED_NS", 0)
    path = tmp_path / "weights.bin"
    path.write_bytes(b"one")
    return path


def test_a_file_is_looked_at_once_while_it_is_the_same(file: Path) -> None:
    looked: list[str] = []
    for against in ("row", "row", "another row"):
        once(file, against, lambda: looked.append("x"))
    assert len(looked) == 2
    changes = (
        lambda: file.write_bytes(b"two"),
        lambda: file.write_bytes(b"three"),
        lambda: (file.unlink(), file.write_bytes(b"three")),
        lambda: os.utime(file, ns=(1, 1)),
        lambda: pin_path(file).write_text("{}"),
        lambda: pin_path(file).unlink(),
    )
    for number, change in enumerate(changes[:-1], 3):
        change()
        for _ in range(2):
            once(file, "row", lambda: looked.append("x"))
        assert len(looked) == number, f"change {number - 3}"
    changes[-1]()
    once(file, "row", lambda: looked.append("x"))
    assert len(looked) == 7, "without a pin this very file was looked at before"
    verdicts.forget()
    once(file, "row", lambda: looked.append("x"))
    assert len(looked) == 8


def test_what_was_written_just_now_could_be_written_again_unseen(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "SETTLED_NS", 10**15)
    looked: list[str] = []
    for _ in range(2):
        once(file, "row", lambda: looked.append("x"))
    assert len(looked) == 2


def test_a_file_that_changes_under_the_eyes_has_no_verdict(file: Path) -> None:
    def check() -> None:
        file.write_bytes(b"other")

    once(file, "row", check)
    looked: list[str] = []
    once(file, "row", lambda: looked.append("x"))
    assert looked


def test_a_refusal_is_not_remembered_as_a_verdict(file: Path) -> None:
    def refuse() -> None:
        raise ValueError("wrong")

    for _ in range(2):
        with pytest.raises(ValueError, match="wrong"):
            once(file, "row", refuse)


def test_nothing_has_no_stamp(tmp_path: Path) -> None:
    assert stamp(tmp_path / "nothing") is None
