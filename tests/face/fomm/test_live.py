"""The live path as one persona uses it."""

from __future__ import annotations

import contextlib
import threading
import weakref
from typing import Any

import numpy as np
import pytest
import torch

from obs_portrait.face.fomm.live import Live, Pending
from obs_portrait.face.fomm.model import Model
from obs_portrait.face.fomm.networks import Networks, shared
from obs_portrait.face.fomm.transfer import relative, scale
from tests.face.fomm.conftest import CPU, bytes_of, pictures, psnr


@pytest.fixture(scope="module")
def three() -> list[np.ndarray]:
    """Source, reference, driving."""
    return [bytes_of(picture) for picture in pictures(21)]


@pytest.fixture(scope="module")
def live(networks: Networks, three: list[np.ndarray]) -> Live:
    return Live(networks, three[0])


def floats(picture: np.ndarray) -> Any:
    return torch.from_numpy(picture).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("adapt", [True, False])
def test_relative_motion_is_the_exact_networks(
    model: Model, networks: Networks, three: list[np.ndarray], adapt: bool
) -> None:
    source, initial, driving = (floats(picture) for picture in three)
    persona = Live(networks, three[0], adapt_scale=adapt)
    persona.set_reference(three[1])
    drawn = persona(three[2])
    assert drawn.shape == (256, 256, 3)
    assert drawn.dtype == np.uint8
    at = [model.keypoints(image) for image in (source, initial, driving)]
    factor = scale(at[0], at[1]) if adapt else 1.0
    assert abs(scale(at[0], at[1]) - 1) > 0.01  # so that it makes a difference
    wanted = model.generate(source, at[0], relative(at[0], at[1], at[2], factor))
    assert psnr(floats(drawn), wanted) > 50  # bytes have 59 at best


def test_absolute_motion_needs_no_reference(model: Model, networks: Networks, three: list[np.ndarray]) -> None:
    persona = Live(networks, three[0], motion_is_relative=False)
    persona.set_reference(three[1])
    source, driving = floats(three[0]), floats(three[2])
    wanted = model.generate(source, model.keypoints(source), model.keypoints(driving))
    assert psnr(floats(persona(three[2])), wanted) > 50


def test_the_reference_itself_leaves_the_persona_at_rest(live: Live, three: list[np.ndarray]) -> None:
    live.set_reference(None)
    at_rest = live.still().astype(int)
    assert np.abs(live(three[1]) - at_rest).max() <= 1  # the first picture is the reference
    assert np.abs(live(three[2]) - at_rest).max() > 1
    assert np.abs(live(three[1]) - at_rest).max() <= 1


def test_no_state_but_the_reference(live: Live, three: list[np.ndarray]) -> None:
    live.set_reference(three[1])
    first = live(three[2])
    live(three[0])
    again = live(three[2])
    assert np.array_equal(first, again)
    assert not np.shares_memory(first, again)
    before = first.copy()
    again[:] = 0
    assert np.array_equal(first, before)
    assert np.array_equal(live.submit(three[2]).result(), before)


def test_what_comes_in_is_not_written_to(live: Live, three: list[np.ndarray]) -> None:
    locked = three[2].copy()
    locked.flags.writeable = False
    live.set_reference(locked)
    live(locked[:, ::-1])  # not contiguous
    assert np.array_equal(locked, three[2])


def test_personas_share_the_networks_of_a_file(converted: Any) -> None:
    one = shared(converted, CPU, torch.float32)
    assert shared(converted, CPU, torch.float32) is one
    assert shared(converted, CPU, torch.bfloat16) is not one


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here: the CUDA graph is tested where one is")
@pytest.mark.parametrize(("dtype", "bar"), [(torch.float32, 45), (torch.float16, 45), (torch.bfloat16, 40)])
def test_the_cuda_graph_draws_what_the_cpu_draws(
    model: Model, state: Any, live: Live, three: list[np.ndarray], dtype: Any, bar: float
) -> None:
    device = torch.device("cuda")
    on_gpu = Live(Networks(Model(state, CPU, torch.float32), device, dtype), three[0], slots=2)
    assert on_gpu.is_sound(three[0])
    for one in (live, on_gpu):
        one.set_reference(three[1])
    under_way = [on_gpu.submit(picture) for picture in (three[2], three[1])]
    found = [pending.result() for pending in under_way]
    for picture, drawn in zip((three[2], three[1]), found, strict=True):
        assert psnr(floats(drawn), floats(live(picture))) >= bar
    assert np.array_equal(on_gpu(three[2]), found[0])
    on_gpu.close()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here: the CUDA graph is tested where one is")
