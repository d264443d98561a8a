"""Where no tray is, that is said, with what to do; pystray itself would claim to be visible."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from daemon.tray import tray_available
from daemon.tray.gi_door import find_gi, say_how
from tests.daemon.tray.desktop import Desktop

linux = pytest.mark.skipif(sys.platform != "linux", reason="trays differ on Linux only")


@linux
def test_without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    found = tray_available()
    assert not found
    assert found.sentence.startswith("There is no display")
    assert "obs-portrait dock" in found.sentence


@linux
@pytest.mark.real
def test_a_display_with_and_without_a_panel(on_screen: Desktop) -> None:
    found = tray_available()
    assert not found
    assert "AppIndicator" in found.sentence
    with on_screen.tray_host():
        found = tray_available()
        assert (found.backend, found.sentence) == ("gtk", "an X11 tray is there")


@linux
@pytest.mark.real
def test_a_display_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    assert not tray_available()


def test_gi_is_borrowed_only_if_it_was_built_for_this_python(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    for folder, suffix in ((right, sysconfig.get_config_var("EXT_SUFFIX")), (wrong, ".cpython-39-x86_64-linux-gnu.so")):
        (folder / "gi").mkdir(parents=True)
        (folder / "gi" / f"_gi{suffix}").touch()
    assert find_gi((tmp_path / "nowhere", wrong)) is None
    assert find_gi((wrong, right)) == right / "gi"
    assert "for Python 3.9" in say_how((wrong,))
    assert "PYTHON=/usr/bin/python3 make" in say_how((wrong,))
    assert "sudo apt install python3-gi" in say_how((tmp_path / "nowhere",))


@linux
@pytest.mark.skipif(find_gi() is None, reason=say_how())
def test_only_gi_is_taken_from_the_system() -> None:
    program = (
        "import sys; from daemon.tray.gi_door import load_gi; print(load_gi()); from gi.repository import GLib;"
        "print([path for path in sys.path if 'dist-packages' in path])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
    )  # fmt: skip
    assert done.stdout.split() == ["None", "[]"]
