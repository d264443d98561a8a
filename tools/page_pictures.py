"""Makes docs/pictures/page.png and dock.png: the page in Chromium, in front of the daemon that the tests play.

Needs what `sh tools/setup.sh test` installs. Run from the checkout: .venv/bin/python tools/page_pictures.py
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
LARGEST_BYTES = 300_000

sys.path.insert(0, str(ROOT))

from tests.browser.double import Double, PageStage  # noqa: E402 - after the path


def shoot(browser: Browser, double: Double, view: str, size: tuple[int, int], ready: str, out: Path) -> None:
    """One view, without the pointer and without motion."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme="dark", locale="en-GB", reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(double.link())
    page.locator(ready).first.wait_for()
    page.locator(".preview-image").wait_for()
    page.evaluate("view => { location.hash = `#/${view}`; }", view)
    page.locator(ready).first.wait_for()
    page.evaluate("Promise.all([...document.images].map(one => one.decode().catch(() => {})))")
    page.screenshot(path=out)
    context.close()


def smaller(path: Path) -> None:
    """As many colours as fit, so that a page of documentation loads at once."""
    with Image.open(path) as picture:
        picture.convert("RGB").save(path, optimize=True)
    if path.stat().st_size < LARGEST_BYTES:
        return
    for colours in (256, 192, 128, 96, 64):
        with Image.open(path) as picture:
            made = picture.convert("RGB").quantize(colours, dither=Image.Dither.FLOYDSTEINBERG)
        made.save(path, optimize=True)
        if path.stat().st_size < LARGEST_BYTES:
            return
    sys.exit(f"{path} is larger than {LARGEST_BYTES} bytes")


def main() -> None:
    """Writes both pictures."""
    chromium = shutil.which("chromium") or sys.exit("chromium is not here: sh tools/setup.sh test")
    stage = PageStage()
    stage.phase = 1.2
    with tempfile.TemporaryDirectory() as folder, Double(Path(folder) / "run", stage) as double:
        double.somebody_was_here()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            shoot(browser, double, "live", (1280, 700), ".persona img", PICTURES / "page.png")
            shoot(browser, double, "live", (300, 900), ".persona img", PICTURES / "dock.png")
            browser.close()
    for name in ("page.png", "dock.png"):
        smaller(PICTURES / name)
        print(PICTURES / name, (PICTURES / name).stat().st_size)


if __name__ == "__main__":
    main()
