"""The page in front of the daemon as it is: the bundled performance played, the persona seen in the browser."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).resolve().parents[2]
_PIXELS = """async () => {
  const image = document.querySelector(".preview-image");
  if (image.hidden || !image.src) return null;
  await image.decode().catch(() => {});
  const canvas = Object.assign(document.createElement("canvas"), {width: 16, height: 16});
  const draw = canvas.getContext("2d");
  draw.drawImage(image, 0, 0, 16, 16);
  return [...draw.getImageData(0, 0, 16, 16).data];
}"""


@pytest.fixture
def link(tmp_path: Path) -> Iterator[str]:
    """Of a daemon that plays, with settings of its own."""
    own = {name: str(tmp_path / name) for name in ("OBS_PORTRAIT_RUNTIME_DIR", "OBS_PORTRAIT_CONFIG_DIR")}
    environment = {**os.environ, **own, "OMP_NUM_THREADS": "1"}
    environment.pop("DISPLAY", None)
    command = [sys.executable, "-m", "daemon.cli"]
    said = tmp_path / "said.txt"
    with said.open("w") as out:
        daemon = subprocess.Popen(
            [*command, "run", "--source", "performance", "--loop", "--audio", "performance", "--audio-sink", "null",
             "--sink", "null", "--persona", "ada", "--persona", "bronze", "--no-obs"],
            cwd=ROOT, env=environment, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while True:
            asked = subprocess.run(
                [*command, "dock", "--json"], env=environment, cwd=ROOT, capture_output=True, check=False
            )
            if asked.returncode == 0:
                break
            assert daemon.poll() is None, said.read_text()
            assert time.monotonic() < end, said.read_text()
        yield json.loads(asked.stdout)["url"]
    finally:
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(30)
        finally:
            daemon.kill()
            daemon.wait()


def preview(page: Page) -> list[int]:
    """The preview, as 16 x 16 pixels."""
    end = time.monotonic() + 60
    while (seen := page.evaluate(_PIXELS)) is None:
        assert time.monotonic() < end, "no preview came"
        page.wait_for_timeout(50)
    return list(seen)


def differs(page: Page, before: list[int], much: float) -> None:
    """Waits until the preview is another picture."""
    end = time.monotonic() + 60
    while sum(abs(one - other) for one, other in zip(preview(page), before, strict=True)) / len(before) < much:
        assert time.monotonic() < end, "the preview stays as it is"
        page.wait_for_timeout(50)


@pytest.mark.slow
def test_the_persona_is_seen_moves_and_becomes_another(chromium: Browser, link: str, shots: Path) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB", color_scheme="dark")
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        page.goto(link)
        expect(page.get_by_role("dialog", name="Set-up")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(".stage-state")).to_have_text("Live", timeout=60_000)
        expect(page.locator(".persona img").first).to_be_visible(timeout=60_000)
        ada = preview(page)
        differs(page, ada, 0.2)  # it moves

        page.get_by_role("button", name="bronze").click()
        expect(page.locator(".stage-name")).to_have_text("bronze")
        differs(page, ada, 15)
        bronze = preview(page)

        page.get_by_role("button", name="Show my camera").click()
        expect(page.locator(".camera img")).to_be_visible(timeout=60_000)
        expect(page.get_by_role("meter", name="Quality now")).to_be_visible()
        page.screenshot(path=shots / "real-daemon.png")
        page.get_by_role("button", name="Hide my camera").click()

        page.get_by_role("button", name="Panic").click()
        expect(page.locator(".stage-state")).to_have_text("Panic")
        differs(page, bronze, 15)  # the card
        page.get_by_role("button", name="Back to the persona").click()
        expect(page.locator(".stage-state")).to_have_text("Live")

        page.get_by_role("link", name="Meters").click()
        expect(page.get_by_role("meter", name="Drawing the persona")).to_be_visible()
        page.get_by_role("link", name="Settings").click()
        expect(page.get_by_label("Camera", exact=True)).to_have_value("performance", timeout=30_000)
        expect(page.locator(".schema-section").first).to_be_visible()
    finally:
        context.close()
    assert not faults