def test_many_personas_leave_no_gpu_memory_behind_and_disturb_nobody(state: Any, three: list[np.ndarray]) -> None:
    networks = Networks(Model(state, CPU, torch.float32), torch.device("cuda"), torch.float16)
    on_air = Live(networks, three[0])
    on_air.set_reference(three[1])
    wanted, problems = on_air(three[2]), list[BaseException]()

    def prepare() -> None:
        try:
            for _ in range(20):
                Live(networks, three[0]).close()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=prepare) for _ in range(2)]
    prepare()
    held = torch.cuda.memory_allocated()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert np.array_equal(on_air(three[2]), wanted)
    assert problems == []
    assert torch.cuda.memory_allocated() <= held


class StandIn:
    """A `Slot` of the CPU: computes at once, into the same places in every run, and notes what is done to it."""

    def __init__(self, step: Any, side: int) -> None:
        self._step, self.stream, self.runs, self.closed = step, None, 0, False
        self._drawn, self.driving = step(torch.zeros(side, side, 3, dtype=torch.uint8))

    def run(self, picture: np.ndarray) -> Pending:
        self.runs += 1
        drawn, driving = self._step(torch.from_numpy(np.array(picture)))
        self._drawn.copy_(drawn)
        for place, found in zip(self.driving, driving, strict=True):
            place.copy_(found)
        return Pending(self._drawn, None)

    def close(self) -> None:
        self.closed = True


def test_the_way_over_slots_draws_the_same(
    networks: Networks, live: Live, three: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU's logic without a GPU: the reference is measured by the slot itself."""
    over = Live(networks, three[0])
    with torch.inference_mode():
        slots = [StandIn(over._step, 256) for _ in range(2)]
    over._slots = slots  # type: ignore[assignment]
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    for one in (live, over):
        one.set_reference(three[1])
    assert [slot.runs for slot in slots] == [1, 0]
    assert [np.array_equal(over(picture), live(picture)) for picture in (three[2], three[1])] == [True, True]
    assert [slot.runs for slot in slots] == [2, 1]
    over.close()
    assert all(slot.closed for slot in slots)


def test_a_device_that_computes_nonsense_is_found_out(
    networks: Networks, three: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live(networks, three[0])
    assert live.is_sound(three[0])
    monkeypatch.setattr(live, "_draw", lambda driving: torch.full((1, 3, 256, 256), torch.nan))
    assert not live.is_sound(three[0])
    live = Live(networks, three[0])
    with torch.inference_mode():
        live._source.keypoints.value.add_(0.5)  # as if the CPU had found them elsewhere
    assert not live.is_sound(three[0])


def test_a_device_that_draws_something_else_is_found_out(state: Any, three: list[np.ndarray]) -> None:
    """By what the exact networks made of a picture before their decoder was let go."""
    kept = {part: dict(tensors) for part, tensors in state.items()}
    live = Live(Networks(Model(kept, CPU, torch.float32), CPU, torch.float32, tried=True), three[0])
    assert live.is_sound(three[0])
    final = live.networks.decoder.final.conv
    with torch.inference_mode():
        final.bias.fill_(9.0)  # white, whatever comes
    assert not live.is_sound(three[0])


def test_what_is_left_is_freed_at_once(networks: Networks, three: list[np.ndarray]) -> None:
    live = Live(networks, three[0])
    gone = weakref.ref(live)
    del live
    assert gone() is None  # no cycle keeps a GPU's memory until the next collection
