"""Tools > Scripts of a real OBS 29, used as a person does: with keys and mouse, at the places of its own layout."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.obs.real_obs import RealObs, until

__all__ = ["ScriptsDialog"]

_SIZE = (1100, 790)
_SCRIPT = (60, 67)
_DEFAULTS = (290, 707)
_BUTTON_X, _LIST_X = 640, 1045
_ROWS = {
    "refresh": 188, "persona": 231, "become": 274, "calibrate": 318, "search": 362, "clip": 406, "panic": 450,
    "panic_off": 494,
}  # fmt: skip
_FIRST_SCENE, _SCENE_STEP = 578, 42


class ScriptsDialog:
    """The dialog, with our script chosen in its list."""

    def __init__(self, obs: RealObs) -> None:
        self._obs = obs
        until(lambda: bool(self._windows("OBS ")), 20, "OBS's window is there")
        main = self._windows("OBS ")[0]
        self._do("windowsize", main, "1180", "760")
        self._do("windowfocus", main)
        self._do("key", "alt+t")
        for key in ("Up", "Up", "Return"):  # the last but one entry of the menu
            self._do("key", "--delay", "150", key)
        until(lambda: bool(self._windows("^Scripts$")), 10, "the dialog is there")
        self._window = self._windows("^Scripts$")[0]
        self._do("windowsize", self._window, str(_SIZE[0]), str(_SIZE[1]))
        self._do("windowmove", self._window, "0", "0")
        self._do("windowfocus", self._window)
        until(self._in_place, 10, "the dialog has its place and size")
        self._drawn()
        self.click(*_SCRIPT)
        # A busy OBS answers late: a picture that stands still may be the one from before the click.
        until(self._shows_buttons, 10, "the script's page is there")
        self._drawn()

    def _do(self, *words: str) -> str:
        command = ["xdotool", *words]  # a search that finds nothing ends with 1
        return subprocess.run(
            command, env=self._obs.env, capture_output=True, text=True, timeout=20, check=False
        ).stdout

    def _windows(self, name: str) -> list[str]:
        return self._do("search", "--onlyvisible", "--name", name).split()

    def _in_place(self) -> bool:
        told = dict(line.split("=") for line in self._do("getwindowgeometry", "--shell", self._window).split())
        return [told.get(name) for name in ("X", "Y", "WIDTH", "HEIGHT")] == ["0", "0", *map(str, _SIZE)]

    def _look(self, x: int = 0, y: int = 0, size: tuple[int, int] = _SIZE) -> bytes:
        """BGRA pixels of a rectangle of the dialog."""
        import mss

        with mss.MSS(display=self._obs.env["DISPLAY"]) as display:
            return bytes(display.grab({"left": x, "top": y, "width": size[0], "height": size[1]}).raw)

    def _shows_buttons(self) -> bool:
        """Something is drawn where the page's buttons are; without a page that place has one colour."""
        top, bottom = _ROWS["refresh"], _ROWS["panic_off"]
        pixels = self._look(_BUTTON_X - 100, top, (200, bottom - top))
        return pixels != pixels[:4] * (len(pixels) // 4)

    def _drawn(self) -> None:
        """Waits until ten looks at the dialog in a row, 20 ms apart, show the same."""
        looks: list[bytes] = []

        def same() -> bool:
            looks.append(self._look())
            return len(looks) >= 10 and len(set(looks[-10:])) == 1

        until(same, 10, "the dialog is drawn")

    def click(self, x: int, y: int) -> None:
        """The left button there."""
        self._do("mousemove", str(x), str(y))
        self._do("click", "1")

    def press(self, button: str) -> None:
        """A button by the name that the script gives it, or OBS's own "defaults"."""
        self.click(*(_DEFAULTS if button == "defaults" else (_BUTTON_X, _ROWS[button])))
        self._drawn()

    def choose(self, row: int, down: int) -> None:
        """In the list of the scene in this row (0 is the first) goes `down` entries further."""
        self.click(_LIST_X, _FIRST_SCENE + row * _SCENE_STEP)
        for key in (*["Down"] * down, "Return"):
            self._drawn()
            self._do("key", key)
        self._drawn()

    def picture(self, path: Path) -> Path:
        """A PNG of the dialog."""
        size = f"{_SIZE[0]}x{_SIZE[1]}+0+0"
        subprocess.run(
            ["import", "-window", "root", "-crop", size, "+repage", str(path)], env=self._obs.env, check=True
        )
        return path

    def close(self) -> None:
        """Escape."""
        self._do("windowfocus", self._window)
        self._do("key", "Escape")
        until(lambda: not self._windows("^Scripts$"), 10, "the dialog is closed")
