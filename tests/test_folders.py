"""Files that are written whole, also where somebody reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from obs_portrait import folders
from obs_portrait.folders import take_place, write_whole


class Held:
    """A file that somebody has open for a while, as Windows sees it."""

    def __init__(self, times: int) -> None:
        self.times = times

    def replace(self, target: Path) -> None:
        self.times -= 1
        if self.times >= 0:
            raise PermissionError(13, "The process cannot access the file")


def test_windows_is_given_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(folders.sys, "platform", "win32")
    held = Held(3)
    take_place(held, tmp_path / "a", 20)  # type: ignore[arg-type]
    assert held.times == -1
    with pytest.raises(PermissionError):
        take_place(Held(1_000_000), tmp_path / "a", 0.2)  # type: ignore[arg-type]


def test_elsewhere_a_refusal_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(folders.sys, "platform", "linux")
    held = Held(1)
    with pytest.raises(PermissionError):
        take_place(held, tmp_path / "a", 20)  # type: ignore[arg-type]
    assert held.times == 0


def test_a_file_is_written_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "new" / "settings.toml"
    write_whole(path, "a = 1\n")
    assert path.read_bytes() == b"a = 1\n"

    def full(made: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders, "take_place", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "a = 2\n")
    assert path.read_bytes() == b"a = 1\n"
    assert [file.name for file in path.parent.iterdir()] == ["settings.toml"]
