"""Reading a checkpoint that nobody vouches for: nothing in it is executed, and nothing is used before all is checked.

Formats, told apart by their first bytes: PyTorch's zip (since 1.6), PyTorch's older stream (the authors' files), and
safetensors (`convert`), where the parts' names stand before those of the tensors: ``generator.final.bias``.
"""

from __future__ import annotations

import contextlib
import os
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from obs_portrait.checkpoints.formats import STREAM, ZIP
from obs_portrait.errors import CheckpointError
from obs_portrait.face.fomm.pickles import foreign_names
from obs_portrait.face.fomm.table import PARTS, tensors
from obs_portrait.folders import take_place

__all__ = ["MAX_BYTES", "State", "convert", "read"]

State = dict[str, dict[str, Tensor]]
"""Tensors by part ("generator", "kp_detector") and name: float32 on the CPU, num_batches_tracked int64."""

MAX_BYTES: Final = 1_000_000_000
"""No more is read. The largest known file, the authors' with all that training needs, has 729 million bytes."""
_PICKLES: Final = 5
"""Of the older stream: magic number, version, system, the objects, the storages' names."""
_COUNTER: Final = "num_batches_tracked"


def read(path: Path) -> State:
    """All tensors of the file, checked against `table`: none missing, none extra, right shapes, finite numbers.

    Raises `CheckpointError` with one sentence.
    """
    path = Path(path)
    head = _head(path)
    if head.startswith(ZIP):
        _check_zip(path)
        return _read_torch(path, mapped=True)
    if head.startswith(STREAM):
        _check_stream(path)
        return _read_torch(path, mapped=False)
    if head[8:9] == b"{":
        return _read_safetensors(path)
    raise CheckpointError(
        f"{path}: this is neither a PyTorch checkpoint nor a safetensors file; it is damaged or something else. "
        "Download it again (obs-portrait checkpoints list)."
    )


