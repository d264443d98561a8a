"""Draws docs/pictures/tray.png: the icon of every state and the open menu, photographed in a real panel.

`.venv/bin/python tools/tray_pictures.py`; needs Xvfb, trayer, xdotool and python3-gi (tools/setup.sh test).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from daemon.control.stage import Persona, Status  # noqa: E402
from daemon.hotkeys import HotkeySettings  # noqa: E402
from daemon.hotkeys.table import compile_table, installed_keys  # noqa: E402
from daemon.tray import Tray  # noqa: E402
from daemon.tray.drawing import draw  # noqa: E402
from daemon.tray.mood import Mood  # noqa: E402
from daemon.tray.words import Words  # noqa: E402
from obs_portrait.persona import store  # noqa: E402
from tests.daemon.control.stand_in import StageStandIn  # noqa: E402
from tests.daemon.tray.desktop import SIDE, Desktop, desktop, recognise  # noqa: E402
from tests.daemon.waiting import until  # noqa: E402

STATES: dict[Mood, tuple[Status, str]] = {
    Mood.LIVE: ({"state": "live"}, "live"),
    Mood.SEARCHING: ({"state": "source lost"}, "searching"),
    Mood.FROZEN: ({"state": "hold"}, "frozen"),
    Mood.PANIC: ({"state": "panic", "panic": True}, "panic"),
    Mood.OFF: ({"state": "off", "off": True}, "off"),
    Mood.REVEALED: ({"state": "revealed"}, "real face!"),
}
SIZES = (64, 32, 22, 16)
LIGHT, DARK = (238, 238, 238), (44, 44, 50)


class Show(StageStandIn):
    """The built-in personas, live in OBS."""

    def __init__(self) -> None:
        super().__init__(*(one.name for one in store.list_profiles() if one.profile is not None))

    def personas(self) -> list[Persona]:
        keys = {key.name: key.hotkey for key in installed_keys()}
        return [{**row, "hotkey": keys[row["name"]]} for row in super().personas()]


def photograph(screen: Desktop) -> tuple[dict[Mood, Image.Image], Image.Image]:
    """Each state's icon in the panel, and the open menu with a submenu."""
    stage = Show()
    table = compile_table(HotkeySettings(clip="ctrl+alt+c"), installed_keys())
    tray = Tray(stage, Words("en"), keys=lambda: table)
    icons = {}
    with screen.tray_host():
        tray.start()
        for mood, (extra, _) in STATES.items():
            stage.extra = extra
            tray.refresh()
            until(lambda mood=mood: recognise(screen.icon()) == mood, f"the icon says {mood}", 20)  # type: ignore[misc]
            icons[mood] = Image.fromarray(screen.icon())
        stage.extra = {}
        tray.refresh()
        until(lambda: recognise(screen.icon()) == Mood.LIVE and "use camera camera:0" in tray.offered, "devices", 20)
        screen.settle()
        screen.open_menu()
        picture = screen.settle()
        rows, columns = (picture != picture[-1, -1]).any(2).nonzero()
        menu = Image.fromarray(picture[: rows.max() + 1, : columns.max() + 1])
        screen.play("key", "Escape")
        tray.stop()
    return icons, menu


def sheet(icons: dict[Mood, Image.Image], menu: Image.Image) -> Image.Image:
    """Icons at every size on a light and on a dark panel, as photographed, and the menu beside them."""
    step, margin = 104, 16
    width = margin * 2 + step * len(STATES) + margin + menu.width
    band = 64 + 32 + 22 + 16 + 3 * 8 + 2 * margin
    picture = Image.new("RGB", (width, max(2 * band + 90, menu.height + 2 * margin)), (255, 255, 255))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=15)
    for row, ground in enumerate((LIGHT, DARK)):
        top = 32 + row * band
        pen.rectangle((margin, top, margin + step * len(STATES), top + band - 8), fill=ground)
        for column, mood in enumerate(STATES):
            left, y = margin + column * step + 20, top + margin
            for size in SIZES:
                icon = draw(mood, size)
                picture.paste(icon, (left, y), icon)
                y += size + 8
    for column, (mood, (_, words)) in enumerate(STATES.items()):
        pen.text((margin + column * step + 20, 8), words, font=font, fill=(0, 0, 0))
        picture.paste(icons[mood], (margin + column * step + 20, 32 + 2 * band + 8))
    pen.text((margin, 32 + 2 * band + 8 + SIDE + 6), "in a panel (trayer)", font=font, fill=(90, 90, 90))
    picture.paste(menu, (width - menu.width - margin // 2, margin))
    return picture


def main() -> None:
    """Writes the picture."""
    with desktop() as screen:
        for name in ("WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
            os.environ.pop(name, None)
        environment: dict[str, Any] = dict(screen.environment)
        os.environ.update({name: environment[name] for name in ("DISPLAY", "GTK_THEME", "NO_AT_BRIDGE")})
        picture = sheet(*photograph(screen))
    target = ROOT / "docs" / "pictures" / "tray.png"
    target.parent.mkdir(exist_ok=True)
    picture.save(target, optimize=True)
    print(f"{target}: {picture.width}x{picture.height}")


if __name__ == "__main__":
    main()
