from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest

from obs_portrait.checkpoints.formats import strange

STREAM = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
SAFETENSORS = b"\x02" + bytes(7) + b"{}"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (STREAM + b"\x80\x02M\xe9\x03.", None),
        (SAFETENSORS, None),
        (SAFETENSORS[:-1], "neither a PyTorch checkpoint nor a safetensors file"),
        (b"\xff" * 8 + b"{}", "neither a PyTorch checkpoint nor a safetensors file"),
        (b'{"error": {"code": 403}}', "neither a PyTorch checkpoint nor a safetensors file"),
        (b"<html><body>log in</body></html>", "neither a PyTorch checkpoint nor a safetensors file"),
        (b"", "neither a PyTorch checkpoint nor a safetensors file"),
        (b"PK\x03\x04", "a PyTorch checkpoint that was cut off"),
    ],
)
def test_first_bytes(tmp_path: Path, data: bytes, says: str | None) -> None:
    path = tmp_path / "weights"
    path.write_bytes(data)
    found = strange(path, "fomm")
    assert found == says or (found is not None and says is not None and says in found)
    assert strange(path, "things") is None, "nobody knows how these begin"


def test_a_zip_and_one_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth.tar"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(1000))
    assert strange(path, "fomm") is None
    path.write_bytes(path.read_bytes()[:900])
    assert strange(path, "fomm") == "it is a PyTorch checkpoint that was cut off"