def convert(src: Path, dst: Path) -> None:
    """Writes what inference needs of the checkpoint `src` to `dst` as safetensors, under its final name only when it is
    complete. Raises `CheckpointError` as `read` does, or if `dst` cannot be written."""
    try:
        from safetensors.torch import save
    except ImportError as error:
        raise CheckpointError("Converting needs safetensors. Type: pip install 'obs-portrait[neural]'") from error
    state, dst = read(Path(src)), Path(dst)
    flat = {f"{part}.{name}": tensor for part, found in state.items() for name, tensor in found.items()}
    data = save(flat, {"format": "pt", "family": "fomm"})
    temporary = dst.with_name(f".{dst.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        take_place(temporary, dst)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise CheckpointError(f"{dst}: it cannot be written ({error.strerror or error}).") from error
        raise


def _head(path: Path) -> bytes:
    try:
        if not path.is_file() and path.exists() and not path.is_dir():  # a pipe would be waited for without end
            raise CheckpointError(f"{path}: this is no ordinary file; it was not opened.")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise CheckpointError(
                    f"{path}: {size / 1e6:,.0f} MB are more than any checkpoint of this family has "
                    f"({MAX_BYTES / 1e6:,.0f} MB at most); it was not opened."
                )
            return file.read(16)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such checkpoint (obs-portrait checkpoints list).") from None
    except OSError as error:
        raise CheckpointError(f"{path}: the checkpoint cannot be read ({error.strerror or error}).") from error


def _check_zip(path: Path) -> None:
    """PyTorch stores its records as they are; compressed ones could swell to any size."""
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            if any(record.compress_type != zipfile.ZIP_STORED for record in records):
                raise CheckpointError(
                    f"{path}: its records are compressed, which PyTorch never does; it was not loaded."
                )
            if sum(record.file_size for record in records) > MAX_BYTES:
                raise CheckpointError(
                    f"{path}: it claims to hold more than {MAX_BYTES / 1e6:,.0f} MB; it was not loaded."
                )
            for record in records:
                if record.filename.rpartition("/")[2] == "data.pkl":
                    with archive.open(record) as file:
                        _refuse(path, foreign_names(file, 1))
    except CheckpointError:
        raise
    except Exception as error:  # zipfile and pickletools raise many kinds
        raise _damaged(path) from error


def _check_stream(path: Path) -> None:
    try:
        with path.open("rb") as file:
            _refuse(path, foreign_names(file, _PICKLES))
    except CheckpointError:
        raise
    except Exception as error:
        raise _damaged(path) from error


def _refuse(path: Path, names: Iterator[str]) -> None:
    """The first name is enough."""
    for name in names:
        raise CheckpointError(
            f"{path}: the file asks for {_quoted(name)} while it is loaded, which no weights need; it was refused and "
            "nothing was run."
        )


def _read_torch(path: Path, mapped: bool) -> State:
    """mapped: only the records that are used are read from the disk."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PyTorch about its own older classes
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # damaged files raise many kinds
        raise _damaged(path) from error
    if not isinstance(found, Mapping) or not all(isinstance(found.get(part), Mapping) for part in PARTS):
        raise _stranger(path, found)
    return {part: _take(path, part, found[part]) for part in PARTS}


def _read_safetensors(path: Path) -> State:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise CheckpointError(
            f"{path}: reading it needs safetensors. Type: pip install 'obs-portrait[neural]'"
        ) from error
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = list(file.keys())
            if not all(any(name.startswith(f"{part}.") for name in names) for part in PARTS):
                raise _stranger(path, dict.fromkeys(names))
            for name in names:
                if name.partition(".")[0] not in PARTS:
                    raise CheckpointError(f"{path}: the tensor {_quoted(name)} does not belong to this family.")
            return {
                part: _take(path, part, _Lazy(file, part, [n for n in names if n.startswith(f"{part}.")]))
                for part in PARTS
            }
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise _damaged(path) from error


class _Lazy(Mapping[str, Any]):
    """One part of a safetensors file. Nothing is read before it is asked for."""

    def __init__(self, file: Any, part: str, names: list[str]) -> None:
        self._file = file
        self._names = {name.removeprefix(f"{part}."): name for name in names}

    def __getitem__(self, name: str) -> Any:
        return self._file.get_tensor(self._names[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _take(path: Path, part: str, found: Mapping[str, Any]) -> dict[str, Tensor]:
    """Exactly the tensors of the table, copied out of the file."""
    wanted = tensors(part)
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    for names, what in ((missing, "is missing"), (extra, "is not known to this family")):
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise CheckpointError(
                f"{path}: the tensor {_quoted(f'{part}.{names[0]}')}{more} {what}; this is no vox-256 checkpoint "
                "of the first-order motion model."
            )
    return {name: _tensor(path, f"{part}.{name}", found[name], shape) for name, shape in wanted.items()}


def _tensor(path: Path, name: str, tensor: Any, shape: tuple[int, ...]) -> Tensor:
    if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or tensor.device.type != "cpu":
        raise CheckpointError(f"{path}: {name} is no ordinary tensor.")
    if tuple(tensor.shape) != shape:
        raise CheckpointError(f"{path}: the tensor {name} has the shape {tuple(tensor.shape)}, it must be {shape}.")
    counter = name.endswith(_COUNTER)
    if tensor.is_floating_point() == counter or tensor.is_complex() or tensor.is_quantized:
        raise CheckpointError(f"{path}: the tensor {name} holds {tensor.dtype}, which it must not.")
    copy = tensor.detach().to(torch.int64 if counter else torch.float32, copy=True).contiguous()
    if not counter and not bool(torch.isfinite(copy).all()):
        raise CheckpointError(f"{path}: the tensor {name} holds numbers that are not finite; the file is damaged.")
    if name.endswith("running_var") and bool((copy < 0).any()):
        raise CheckpointError(f"{path}: the tensor {name} holds negative variances; the file is damaged.")
    return copy


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(f"{path}: the checkpoint is damaged or was cut off; download it again.")


def _stranger(path: Path, found: object) -> CheckpointError:
    names = [_quoted(name) for name in found][:3] if isinstance(found, Mapping) else []
    holds = f" It holds {', '.join(names)}…" if names else ""
    return CheckpointError(
        f"{path}: no checkpoint of the first-order motion model: it has no 'generator' and 'kp_detector'.{holds}"
    )


def _quoted(name: object) -> str:
    """A stranger's name, fit to print."""
    text = repr(name)
    return text if len(text) <= 80 else f"{text[:76]}…'"
