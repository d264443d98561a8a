"""Real Chromium in front of the page, and what all its tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed: type `sh tools/setup.sh test`")

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.double import Double

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SHOTS = os.environ.get("OBS_PORTRAIT_SHOTS")
"""A folder that keeps the screenshots; otherwise they go with pytest's temporary files."""

expect.set_options(timeout=15_000)  # a limit, not a wait: the machine may be busy


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all; it ends before other tests want an event loop of their own."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: type `apt-get install chromium` (or sh tools/setup.sh test)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            # Root may not use the sandbox; containers have a small /dev/shm; nothing here needs a GPU.
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-extensions"],
        )
        yield browser
        browser.close()


@pytest.fixture
def double(tmp_path: Path) -> Iterator[Double]:
    """The daemon that is played."""
    with Double(tmp_path / "run") as made:
        made.somebody_was_here()
        yield made


@dataclass
class Visit:
    """A page that somebody looks at. `faults`: what went wrong in its scripts."""

    page: Page
    context: BrowserContext
    faults: list[str]

    def lacks(self, *paths: str) -> None:
        """The daemon is an older one: it has nothing at these addresses."""
        for path in paths:
            self.page.route(f"**{path}", lambda route: route.fulfill(status=404, json={"error": "Nothing here."}))

    def go(self, view: str) -> None:
        """Opens a view by its link, as somebody would."""
        self.page.evaluate("view => { location.hash = `#/${view}`; }", view)
        expect(self.page.locator(f".body[data-view={view}]")).to_be_attached()


@pytest.fixture
def visit(chromium: Browser, double: Double) -> Iterator[Callable[..., Visit]]:
    """Opens a page, signed in if `signed_in`; every fault of its scripts fails the test at the end."""
    made: list[Visit] = []

    def open_page(
        width: int = 1280, height: int = 860, *, signed_in: bool = True, at: str | None = None, **options: Any
    ) -> Visit:
        options = {"locale": "en-GB", "color_scheme": "dark", **options}
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        one = Visit(page, context, faults)
        made.append(one)
        page.goto(double.link() if signed_in and at is None else (at or double.url))
        if signed_in:
            expect(page.locator(".pill").first).to_be_visible()
        return one

    yield open_page
    found = [fault for one in made for fault in one.faults]
    for one in made:
        one.context.close()
    assert not found


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go."""
    folder = Path(SHOTS) if SHOTS else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
