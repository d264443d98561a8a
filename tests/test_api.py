"""The library by itself: light to import, and what it exports exists."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import obs_portrait
from obs_portrait import PortraitError, api
from obs_portrait.errors import MediaError, PipelineError, ProfileError


def test_exported_members_exist() -> None:
    for name in obs_portrait.__all__:
        assert getattr(obs_portrait, name) is not None
    assert dir(obs_portrait) == sorted(obs_portrait.__all__)
    with pytest.raises(AttributeError, match="no attribute 'rendre'"):
        _ = obs_portrait.rendre  # type: ignore[attr-defined]
    for name in api.__all__:
        assert hasattr(api, name)


@pytest.mark.parametrize(
    "module",
    [
        path.relative_to(Path(obs_portrait.__file__).parents[1]).with_suffix("").as_posix().replace("/", ".")
        for path in sorted((Path(obs_portrait.__file__).parent / "pipeline").glob("*.py"))
        if path.stem != "__init__"
    ],
)
def test_what_pipeline_modules_export_exists_and_is_documented(module: str) -> None:
    loaded = importlib.import_module(module)
    assert loaded.__doc__
    for name in loaded.__all__:
        found = getattr(loaded, name)
        if inspect.isfunction(found) or inspect.isclass(found):
            assert inspect.getdoc(found), f"{module}.{name} says nothing about itself"


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, obs_portrait, obs_portrait.api;"
        "print([m for m in ('numpy','cv2','mediapipe','numba','av','pydantic','torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    picture = tmp_path / "nobody.png"
    with pytest.raises(PipelineError, match="Give a persona's name or a source picture"):
        obs_portrait.render(picture, out)
    with pytest.raises(MediaError, match="no such file"):
        obs_portrait.render(tmp_path / "nothing.mp4", out, source=picture)
    with pytest.raises(PipelineError, match="named or searched for"):
        obs_portrait.render(picture, out, source=picture, best_frame=1, find_best_frame=True)
    with pytest.raises(ProfileError, match="no persona 'nobody-at-all'"):
        obs_portrait.render(picture, out, persona="nobody-at-all")
    assert not out.exists()
    assert issubclass(MediaError, PortraitError)
