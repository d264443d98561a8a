"""Disks without room: told before the first byte, and when it happens on the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from obs_portrait.checkpoints import licences
from obs_portrait.checkpoints.catalog import locate, place
from obs_portrait.checkpoints.pull import partial, pull
from obs_portrait.errors import CheckpointError
from obs_portrait.folders import CONFIG_VARIABLE, WEIGHTS_VARIABLE
from tests.checkpoints.conftest import BODY, HURRY, Serve, entry


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real file system of 512 kB that holds the weights."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small disk: the fake disk tests this in part")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fake_disk(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """A disk that says it has so many bytes left."""
    usage = shutil._ntuple_diskusage(10**12, 10**12 - free, free)
    monkeypatch.setattr("obs_portrait.checkpoints.transfer.shutil.disk_usage", lambda folder: usage)


@pytest.mark.parametrize("tells", [True, False])
def test_no_room_is_told_before_the_first_byte(site: Serve, small_disk: Path, tells: bool) -> None:
    server = site(tells_length=tells)
    row = entry(server)
    with pytest.raises(CheckpointError, match=r"there is no room; 1\.0 MB and 67 MB to spare are needed, 0\.5 MB are"):
        pull(row)
    assert not partial(row)[0] and not place(row).exists()


def test_a_disk_that_fills_up_on_the_way(site: Serve, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = site()
    row = entry(server)
    with monkeypatch.context() as patch:
        fake_disk(patch, 10**10)
        with pytest.raises(
            CheckpointError, match=r"the disk is full after 0\.5 MB\. Make room and type the same again"
        ):
            pull(row)
    kept = partial(row)[0]
    assert 0 < kept <= 512 * 1024 and not place(row).exists()
    subprocess.run(["mount", "-o", "remount,size=128m", str(small_disk)], check=True)
    assert pull(row).read_bytes() == BODY
    assert server.asked[-1]["Range"] == f"bytes={kept}-"


def test_room_for_the_rest_is_enough(site: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    spare = 64 << 20
    server = site(cuts=[600_000, 0, 0, 0])
    row = entry(server, known=False)
    fake_disk(monkeypatch, spare + len(BODY) - 1)
    with pytest.raises(CheckpointError, match="there is no room"):
        pull(row)
    server.cuts[:] = [600_000, 0, 0, 0]
    fake_disk(monkeypatch, spare + len(BODY))
    with pytest.raises(CheckpointError, match="the connection was cut"):
        pull(row, patience=HURRY)
    fake_disk(monkeypatch, spare + len(BODY) - 600_000)
    assert pull(row).read_bytes() == BODY


def test_a_disk_that_cannot_be_written_to(site: Serve, small_disk: Path) -> None:
    row = entry(site(), known=False)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(CheckpointError, match="Read-only file system"):
        pull(row)


def test_weights_on_a_disk_that_cannot_be_written_to_are_used_without_a_pin(site: Serve, small_disk: Path) -> None:
    row = entry(site(), known=False)
    place(row).parent.mkdir()
    place(row).write_bytes(BODY[:1000])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert pull(row) == place(row)
    assert [path.name for path in place(row).parent.iterdir()] == ["weights.bin"]


def fill(folder: Path) -> None:
    with pytest.raises(OSError, match="No space left"), (folder / "filler").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_a_pin_that_finds_no_room_is_told_and_leaves_nothing(
    site: Serve, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = entry(site(), known=False)
    monkeypatch.setattr("obs_portrait.checkpoints.catalog.load_catalog", lambda: {"thing": row})
    place(row).parent.mkdir()
    place(row).write_bytes(BODY[:1000])
    fill(small_disk)
    with pytest.raises(CheckpointError, match=r"weights\.bin\.pin: the pin cannot be written \(No space left"):
        locate("thing")
    assert [path.name for path in place(row).parent.iterdir()] == ["weights.bin"]
    (small_disk / "filler").unlink()
    assert locate("thing") == place(row)
    assert sorted(path.name for path in place(row).parent.iterdir()) == ["weights.bin", "weights.bin.pin"]


def test_a_licence_that_finds_no_room_is_told_and_leaves_nothing(
    site: Serve, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(small_disk / "config"))
    row = entry(site())
    before = licences.licences_path().read_bytes()
    fill(small_disk)
    with pytest.raises(CheckpointError, match=r"licences\.json: cannot be written \(No space left"):
        licences.accept(row)
    assert [path.read_bytes() for path in (small_disk / "config").iterdir()] == [before]


def test_a_file_where_the_folder_should_be(site: Serve, folders: Path) -> None:
    folders.write_text("")
    with pytest.raises(CheckpointError, match=str(folders)):
        pull(entry(site()))
