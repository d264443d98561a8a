"""The same numbers as the authors' implementation, and as the plain formulation, within the bars of the project."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from obs_portrait.errors import FaceError
from obs_portrait.face.fomm import device, layers
from obs_portrait.face.fomm.device import choose_dtype
from obs_portrait.face.fomm.geometry import Keypoints
from obs_portrait.face.fomm.model import Model
from obs_portrait.face.fomm.networks import Networks
from obs_portrait.face.fomm.transfer import relative, scale
from obs_portrait.face.fomm.weights import State
from tests.face.fomm.conftest import CPU, load_module, pictures, psnr

POINTS = 1e-4
MEAN, MOST = 1e-4, 5e-3


def assert_points(found: Keypoints, value: Any, jacobian: Any) -> None:
    assert np.abs(found.value.numpy() - np.asarray(value)).max() <= POINTS
    assert np.abs(found.jacobian.numpy() - np.asarray(jacobian)).max() <= POINTS


def assert_picture(found: Any, wanted: Any) -> None:
    away = np.abs(found.numpy() - np.asarray(wanted, np.float32))
    assert away.mean() <= MEAN
    assert away.max() <= MOST


def synthetic(parity: Path, seed: int) -> tuple[State, list[Any]]:
    """Weights and pictures of the shared script."""
    script = load_module(parity / "synthetic_checkpoint.py")
    state = {
        part: {name: torch.from_numpy(np.asarray(array)) for name, array in script.state_dict(part, seed).items()}
        for part in ("generator", "kp_detector")
    }
    return state, [torch.from_numpy(image)[None] for image in script.inputs(seed)]


def test_golden_numbers_of_the_authors_implementation(parity: Path, reference_module: ModuleType) -> None:
    state, (source, initial, driving) = synthetic(parity, 0)
    model = Model(state, CPU, torch.float32)
    with np.load(parity / "golden_seed0.npz") as golden:
        at_source, at_initial, at_driving = (model.keypoints(image) for image in (source, initial, driving))
        assert_points(at_source, golden["kp_source_value"], golden["kp_source_jacobian"])
        assert_points(at_driving, golden["kp_driving_value"], golden["kp_driving_jacobian"])
        assert np.abs(at_initial.value.numpy() - golden["kp_initial_value"]).max() <= POINTS
        moved = relative(at_source, at_initial, at_driving, scale(at_source, at_initial))
        assert_points(moved, golden["kp_relative_value"], golden["kp_relative_jacobian"])
        assert_picture(model.generate(source, at_source, moved), golden["prediction_relative"])
        assert_picture(model.generate(source, at_source, at_driving), golden["prediction_absolute"])
        # The formulation that other seeds are compared with is held to the same numbers.
        plain = reference_module.Reference(state["generator"], state["kp_detector"])
        with torch.inference_mode():
            assert_points(Keypoints(*plain.keypoints(driving)), at_driving.value, at_driving.jacobian)
            assert_picture(plain.generate(source, at_source, moved), golden["prediction_relative"])


def test_another_seed_of_the_shared_script_and_the_live_path(parity: Path, reference_module: ModuleType) -> None:
    state, (source, _, driving) = synthetic(parity, 11)
    model = Model(state, CPU, torch.float32)
    plain = reference_module.Reference(state["generator"], state["kp_detector"])
    at_source, at_driving = model.keypoints(source), model.keypoints(driving)
    with torch.inference_mode():
        assert_points(at_source, *plain.keypoints(source))
        wanted = plain.generate(source, at_source, at_driving)
    assert_picture(model.generate(source, at_source, at_driving), wanted)
    for dtype, bar in ((torch.float32, 45), (torch.bfloat16, 40)):
        assert psnr(live(Networks(Model(state, CPU, torch.float32), CPU, dtype), source, driving), wanted) >= bar


def live(networks: Networks, source: Any, driving: Any) -> Any:
    """Absolute motion through the live path's networks."""
    with torch.inference_mode():
        encoded = networks.encode(source)
        found = networks.detector(driving)
        flow, occlusion = networks.motion(encoded.small, encoded.keypoints, found)
        return networks.decoder(encoded.features, flow, occlusion)


def test_invented_weights_without_any_shared_file(model: Model, state: State, reference_module: ModuleType) -> None:
    source, _, driving = pictures(5).split(1)
    plain = reference_module.Reference(state["generator"], state["kp_detector"])
    found = model.keypoints(driving)
    with torch.inference_mode():
        assert_points(found, *plain.keypoints(driving))
        at_source = plain.keypoints(source)
        wanted = plain.generate(source, at_source, found)
    assert wanted.std() > 0.02  # the networks are alive
    assert_picture(model.generate(source, Keypoints(*at_source), found), wanted)


@pytest.mark.parametrize(("dtype", "bar"), [(torch.float32, 60.0), (torch.bfloat16, 40.0)])
def test_live_path_against_the_exact_one(model: Model, state: State, dtype: Any, bar: float) -> None:
    source, _, driving = pictures(6).split(1)
    wanted = model.generate(source, model.keypoints(source), model.keypoints(driving))
    networks = Networks(Model(state, CPU, torch.float32), CPU, dtype)
    assert psnr(live(networks, source, driving), wanted) >= bar


