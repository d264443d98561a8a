"""A real OBS for each test module, and a client for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from obs_portrait.obs.address import Address, Secret
from obs_portrait.obs.client import ObsClient
from tests.obs.real_obs import RealObs, why_not


def needs_obs() -> None:
    """Leaves the test out with the reason and the line to type where OBS is not there."""
    reason = why_not()
    if reason is not None:
        pytest.skip(f"real OBS: {reason}")


@pytest.fixture(scope="module")
def obs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealObs]:
    """A running OBS that the tests of one module share."""
    needs_obs()
    with RealObs(tmp_path_factory.mktemp("obs")) as real:
        yield real


@pytest.fixture
def make_obs(tmp_path: Path) -> Iterator[type[RealObs]]:
    """The class, for tests that need an OBS of their own; leaves the test out where there is none."""
    needs_obs()
    yield RealObs


def address_of(obs: RealObs) -> Address:
    """Where that OBS listens, with its password."""
    return Address(port=obs.port, password=Secret(obs.password))


@pytest.fixture
def obs_client(obs: RealObs) -> Iterator[ObsClient]:
    """A client that is connected to `obs`."""
    if obs.pid is None:
        obs.start()
    with ObsClient(address_of(obs)) as client:
        assert client.wait_connected(20), client.problem
        yield client
