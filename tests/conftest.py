"""What all tests share."""

from __future__ import annotations

import gc
import os

# Before numpy, OpenCV or MediaPipe load: on few cores oversubscription costs ten times the work.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import tempfile  # noqa: E402 - after the variables above
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

# How long an example takes says something about the machine, which is shared, and nothing about a law. A gate gives the
# same answer twice, so it tries the same examples each time; OBS_PORTRAIT_HUNT=N tries N others of each law.
_HUNT = int(os.environ.get("OBS_PORTRAIT_HUNT", "0"))
settings.register_profile(
    "house",
    deadline=None,
    derandomize=not _HUNT,
    max_examples=_HUNT or 100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")

# Tests never meet the settings, the daemon or the OBS of whoever runs them.
_OWN = tempfile.TemporaryDirectory(prefix="obs-portrait-tests-")
for _variable, _folder in (("OBS_PORTRAIT_CONFIG_DIR", "config"), ("OBS_PORTRAIT_RUNTIME_DIR", "runtime")):
    os.environ[_variable] = str(Path(_OWN.name) / _folder)
os.environ["XDG_CONFIG_HOME"] = str(Path(_OWN.name) / "xdg")


@pytest.fixture(scope="module", autouse=True)
def _light_collections() -> Iterator[None]:
    """What earlier modules left is not looked through again: late in a run a full collection would hold up every thread
    for longer than the servers and clients among them wait."""
    yield
    gc.collect()
    gc.freeze()


SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings beside the checkout; they are not part of the project and may be absent."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared/data beside this checkout: real recordings are left out, the bundled ones are used")
    return SHARED
