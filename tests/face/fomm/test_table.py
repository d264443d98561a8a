"""The table of names is the one of real checkpoints, and of the networks."""

from __future__ import annotations

import ast

import pytest
import torch

from obs_portrait.face.fomm.detector import KeypointDetector
from obs_portrait.face.fomm.generator import Generator
from obs_portrait.face.fomm.table import PARTS, tensors
from tests.conftest import SHARED

NETWORKS = {"generator": Generator, "kp_detector": KeypointDetector}


@pytest.mark.parametrize("part", PARTS)
def test_the_networks_have_exactly_these_tensors(part: str) -> None:
    with torch.device("meta"):
        network = NETWORKS[part]()
    assert {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()} == tensors(part)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("family", ["vox-256", "vox-adv-256"])
def test_real_checkpoints_have_exactly_these_tensors(part: str, family: str) -> None:
    listing = SHARED.parent / "formats" / f"fomm_{family}_{part}.tsv"
    if not listing.is_file():
        pytest.skip("no ../shared/formats beside this checkout: the table is compared with the networks alone")
    rows = [line.split("\t")[:2] for line in listing.read_text().splitlines()]
    assert {name: ast.literal_eval(shape) for name, shape in rows} == tensors(part)


def test_how_much_there_is() -> None:
    numbers = {part: sum(torch.Size(shape).numel() for shape in tensors(part).values()) for part in PARTS}
    assert 45_000_000 < numbers["generator"] < 46_000_000
    assert 14_000_000 < numbers["kp_detector"] < 15_000_000
