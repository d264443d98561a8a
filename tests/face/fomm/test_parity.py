"""The same numbers as the authors' implementation, and as the plain formulation, within the bars of the project."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

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
