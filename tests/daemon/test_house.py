"""What holds the house together: who may import what, who may touch the seal, and how light the front door is."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for folder in ("obs_portrait", "daemon") for path in sorted((ROOT / folder).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Every name that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def touches(path: Path, name: str) -> bool:
    """Whether code (not prose) mentions a name, as a variable, an attribute or an import."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and node.id == name:
            return True
        if isinstance(node, ast.Attribute) and node.attr == name:
            return True
        if isinstance(node, ast.alias) and node.name == name:
            return True
    return False


def test_only_the_guard_touches_the_seal() -> None:
    holders = {str(path.relative_to(ROOT)) for path in SOURCES if touches(path, "_SEAL")}
    assert holders == {"obs_portrait/media/types.py", "obs_portrait/pipeline/guard.py"}


def test_gpl_2_and_gpl_3_never_meet() -> None:
    cameras = {str(p.relative_to(ROOT)) for p in SOURCES if any(n.startswith("pyvirtualcam") for n in imported(p))}
    assert cameras == {"obs_portrait/media/sinks/virtualcam.py"}
    obs = [p for p in SOURCES if any(n.startswith("obsws_python") for n in imported(p))]
    assert all(p.is_relative_to(ROOT / "daemon") or p.is_relative_to(ROOT / "obs_portrait" / "obs") for p in obs)


def test_nothing_is_unpickled() -> None:
    for path in SOURCES:
        names = imported(path)
        assert not names & {"pickle", "marshal", "shelve", "dill"}, path


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_the_library_and_asking_for_help_stay_light() -> None:
    heavy = {"cv2", "mediapipe", "numba", "av", "torch", "matplotlib", "sounddevice", "pyvirtualcam"}
    assert not _loaded_by("import obs_portrait") & heavy
    assert not _loaded_by("import daemon.cli") & heavy


def test_profiles_and_the_session_are_known_without_what_draws_and_computes() -> None:
    """The daemon holds no pixel; what would only cost it memory stays in the media processes."""
    loaded = _loaded_by(
        "import daemon.app, daemon.control.server, obs_portrait.pipeline.live.session\n"
        "from obs_portrait.persona import store\n"
        "assert len(store.list_profiles()) >= 3"
    )
    assert not loaded & {"cv2", "numba", "mediapipe", "scipy", "av", "torch", "sounddevice", "pyvirtualcam"}