def test_batches_are_their_pictures_one_by_one(model: Model) -> None:
    source, initial, driving = pictures(7).split(1)
    both = torch.cat((initial, driving))
    found = model.keypoints(both)
    assert found.value.shape == (2, 10, 2)
    assert found.jacobian.shape == (2, 10, 2, 2)
    at_source = model.keypoints(torch.cat((source, source)))
    drawn = model.generate(torch.cat((source, source)), at_source, found)
    assert drawn.shape == (2, 3, 256, 256)
    alone = model.generate(source, model.keypoints(source), model.keypoints(driving))
    assert (drawn[1:] - alone).abs().max() < 1e-4


@pytest.mark.parametrize(("dtype", "bar"), [(torch.bfloat16, 40.0), (torch.float16, 45.0)])
def test_the_networks_themselves_in_half_precision(model: Model, state: State, dtype: Any, bar: float) -> None:
    source, _, driving = pictures(6).split(1)
    wanted = model.generate(source, model.keypoints(source), model.keypoints(driving))
    half = Model(state, CPU, choose_dtype(dtype, CPU))
    found = half.generate(source, half.keypoints(source), half.keypoints(driving))
    assert found.dtype is torch.float32
    assert psnr(found, wanted) >= bar


def test_one_source_with_many_drivings_and_the_other_way_round(model: Model) -> None:
    source, initial, driving = pictures(7).split(1)
    at_source, found = model.keypoints(source), model.keypoints(torch.cat((initial, driving)))
    many = model.generate(source, at_source, found)
    assert many.shape == (2, 3, 256, 256)
    twice = model.generate(torch.cat((source, source)), model.keypoints(torch.cat((source, source))), found)
    assert (many - twice).abs().max() < 1e-4
    at_driving = Keypoints(found.value[1:], found.jacobian[1:])
    moved = model.generate(torch.cat((source, initial)), found, at_driving)
    assert (moved[1:] - model.generate(initial, Keypoints(*(p[1:] for p in found)), at_driving)).abs().max() < 1e-4


def test_the_layout_of_what_comes_in_does_not_matter(model: Model) -> None:
    _, _, driving = pictures(7).split(1)
    wanted = model.keypoints(driving)
    backwards = driving.flip(-1).numpy()[..., ::-1]  # an array whose stride is negative
    backwards.flags.writeable = False
    for same in (driving.to(memory_format=torch.channels_last), driving.double(), backwards):
        assert (model.keypoints(same).value - wanted.value).abs().max() <= POINTS


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(3, 256, 256),
        torch.zeros(1, 3, 255, 256),
        torch.zeros(0, 3, 256, 256),
        torch.zeros(1, 256, 256, 3),
        torch.zeros(1, 3, 256, 256, dtype=torch.uint8),
        torch.zeros(1, 3, 256, 256, dtype=torch.complex64),
        np.zeros((1, 3, 256, 256), int),
        "portrait.png",
        None,
    ],
    ids=["single", "size", "none", "channels last", "bytes", "complex", "integers", "text", "nothing"],
)
def test_what_is_no_picture_is_told(model: Model, image: Any) -> None:
    with pytest.raises(FaceError, match=r"^Pictures must be"):
        model.keypoints(image)


def test_what_are_no_keypoints_is_told(model: Model) -> None:
    image, value, jacobian = torch.zeros(2, 3, 256, 256), torch.zeros(2, 10, 2), torch.eye(2).expand(2, 10, 2, 2)
    three = (torch.zeros(3, 10, 2), torch.eye(2).expand(3, 10, 2, 2))
    for wrong, says in (
        ((value[:, :5], jacobian), "Keypoints' values must be float and"),
        ((value, jacobian[..., 0]), "Keypoints' Jacobians must be"),
        ((value.long(), jacobian), "int64"),
        ((value[:1], jacobian), "1 keypoints' values and 2 Jacobians"),
        ((value,), "must be a pair"),
        (None, "must be a pair"),
        (three, "do not fit together"),
    ):
        with pytest.raises(FaceError, match=says):
            model.generate(image, (value, jacobian), wrong)  # type: ignore[arg-type]


def test_a_processor_without_instructions_for_a_dtype_computes_all_the_same(
    monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    down = Model(state, CPU, torch.float32).detector.predictor.encoder.down_blocks[0]
    x = torch.rand(1, 3, 8, 8)
    wanted = down(x)
    monkeypatch.setattr(layers, "_packs", lambda _: False)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        assert (layers.FastDown(down, dtype)(x.to(dtype)).float() - wanted).abs().max() < 0.05
    monkeypatch.setattr(device, "_cpu_has_float16", lambda: False)
    assert choose_dtype("float16", CPU) is torch.float32
    assert choose_dtype("float16", torch.device("cuda")) is torch.float16
    with pytest.raises(FaceError, match="no dtype"):
        choose_dtype(torch.int64, CPU)
