"""A desktop of a test's own: X server, a real tray host, a mouse and a keyboard, and eyes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import mss
import numpy as np
import pytest
from numpy.typing import NDArray

from daemon.tray.drawing import draw
from daemon.tray.gi_door import find_gi, say_how
from daemon.tray.mood import Mood
from tests.daemon.waiting import until
from tests.media.real import display

SIDE = 32
"""Size of icons in the panel."""
PANEL = (217, 217, 217)
"""trayer's colour behind the icons."""
WALL = (48, 48, 48)
"""The screen behind it."""
Picture = NDArray[np.uint8]


@dataclass
class Desktop:
    """name: the DISPLAY. environment: for programs that are to be on it."""

    name: str
    environment: Mapping[str, str]

    @contextlib.contextmanager
    def tray_host(self) -> Iterator[None]:
        """A panel in the upper left corner that shows tray icons."""
        host = subprocess.Popen(
            ["trayer", "--edge", "top", "--align", "left", "--widthtype", "request", "--height", str(SIDE)],
            env=dict(self.environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            until(self._somebody_owns_the_tray, "trayer owns the tray")
            yield
        finally:
            host.terminate()
            host.wait(10)

    def _somebody_owns_the_tray(self) -> bool:
        from Xlib.display import Display

        connection = Display(self.name)
        try:
            return bool(connection.get_selection_owner(connection.intern_atom("_NET_SYSTEM_TRAY_S0")))
        finally:
            connection.close()

    def play(self, *words: str) -> None:
        """xdotool."""
        subprocess.run(["xdotool", *words], check=True, env=dict(self.environment), timeout=20)

    def look(self) -> Picture:
        """The whole screen, (H, W, 3) RGB."""
        with mss.MSS(display=self.name) as eyes:
            shot = eyes.grab(eyes.monitors[0])
            return np.asarray(shot)[:, :, 2::-1].copy()

    def icon(self) -> Picture:
        """Where the first icon of the panel is."""
        return self.look()[:SIDE, :SIDE]

    def open_menu(self) -> None:
        """With the right button on the icon; returns when it is drawn."""
        bare = self.look()[SIDE + 8 :]
        self.play("mousemove", str(SIDE // 2), str(SIDE // 2), "click", "3")
        until(lambda: bool((self.look()[SIDE + 8 :] != bare).any()), "the menu is open")
        self.settle()

    def settle(self) -> Picture:
        """Waits until the screen no longer changes."""
        last = self.look()
        still_since = time.monotonic()
        deadline = still_since + 10
        while time.monotonic() - still_since < 0.12:
            now = self.look()
            if (now != last).any():
                last, still_since = now, time.monotonic()
            assert time.monotonic() < deadline, "the screen stands still"
            time.sleep(0.02)
        return last


def expected(mood: Mood, count: int | None = None) -> Picture:
    """The icon as it is in the panel, within what scaling and the panel's colour change."""
    from PIL import Image

    ground = Image.new("RGBA", (SIDE, SIDE), (*PANEL, 255))
    ground.alpha_composite(draw(mood, SIDE, count))
    return np.asarray(ground.convert("RGB"))


def recognise(picture: Picture, *, colours: bool = True) -> str:
    """Which icon it is: the one that it is most like. Digits of the countdown are "3", "2", "1"; no icon is "".

    colours: False compares what is left in shades of grey.
    """
    choices = {mood.value: expected(mood) for mood in Mood}
    choices |= {str(count): expected(Mood.LIVE, count) for count in (1, 2, 3)}
    choices |= {name: np.full((SIDE, SIDE, 3), ground, np.uint8) for name, ground in (("", PANEL), (" ", WALL))}

    def seen(image: Picture) -> NDArray[np.float64]:
        return image.astype(float) if colours else image.astype(float).mean(2)

    return min(choices, key=lambda name: float(np.abs(seen(choices[name]) - seen(picture)).mean())).strip()


@contextlib.contextmanager
def desktop() -> Iterator[Desktop]:
    """Skips with the reason where a part is missing."""
    if sys.platform != "linux":
        pytest.skip("a tray host is driven under Xvfb, which is Linux only")
    for program in ("trayer", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed; make test installs it as root on Debian")
    if find_gi() is None:
        pytest.skip(say_how())
    from Xlib.display import Display

    with display(800, 600) as (name, _):
        keeper = Display(name)  # when its last client leaves, an X server begins anew
        keeper.screen().root.change_attributes(
            background_pixel=int.from_bytes(WALL, "big")
        )  # what windows leave behind is painted over
        keeper.screen().root.clear_area()
        keeper.sync()
        environment = {
            key: value
            for key, value in os.environ.items()
            if key not in ("WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
        }
        yield Desktop(name, {**environment, "DISPLAY": name, "GTK_THEME": "Adwaita", "NO_AT_BRIDGE": "1"})
        keeper.close()
