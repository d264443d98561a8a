"""Weights that change in a running process, that are named by their path, and converted copies of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from obs_portrait.checkpoints import pins, trust, verdicts
from obs_portrait.checkpoints.catalog import Entry, locate, place
from obs_portrait.checkpoints.digests import digests
from obs_portrait.checkpoints.pull import pull
from obs_portrait.checkpoints.trust import beside, convert, converted, ready, vouch
from obs_portrait.errors import CheckpointError
from tests.checkpoints.conftest import BODY, OTHER, Serve, entry


@pytest.fixture
def row(site: Serve, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """Weights without a public hash, downloaded and pinned; the only ones that the program knows."""
    made = entry(site(), known=False, file="weights.pth.tar")
    monkeypatch.setattr("obs_portrait.checkpoints.catalog.load_catalog", lambda: {"thing": made})
    monkeypatch.setattr(verdicts, "SETTLED_NS", 0)
    pull(made)
    return made


def test_weights_that_change_in_a_running_process_are_refused(row: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr(
        "obs_portrait.checkpoints.catalog.digests", lambda path, names: (read.append(path), digests(path, names))[1]
    )
    assert [locate("thing") for _ in range(3)] == [place(row)] * 3
    assert len(read) == 1, "the same file is not read again"
    place(row).write_bytes(OTHER)
    for _ in range(2):
        with pytest.raises(CheckpointError, match=r"was pinned on .* is not loaded"):
            locate("thing")
    place(row).write_bytes(BODY)
    assert locate("thing") == place(row)


def test_weights_of_the_catalogue_are_checked_under_any_name(row: Entry, tmp_path: Path) -> None:
    link = tmp_path / "link.pth.tar"
    link.symlink_to(place(row))
    for path in (place(row), link, place(row).parent / ".." / "thing" / row.file):
        vouch(path)
    place(row).write_bytes(OTHER)
    for path in (place(row), link, place(row).parent / ".." / "thing" / row.file):
        with pytest.raises(CheckpointError, match="was pinned on"):
            vouch(path)


def test_weights_named_by_their_path_are_pinned_at_their_first_use_too(row: Entry) -> None:
    pins.remove(place(row))
    vouch(place(row))
    assert pins.read(place(row)) is not None


def test_a_file_with_a_pin_is_held_to_it_and_ones_own_is_not(row: Entry, tmp_path: Path) -> None:
    own, moved, link = tmp_path / "own.pth", tmp_path / "folder" / "moved.pth", tmp_path / "link.pth"
    moved.parent.mkdir()
    for path in (own, moved):
        path.write_bytes(BODY)
    link.symlink_to(moved)
    pins.pin(moved)
    for body in (BODY, OTHER):
        own.write_bytes(body)
        vouch(own)
    vouch(moved)
    vouch(link)
    moved.write_bytes(OTHER)
    for path in (moved, link):
        with pytest.raises(CheckpointError, match=r"was pinned on .*remove moved\.pth\.pin beside it"):
            vouch(path)
    pins.pin_path(moved).write_text("{")
    with pytest.raises(CheckpointError, match="the pinned hash cannot be read"):
        vouch(moved)


def copy(source: Path, target: Path) -> None:
    """A conversion."""
    target.write_bytes(b"converted " + source.read_bytes())


def test_a_converted_copy_is_loaded_in_place_of_its_source(row: Entry) -> None:
    assert ready("thing") == place(row)
    twin = place(row).with_name("weights.safetensors")
    convert(place(row), twin, copy)
    pin, source = pins.read(twin), pins.read(place(row))
    assert pin is not None and source is not None and pin.made_from == source.sha256
    assert ready("Thing") == twin == converted(row)
    assert locate("thing") == place(row), "the file of the catalogue itself"
    twin.write_bytes(b"converted by somebody else")
    with pytest.raises(CheckpointError, match=r"weights\.safetensors: SHA-256 is .* was pinned on"):
        ready("thing")
    convert(place(row), twin, copy)
    assert ready("thing") == twin


def test_a_copy_of_another_file_is_not_loaded(row: Entry, site: Serve) -> None:
    twin = place(row).with_name("weights.safetensors")
    copy(place(row), twin)
    assert ready("thing") == place(row), "nobody knows what it was made from"
    pins.pin(twin)
    assert ready("thing") == place(row)
    convert(place(row), twin, copy)
    place(row).write_bytes(OTHER)
    pull(row, repin=True)
    assert ready("thing") == place(row), "it was made from the file that was here before"


def test_a_public_hash_is_what_a_copy_must_be_made_from(
    row: Entry, site: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = entry(site(), file="weights.pth.tar")
    monkeypatch.setattr("obs_portrait.checkpoints.catalog.load_catalog", lambda: {"thing": made})
    twin = place(row).with_name("weights.safetensors")
    convert(place(made), twin, copy)
    assert ready("thing") == twin
    pins.remove(place(made))
    assert ready("thing") == twin


def test_changed_weights_are_not_converted(row: Entry) -> None:
    place(row).write_bytes(OTHER)
    twin = place(row).with_name("weights.safetensors")
    with pytest.raises(CheckpointError, match="was pinned on"):
        convert(place(row), twin, copy)
    assert not twin.exists()


def test_weights_that_change_while_they_are_converted_have_no_copy(row: Entry) -> None:
    def change(source: Path, target: Path) -> None:
        source.write_bytes(OTHER)
        copy(source, target)

    convert(place(row), place(row).with_name("weights.safetensors"), change)
    assert converted(row) is None


def test_a_copy_elsewhere_is_ones_own(row: Entry, tmp_path: Path) -> None:
    target = tmp_path / "mine.safetensors"
    convert(place(row), target, copy)
    assert target.is_file() and pins.read(target) is None
    own = tmp_path / "own.pth"
    own.write_bytes(BODY)
    convert(own, own.with_name("own.safetensors"), copy)
    assert pins.read(own.with_name("own.safetensors")) is None
    assert trust.converted(row) is None


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("vox-adv-cpk.pth.tar", "vox-adv-cpk.safetensors"),
        ("a.pth", "a.safetensors"),
        ("b.PT", "b.safetensors"),
        ("c.v2.tar", "c.v2.safetensors"),
        ("d.safetensors", None),
        ("weights.bin", None),
        ("weights", None),
        (".pth", None),
    ],
)
def test_where_a_copy_belongs(tmp_path: Path, source: str, target: str | None) -> None:
    assert beside(tmp_path / source) == (None if target is None else tmp_path / target)
