"""Which processor, and what is said when it cannot. GPUs are played by the test; none is here."""

from __future__ import annotations

import builtins
import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from obs_portrait.errors import FaceError
from obs_portrait.face import fomm
from obs_portrait.face.fomm import device as devices
from obs_portrait.face.fomm.device import choose_device, choose_dtype, explained, making, using
from obs_portrait.face.fomm.engine import _sound

GPU = torch.device("cuda", 0)
PICTURE = np.zeros((256, 256, 3), np.uint8)


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """PyTorch lists a GPU; with this trouble."""

    def plays(trouble: str | None) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: "Test GPU")
        monkeypatch.setattr(devices, "_trouble", lambda device: trouble)

    return plays


def test_a_gpu_that_works_is_taken_under_one_name(one_gpu: Callable[[str | None], None]) -> None:
    one_gpu(None)
    assert choose_device("auto") == (GPU, "PyTorch sees Test GPU")
    assert choose_device("cuda")[0] == choose_device("cuda:0")[0] == GPU
    assert choose_device("CUDA")[0] == choose_device(torch.device("cuda"))[0] == GPU
    with pytest.raises(FaceError, match="'cuda:1' is not there"):
        choose_device("cuda:1")


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_a_device_object_that_is_not_there_is_one_sentence_too(kind: str, converted: Path) -> None:
    if getattr(torch, kind).is_available():
        pytest.skip(f"this machine has {kind}")
    with pytest.raises(FaceError, match=f"'{kind}' is not there"):
        fomm.load(converted, torch.device(kind))


def test_one_that_is_too_old_for_this_pytorch_is_not(one_gpu: Callable[[str | None], None]) -> None:
    one_gpu("CUDA error: no kernel image is available for execution on the device")
    chosen, why = choose_device("auto")
    assert chosen.type == "cpu" and "Test GPU cannot be used by this PyTorch" in why and "no kernel image" in why
    assert fomm.device_report() == ("cpu", why)
    with pytest.raises(FaceError, match=r'no kernel image .*; use device = "auto" or "cpu"'):
        choose_device("cuda")


@pytest.mark.parametrize(("major", "dtype"), [(6, torch.float32), (7, torch.float16), (9, torch.float16)])
def test_old_gpus_are_slow_in_half_precision(
    one_gpu: Callable[[str | None], None], monkeypatch: pytest.MonkeyPatch, major: int, dtype: torch.dtype
) -> None:
    one_gpu(None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (major, 1))
    assert choose_dtype("auto", GPU) is dtype
    assert choose_dtype("float16", GPU) is torch.float16


def test_what_a_gpu_refuses_is_one_sentence_and_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    big: list[weakref.ref[Any]] = []
    freed: list[bool] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append(gc.collect() >= 0 and big[0]() is None))

    def runs_out() -> None:
        tensor = torch.zeros(8)
        big.append(weakref.ref(tensor))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nGPU 0 has …")

    with pytest.raises(FaceError) as caught, explained(GPU):
        runs_out()
    assert str(caught.value) == (
        "The networks cannot run on cuda:0 (CUDA out of memory. Tried to allocate 2 GiB); close what else uses it, or "
        'write device = "cpu" or engine = "mesh" under [face] in the profile.'
    )
    assert freed == [True]


def test_a_fault_of_our_own_on_the_cpu_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="shape"), explained(torch.device("cpu")):
        raise RuntimeError("shape")
    with pytest.raises(FaceError, match="as it is"), explained(GPU):
        raise FaceError("as it is")


def test_only_gpus_are_locked() -> None:
    cpu, apple = torch.device("cpu"), torch.device("mps")
    assert making(GPU) is making(apple) is not making(cpu)
    assert using(apple) is using(apple) and using(GPU) is not using(apple)
    with making(GPU), making(GPU), using(apple), using(apple):  # whoever holds one may take it again
        pass


class Made:
    """Stands for a `Live` in a dtype."""

    def __init__(self, kind: torch.dtype, sound: bool) -> None:
        self.kind, self._sound, self.closed = kind, sound, False

    def is_sound(self, source: Any) -> bool:
        return self._sound

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("kinds", "bad", "left"),
    [
        (["float16"], [], ["float16"]),
        (["float16"], ["float16"], ["float32"]),
        (["float32", "float16"], [], ["float32", "float16"]),
        (["float32", "float16"], ["float16"], ["float32"]),
        (["bfloat16", "float16"], ["bfloat16", "float16"], ["float32"]),
    ],
)
def test_half_precision_by_name_only_is_not_used(kinds: list[str], bad: list[str], left: list[str]) -> None:
    made: list[Made] = []

    def make(kind: torch.dtype) -> Any:
        made.append(Made(kind, str(kind).removeprefix("torch.") not in bad))
        return made[-1]

    found: list[Any] = _sound(make, [devices.DTYPES[kind] for kind in kinds], PICTURE)  # type: ignore[assignment]
    assert [one.kind for one in found] == [devices.DTYPES[kind] for kind in left]
    assert all(one.closed == (one not in found) for one in made)


def test_a_gpu_that_computes_nothing_right_is_refused() -> None:
    make: Any = lambda kind: Made(kind, False)  # noqa: E731
    with pytest.raises(FaceError, match="does not compute what the CPU does"), explained(GPU):
        _sound(make, [torch.float16], PICTURE)


def test_a_damaged_pytorch_is_said_to_be_that(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def broken(name: str, *rest: Any) -> Any:
        if name.startswith("obs_portrait.face.fomm"):
            raise OSError("[WinError 126] The specified module could not be found. Error loading c10.dll")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", broken)
    where, why = fomm.device_report()
    assert where == "" and "WinError 126" in why and "--force-reinstall torch" in why
    with pytest.raises(FaceError, match="WinError 126"):
        fomm.load("weights.pth.tar")
