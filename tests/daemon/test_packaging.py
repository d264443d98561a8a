"""What an installed copy brings along, and what it must not."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from obs_portrait import __version__, resources

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirement_name(text: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", text.strip())[0].lower().replace("_", "-")


def needed_by_the_base() -> set[str]:
    """Names of everything that the base install brings, as the metadata of what is installed here says."""
    waiting = [requirement_name(text) for text in PROJECT["project"]["dependencies"]]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # for another system
            continue
        waiting += [requirement_name(text) for text in requirements if "extra ==" not in text]
    return found


def test_the_base_install_brings_no_torch() -> None:
    brought = needed_by_the_base()
    assert "mediapipe" in brought
    assert not brought & {"torch", "tensorflow", "onnxruntime"}


def test_both_opencv_packages_have_one_version() -> None:
    pins = dict(re.findall(r'"(opencv-[a-z-]+)==([0-9.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    assert set(pins) == {"opencv-python", "opencv-contrib-python"}
    assert len(set(pins.values())) == 1


def test_every_dependency_is_pinned_in_the_constraints() -> None:
    pinned = {
        requirement_name(line)
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    wanted = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["test"]
    assert not {requirement_name(text) for text in wanted} - pinned


def test_all_files_tell_one_version() -> None:
    assert PROJECT["project"]["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_wheel_carries_profiles_and_catalogue() -> None:
    carried = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert carried == {
        "profiles": "obs_portrait/_data/profiles",
        "checkpoints": "obs_portrait/_data/checkpoints",
    }


def test_an_installed_copy_finds_its_data_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "obs_portrait"
    for name in ("profiles", "checkpoints"):
        (package / "_data" / name).mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", package)
    assert resources.profiles_dir() == package / "_data" / "profiles"
    assert resources.catalog_path() == package / "_data" / "checkpoints" / "catalog.toml"


def test_a_checkout_finds_its_data_beside_the_package() -> None:
    assert resources.profiles_dir() == ROOT / "profiles"
    assert resources.catalog_path().is_file()
    assert (resources.assets_dir() / "performance" / "track.npz").is_file()
