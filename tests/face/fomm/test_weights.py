"""Files that nobody vouches for: good ones in every format, and every kind of bad one. Nothing is run, one sentence."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from obs_portrait.checkpoints.formats import STREAM
from obs_portrait.errors import CheckpointError
from obs_portrait.face import fomm
from obs_portrait.face.fomm.table import PARTS, tensors
from obs_portrait.face.fomm.weights import State, read


def tiny() -> dict[str, Any]:
    """Right names and shapes in a few kilobytes: every tensor is one number, shown everywhere."""
    return {
        part: {
            name: torch.tensor(1) if not shape else torch.full((1,), 0.5).expand(shape)
            for name, shape in tensors(part).items()
        }
        for part in PARTS
    }


def sentence(path: Path) -> str:
    """What the user is told; it is one line that names the file."""
    with pytest.raises(CheckpointError) as caught:
        read(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    assert len(text) < 400 + len(str(path))
    return text


def same(one: State, other: State) -> bool:
    return all(torch.equal(one[part][name], other[part][name]) for part in PARTS for name in tensors(part))


def test_the_authors_format_and_ours_hold_the_same(checkpoint: Path, converted: Path, state: State) -> None:
    found = read(checkpoint)
    assert same(found, state)
    assert {part: list(names) for part, names in found.items()} == {part: list(tensors(part)) for part in PARTS}
    assert same(read(converted), state)
    assert not list(converted.parent.glob(".*"))


def test_the_older_stream_format(tmp_path: Path) -> None:
    path = tmp_path / "old.pth.tar"
    torch.save({**tiny(), "epoch": 3}, path, _use_new_zipfile_serialization=False)
    assert path.read_bytes().startswith(STREAM)
    assert read(path)["generator"]["final.bias"].tolist() == [0.5] * 3


def test_halves_are_widened(tmp_path: Path) -> None:
    found = tiny()
    found["generator"]["final.bias"] = torch.tensor([0.25, 0.5, 1], dtype=torch.float16)
    torch.save(found, tmp_path / "half.pth")
    assert read(tmp_path / "half.pth")["generator"]["final.bias"].dtype == torch.float32


def change(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(found: dict[str, Any]) -> None:
        part, _, key = name.partition(".")
        found[part][key] = value

    return apply


def drop(name: str) -> Callable[[dict[str, Any]], None]:
    def apply(found: dict[str, Any]) -> None:
        part, _, key = name.partition(".")
        del found[part][key]

    return apply


BAD = {
    "missing": (drop("generator.final.bias"), "generator.final.bias", "missing"),
    "counter-missing": (
        drop("kp_detector.predictor.encoder.down_blocks.0.norm.num_batches_tracked"),
        "tracked",
        "missi",
    ),
    "extra": (change("kp_detector.spy.weight", torch.zeros(2)), "kp_detector.spy.weight", "not known"),
    "shape": (change("generator.final.weight", torch.zeros(3, 64, 7, 5)), "generator.final.weight", "(3, 64, 7, 7)"),
    "nan": (change("generator.final.bias", torch.tensor([0, float("nan"), 0])), "generator.final.bias", "not finite"),
    "inf": (change("kp_detector.kp.bias", torch.full((10,), float("inf"))), "kp_detector.kp.bias", "not finite"),
    "integers": (change("generator.final.bias", torch.tensor([1, 2, 3])), "generator.final.bias", "int64"),
    "complex": (
        change("generator.final.bias", torch.zeros(3, dtype=torch.complex64)),
        "generator.final.bias",
        "complex",
    ),
    "sparse": (change("generator.final.bias", torch.zeros(3).to_sparse()), "generator.final.bias", "ordinary"),
    "no tensor": (change("generator.final.bias", [1.0, 2.0, 3.0]), "generator.final.bias", "ordinary"),
    "variance": (change("generator.first.norm.running_var", -torch.ones(64)), "first.norm.running_var", "negative"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_wrong_tensor_is_named(tmp_path: Path, kind: str) -> None:
    spoil, name, why = BAD[kind]
    found = tiny()
    spoil(found)
    torch.save(found, tmp_path / "bad.pth.tar")
    text = sentence(tmp_path / "bad.pth.tar")
    assert name in text
    assert why in text


def test_a_stranger_cannot_write_lines_into_the_sentence(tmp_path: Path) -> None:
    found = tiny()
    found["generator"]["x\n\x1b[31m" + "y" * 500] = torch.zeros(1)
    torch.save(found, tmp_path / "bad.pth.tar")
    assert "\x1b" not in sentence(tmp_path / "bad.pth.tar")


class Bomb:
    """Leaves a trace if it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["top", "inside", "ignored key"])
def test_a_pickle_that_runs_code_is_refused(tmp_path: Path, zipped: bool, place: str) -> None:
    trace, path = tmp_path / "executed", tmp_path / "bomb.pth.tar"
    found: Any = tiny()
    if place == "top":
        found = Bomb(trace)
    elif place == "inside":
        found["generator"]["final.bias"] = Bomb(trace)
    else:
        found["epoch"] = Bomb(trace)
    torch.save(found, path, _use_new_zipfile_serialization=zipped)
    assert "nothing was run" in sentence(path)
    assert not trace.exists()
    pickle.loads(pickle.dumps(Bomb(trace)))  # noqa: S301 - the bomb does go off where it is let
    assert trace.exists()


_MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", ["builtins\nbytearray", "__builtin__\nbytearray", "builtins\nbytes"])
def test_a_small_file_takes_no_memory(tmp_path: Path, zipped: bool, name: str) -> None:
    """`weights_only` calls some names of Python with whatever size the file asks for."""
    path = tmp_path / "swells.pth.tar"
    bomb = b"\x80\x02c" + name.encode() + b"\n" + pickle.dumps(1 << 40, 2)[2:-1] + b"\x85R."
    if zipped:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("archive/data.pkl", bomb)
            archive.writestr("archive/version", "3\n")
    else:
        path.write_bytes(_MAGIC + bomb)
    text = sentence(path)
    assert name.replace("\n", ".") in text
    assert "nothing was run" in text


def test_a_name_put_together_by_the_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stack.pth.tar"
    path.write_bytes(_MAGIC + b"\x80\x04\x8c\x08builtins\x8c\x09bytearray\x93.")
    assert "STACK_GLOBAL" in sentence(path)


def test_a_bare_pickle_is_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "bare.pth.tar"
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "executed")))
    assert "neither" in sentence(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["zip", "stream", "safetensors"])
def test_a_truncated_file_is_damaged(tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / "cut.pth.tar"
    if kind == "safetensors":
        from safetensors.torch import save

        data = save({f"{part}.{name}": torch.zeros(4) for part in PARTS for name in tensors(part)})
    else:
        torch.save(tiny(), path, _use_new_zipfile_serialization=kind == "zip")
        data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert "damaged" in sentence(path)


@pytest.mark.parametrize("name", ["zeros.pth.tar", "zeros.safetensors"])
def test_two_gigabytes_of_zeros_are_not_opened(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(2 << 30)  # sparse: takes no room
    assert "more than any checkpoint" in sentence(path)
    with path.open("wb") as file:
        file.truncate(500 << 20)
    assert "neither" in sentence(path)


def test_records_that_would_swell_are_not_unpacked(tmp_path: Path) -> None:
    torch.save(tiny(), tmp_path / "plain.pth")
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(tmp_path / "plain.pth") as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for record in old.namelist():
            new.writestr(record, old.read(record) if not record.endswith("data/0") else bytes(1 << 24))
    assert "compressed" in sentence(path)


FAMILIES: dict[str, Any] = {
    "LivePortrait": {"stage1.conv.weight": torch.zeros(2), "stage2.conv.weight": torch.zeros(2)},
    "articulated": {"generator": {"first.conv.weight": torch.zeros(1)}, "region_predictor": {}},
    "a list": [torch.zeros(1)],
    "parts that are no tables": {"generator": 1, "kp_detector": 2},
}


@pytest.mark.parametrize("kind", FAMILIES)
def test_another_family_is_named_as_such(tmp_path: Path, kind: str) -> None:
    torch.save(FAMILIES[kind], tmp_path / "other.pth")
    assert "no checkpoint of the first-order motion model" in sentence(tmp_path / "other.pth")


def test_safetensors_of_other_families_and_with_bad_headers(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "other.safetensors"
    save_file({"unet.weight": torch.zeros(2)}, path)
    assert "no checkpoint of the first-order motion model" in sentence(path)
    save_file({f"{part}.first.weight": torch.zeros(2) for part in PARTS}, path)
    assert "missing" in sentence(path)
    save_file({"generator.a": torch.zeros(1), "kp_detector.a": torch.zeros(1), "third.a": torch.zeros(1)}, path)
    assert "third.a" in sentence(path)
    header = json.dumps({"generator.a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    assert "damaged" in sentence(path)
    path.write_bytes(struct.pack("<Q", 1 << 62) + header)
    assert "damaged" in sentence(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x03\x04" + bytes(100), b"<html>not found</html>"])
def test_other_things_under_that_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pth.tar").write_bytes(content)
    sentence(tmp_path / "x.pth.tar")


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    assert "no such checkpoint" in sentence(tmp_path / "none.pth.tar")
    assert "cannot be read" in sentence(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pth.tar")
    assert "no ordinary file" in sentence(tmp_path / "pipe.pth.tar")
    assert "no ordinary file" in sentence(Path(os.devnull))


def test_convert_leaves_nothing_behind_when_it_fails(tmp_path: Path) -> None:
    torch.save({"generator": {}}, tmp_path / "bad.pth")
    with pytest.raises(CheckpointError):
        fomm.convert(tmp_path / "bad.pth", tmp_path / "out.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.pth"]
    torch.save(tiny(), tmp_path / "good.pth")
    with pytest.raises(CheckpointError, match="cannot be written"):
        fomm.convert(tmp_path / "good.pth", tmp_path / "nowhere" / "out.safetensors")
