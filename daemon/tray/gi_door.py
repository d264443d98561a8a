"""PyGObject for a virtual environment: pystray draws menus on Linux with GTK, and PyPI has no built PyGObject.

The system's own copy serves as well, if it was built for this version of Python. Only `gi` is taken from it: whatever
else lies in the system's folder stays out of the environment.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import sysconfig
from pathlib import Path
from typing import Final

__all__ = ["find_gi", "load_gi", "say_how"]

_NUMBER: Final = f"{sys.version_info[0]}.{sys.version_info[1]}"
FOLDERS: Final = (
    Path("/usr/lib/python3/dist-packages"),  # Debian, Ubuntu
    Path(f"/usr/lib64/python{_NUMBER}/site-packages"),  # Fedora, openSUSE
    Path(f"/usr/lib/python{_NUMBER}/site-packages"),  # Arch
)


def find_gi(folders: tuple[Path, ...] = FOLDERS) -> Path | None:
    """The system's folder `gi` that this Python can load, None if there is none."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return next((folder / "gi" for folder in folders if (folder / "gi" / f"_gi{suffix}").is_file()), None)


def load_gi() -> str | None:
    """Makes `import gi` work. Returns None, or why it does not, in one sentence with what to type."""
    if "gi" in sys.modules:
        return None
    if importlib.util.find_spec("gi") is not None:
        return _try("gi")
    folder = find_gi()
    if folder is None:
        return say_how()
    spec = importlib.util.spec_from_file_location(
        "gi", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        return say_how()
    module = importlib.util.module_from_spec(spec)
    sys.modules["gi"] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a library that it was built against is gone, or of another version
        for name in [name for name in sys.modules if name == "gi" or name.startswith("gi.")]:
            del sys.modules[name]
        return f"The system's PyGObject ({folder}) cannot be loaded ({error}); {_command()}"
    return None


def _try(name: str) -> str | None:
    try:
        importlib.import_module(name)
    except Exception as error:
        return f"PyGObject cannot be loaded ({error}); {_command()}"
    return None


def say_how(folders: tuple[Path, ...] = FOLDERS) -> str:
    """Why there is no PyGObject and the one line that brings it."""
    others = sorted(path for folder in folders for path in (folder / "gi").glob("_gi.*.so"))
    if others:
        built = others[0].name.split(".")[1].removeprefix("cpython-").split("-")[0]
        return (
            f"The system's PyGObject is for Python {built[:1]}.{built[1:]} and this environment runs {_NUMBER}; type: "
            "rm -rf .venv && PYTHON=/usr/bin/python3 make"
        )
    return f"PyGObject, with which the tray's menu is drawn, is not installed; {_command()}"


def _command() -> str:
    return "type: sudo apt install python3-gi gir1.2-gtk-3.0 gir1.2-ayatanaappindicator3-0.1 (Debian's names)"


if __name__ == "__main__":  # tools/setup.sh asks
    sys.stdout.write(load_gi() or "")
