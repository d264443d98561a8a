"""A display of the tests' own with a keyboard that xdotool plays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.media.real import display


@pytest.fixture(scope="session")
def own_display() -> Iterator[str]:
    """An X server for the tests of this folder."""
    if sys.platform != "linux":
        pytest.skip("X11 is tested on Linux")
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed; make test installs it as root on Debian")
    from Xlib.display import Display

    with display(640, 480) as (name, _):
        keeper = Display(name)  # when its last client leaves, an X server begins anew and refuses some who come then
        yield name
        keeper.close()


@pytest.fixture
def keyboard(own_display: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """`keyboard("key", "ctrl+p")` plays real key events; this process hears them too. No key is left down."""
    monkeypatch.setenv("DISPLAY", own_display)
    for variable in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "XAUTHORITY"):
        monkeypatch.delenv(variable, raising=False)

    def play(*words: str) -> None:
        subprocess.run(["xdotool", *words], check=True, env={**os.environ, "DISPLAY": own_display}, timeout=20)

    yield play
    play("keyup", "1", "keyup", "p", "keyup", "F9", "keyup", "ctrl", "keyup", "shift", "keyup", "alt")
