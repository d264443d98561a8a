"""Laws that hold for any numbers: exact equivalents, identity motion, hulls."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from obs_portrait.face.fomm.blocks import Residual
from obs_portrait.face.fomm.dense_motion import candidates
from obs_portrait.face.fomm.equivalents import blocked, fold, interleave, quartered
from obs_portrait.face.fomm.geometry import Keypoints, gaussians, grid, inverse, product, warp
from obs_portrait.face.fomm.transfer import hull_area, relative, scale
from obs_portrait.face.fomm.winograd import WinogradResidual

seeds = st.integers(0, 2**31)
sizes = st.integers(1, 9)


def near(one: torch.Tensor, other: torch.Tensor, limit: float = 1e-5) -> bool:
    return one.shape == other.shape and bool((one - other).abs().max() <= limit * (1 + other.abs().max()))


def keypoints(seed: int, count: int = 1) -> Keypoints:
    made = torch.Generator().manual_seed(seed)
    value = torch.rand(count, 10, 2, generator=made) * 1.6 - 0.8
    jacobian = torch.eye(2) + 0.3 * (torch.rand(count, 10, 2, 2, generator=made) - 0.5)
    return Keypoints(value, jacobian)


@settings(deadline=None)
@given(seeds, sizes, sizes, st.integers(1, 3), st.integers(1, 4), st.integers(1, 2))
def test_quarters_of_the_small_picture_are_the_large_one(
    seed: int, height: int, width: int, inputs: int, outputs: int, count: int
) -> None:
    made = torch.Generator().manual_seed(seed)
    x = torch.randn(count, inputs, height, width, generator=made)
    weight = torch.randn(outputs, inputs, 3, 3, generator=made)
    bias = torch.randn(outputs, generator=made)
    plain = nn.functional.conv2d(nn.functional.interpolate(x, scale_factor=2), weight, bias, padding=1)
    small = nn.functional.conv2d(x, quartered(weight), bias.repeat(4), padding=1)
    assert near(interleave(small), plain)


@settings(deadline=None)
@given(seeds, sizes, sizes, st.sampled_from([1, 3, 5, 7]))
def test_blocks_of_four_pixels_are_single_ones(seed: int, rows: int, columns: int, side: int) -> None:
    made = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 2, 2 * rows, 2 * columns, generator=made)
    weight, bias = torch.randn(3, 2, side, side, generator=made), torch.randn(3, generator=made)
    plain = nn.functional.conv2d(x, weight, bias, padding=side // 2)
    at_once = nn.functional.conv2d(x, *blocked(weight, bias), stride=2, padding=side // 2)
    assert near(torch.pixel_shuffle(at_once, 2), plain)


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(1, 5), st.integers(1, 5), st.integers(1, 8))
def test_a_residual_block_by_winograd_is_the_block(seed: int, down: int, across: int, channels: int) -> None:
    torch.manual_seed(seed)
    block = Residual(channels).eval()
    for norm in (block.norm1, block.norm2):
        norm.load_state_dict(
            {name: torch.rand(channels) + 0.2 for name in ("weight", "bias", "running_mean", "running_var")}
            | {"num_batches_tracked": torch.tensor(1)}
        )
    x = torch.randn(1, channels, 4 * down, 4 * across).contiguous(memory_format=torch.channels_last)
    before = x.clone()
    with torch.no_grad():
        quick = WinogradResidual(block)
        for _ in range(2):  # the room of the first call is used again
            assert near(quick(x), block(x), 1e-4)
    assert torch.equal(x, before)


@settings(deadline=None)
@given(seeds)
def test_folding_keeps_what_the_norm_does(seed: int) -> None:
    made = torch.Generator().manual_seed(seed)
    conv, norm = nn.Conv2d(3, 5, 3, padding=1), nn.BatchNorm2d(5).eval()
    for tensor in (conv.weight, conv.bias, norm.weight, norm.bias, norm.running_mean):
        assert tensor is not None
        tensor.data = torch.randn(tensor.shape, generator=made)
    norm.running_var = torch.rand(5, generator=made) + 0.1
    x = torch.randn(1, 3, 6, 7, generator=made)
    with torch.no_grad():
        assert near(nn.functional.conv2d(x, *fold(conv, norm), padding=1), norm(conv(x)), 1e-4)


@settings(deadline=None)
@given(seeds)
def test_who_does_not_move_does_not_move(seed: int) -> None:
    points, driver = keypoints(seed), keypoints(seed + 1)
    assert near(relative(points, driver, driver).value, points.value)
    assert near(relative(points, driver, driver).jacobian, points.jacobian)
    everywhere = grid(8, 8, points.value).expand(1, 11, 8, 8, 2)
    assert near(candidates(points, points, 8, 8), everywhere)


@settings(deadline=None)
@given(seeds)
def test_candidates_take_each_keypoint_to_its_place_in_the_source(seed: int) -> None:
    """To the first order: at the driving keypoint itself the source's is read, and nearby as the Jacobians say."""
    source, driving = keypoints(seed), keypoints(seed + 1)
    flows = candidates(source, driving, 5, 5)[:, 1:]
    at = grid(5, 5, source.value)
    for k in range(10):
        linear = (source.jacobian[0, k] @ torch.linalg.inv(driving.jacobian[0, k])).T
        assert near(flows[0, k], (at - driving.value[0, k]) @ linear + source.value[0, k], 1e-4)


def test_hull_area() -> None:
    corners = torch.tensor([[0.0, 0], [2, 0], [2, 3], [0, 3], [1, 1], [1, 0], [2, 0]])
    assert hull_area(corners) == 6


def test_scale_is_the_ratio_of_sizes() -> None:
    points = keypoints(4)
    smaller = Keypoints(points.value / 2 + 0.1, points.jacobian)
    assert scale(points, smaller) == pytest.approx(2.0, rel=1e-4)
    assert np.isfinite(scale(points, Keypoints(torch.zeros(1, 10, 2), points.jacobian)))


def test_inverse_and_product_are_linear_algebras() -> None:
    matrices = keypoints(9, 3).jacobian
    assert near(inverse(matrices), torch.linalg.inv(matrices), 1e-4)
    assert near(product(matrices, matrices.flip(1)), matrices @ matrices.flip(1))


def test_grid_and_gaussians_count_from_the_middles_of_pixels() -> None:
    at = grid(3, 5, torch.zeros(1))
    assert at[0, 0].tolist() == [-1, -1]
    assert at[1, 2].tolist() == [0, 0]
    assert at[2, 4].tolist() == [1, 1]
    bell = gaussians(torch.zeros(1, 1, 2), at, 0.5)
    assert bell[0, 0, 1, 2] == 1
    assert bell[0, 0, 1, 4] == pytest.approx(float(np.exp(-1)))


def test_warp_reads_zero_outside() -> None:
    ones = torch.ones(1, 1, 4, 4)
    assert not warp(ones, torch.full((1, 2, 2, 2), 5.0)).any()
