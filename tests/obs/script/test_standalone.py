"""What OBS's own Python asks of the files: an old grammar, and nothing but the standard library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "obs_portrait" / "obs" / "script"
FILES = ("obs_portrait_script.py", "obs_portrait_worker.py", "obs_portrait_link.py")
SYSTEM = Path("/usr/bin/python3")


@pytest.mark.parametrize("name", FILES)
def test_python_3_6_can_read_it(name: str) -> None:
    tree = ast.parse((FOLDER / name).read_text("utf-8"), feature_version=(3, 6))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.module != "__future__", "annotations as text came with 3.7"
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert node.value.id not in {"dict", "list", "set", "tuple", "type"}, "builtins take [ ] since 3.9"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            raise AssertionError("X | Y as a type came with 3.10")


@pytest.mark.parametrize("name", FILES)
def test_it_needs_the_standard_library_alone(name: str) -> None:
    found = set()
    for node in ast.walk(ast.parse((FOLDER / name).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    found -= {"obspython", "obs_portrait_link", "obs_portrait_worker"}
    found = {name for name in found if not name.startswith("obs_portrait.")}  # for type checkers and tests only
    assert {module.split(".")[0] for module in found} <= sys.stdlib_module_names


@pytest.mark.skipif(not SYSTEM.exists(), reason="no /usr/bin/python3 here, the Python that OBS loads on Linux")
def test_the_systems_python_loads_them_by_themselves(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import obs_portrait_link as link, obs_portrait_worker\n"
        "try: link.find_endpoint()\n"
        "except link.UnreachableError as error: print(error)"
    )
    done = subprocess.run(
        [SYSTEM, "-I", "-W", "error", "-c", code, str(FOLDER)], capture_output=True, text=True, check=True,
        env={"OBS_PORTRAIT_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout == "OBS Portrait is not running; start it with `obs-portrait run`.\n"
