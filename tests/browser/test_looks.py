"""How the page looks and reads everywhere: screenshots of every view, axe-core's judgement, and the keyboard alone.

OBS_PORTRAIT_SHOTS names a folder that keeps the screenshots.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.double import PROFILES, Double

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe: type `sh tools/setup.sh test`")

VIEWS = {
    "live": ".persona img",
    "meters": ".plot-line[d]",
    "scenes": ".scene-row",
    "clips": ".clip img",
    "newcomer": ".drop",
    "settings": ".schema-section",
}
LOOKS = [(300, "dark", "en"), (1280, "light", "zh"), (300, "light", "zh"), (1280, "dark", "en")]
JUDGED = LOOKS[:2]
"""Those that axe looks at: both widths, both schemes, both languages."""


def judged(page: Page, where: str) -> None:
    """axe finds nothing serious or critical."""
    results = axe.Axe().run(page).response
    grave = [
        f"{where}: {fault['id']} ({fault['impact']}): {node['html'][:160]} {node['failureSummary'][:300]}"
        for fault in results["violations"]
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]
    assert results["passes"], "axe did not look"
    assert not grave, "\n".join(grave)


def test_axe_finds_what_is_planted(visit: Callable[..., Visit]) -> None:
    """Its word counts only if it can say no."""
    there = visit()
    there.page.evaluate(
        """() => {
          const bare = document.createElement("button");
          const faint = Object.assign(document.createElement("p"), {textContent: "faint"});
          faint.style.color = "#333";
          document.querySelector("#view").append(bare, faint);
        }"""
    )
    with pytest.raises(AssertionError, match=r"(?s)button-name.*color-contrast|color-contrast.*button-name"):
        judged(there.page, "planted")


def fits(page: Page) -> None:
    """Nothing sticks out to the side."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


@pytest.mark.parametrize(("width", "scheme", "language"), LOOKS)
def test_every_view_in_every_look(
    visit: Callable[..., Visit], double: Double, shots: Path, width: int, scheme: str, language: str
) -> None:
    double.stage.phase = 3.0
    double.stage.extra = {
        "problems": ["OBS is not reached; the show goes on."],
        "hints": [
            {"text": "OBS is not reached; the show goes on.", "fix": "Start OBS, or enable its WebSocket server."}
        ],
    }
    there = visit(
        width=width, color_scheme=scheme, locale={"zh": "zh-CN", "en": "en-GB"}[language], reduced_motion="reduce"
    )
    for view, ready in VIEWS.items():
        there.go(view)
        expect(there.page.locator(ready).first).to_be_visible()
        if view == "settings":
            there.page.locator(".schema-section > summary").first.click()
        there.page.screenshot(path=shots / f"{view}-{width}-{scheme}-{language}.png", full_page=True)
        fits(there.page)
        if (width, scheme, language) in JUDGED:
            judged(there.page, f"{view} {width} {scheme} {language}")


@pytest.mark.parametrize(("width", "scheme"), [(300, "dark"), (1280, "light")])
def test_what_is_open_over_the_page(
    visit: Callable[..., Visit], double: Double, shots: Path, width: int, scheme: str
) -> None:
    """Panic, the camera, the landmark editor, a clip, the assistant, the door."""
    there = visit(width=width, color_scheme=scheme, reduced_motion="reduce")
    page = there.page

    def look(name: str) -> None:
        page.screenshot(path=shots / f"{name}-{width}-{scheme}-en.png", full_page=page.locator("dialog").count() == 0)
        fits(page)
        judged(page, f"{name} {width} {scheme}")

    page.get_by_role("button", name="Show my camera").click()
    expect(page.locator(".camera img")).to_be_visible()
    look("camera")
    page.get_by_role("button", name="Panic").click()
    expect(page.locator(".banner.alarm")).to_be_visible()
    look("panic")
    page.get_by_role("button", name="Back to the persona").click()
    there.go("newcomer")
    page.locator("#newcomer-file").set_input_files(PROFILES / "nova" / "portrait.png")
    expect(page.locator(".handle").first).to_be_visible()
    look("landmarks")
    there.go("clips")
    page.locator(".clip-open").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    look("trim")
    page.keyboard.press("Escape")
    there.go("settings")
    page.get_by_role("button", name="Set-up assistant").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    look("assistant")
    for _ in range(3):
        page.get_by_role("dialog").get_by_role("button", name="Next").click()
    expect(page.get_by_role("dialog").locator(".persona img").first).to_be_visible()
    look("assistant-persona")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    look("door")


def test_a_daemon_that_is_gone_is_seen_at_once(visit: Callable[..., Visit], double: Double, shots: Path) -> None:
    there = visit(width=300)
    double.server.stop()
    expect(there.page.get_by_role("alert").filter(has_text="is not running")).to_be_visible()
    there.page.screenshot(path=shots / "gone-300-dark-en.png")
    judged(there.page, "gone")


_FOCUSED = """() => {
  const now = document.activeElement;
  const ring = getComputedStyle(now);
  const box = now.getBoundingClientRect();
  return {
    what: now.getAttribute("aria-label") ?? now.textContent.trim().slice(0, 40),
    tag: now.localName, shown: box.width > 0 && box.height > 0,
    ring: ring.outlineStyle !== "none" && parseFloat(ring.outlineWidth) > 0,
  };
}"""


def test_the_keyboard_alone_is_enough(visit: Callable[..., Visit], double: Double) -> None:
    """From the top of the page by Tab: every stop is visible, has a ring and a name; and things get done."""
    there = visit(width=1280)
    page = there.page
    expect(page.locator(".persona img").first).to_be_visible()
    stops = []
    for _ in range(60):
        page.keyboard.press("Tab")
        now = page.evaluate(_FOCUSED)
        if now["tag"] == "body":
            break
        assert now["what"], now
        assert now["shown"], now
        assert now["ring"], now
        stops.append(now["what"])
    assert stops[0] == "Skip to the content"
    order = [next(at for at, stop in enumerate(stops) if stop.startswith(part)) for part in (
        "Skip", "Live", "Settings", "Panic", "Face", "Save clip", "ada", "bronze", "Take it anew", "Show my camera",
    )]  # fmt: skip
    assert order == sorted(order)
    assert len(stops) == len(set(stops))

    page.locator("body").press("Tab")
    page.keyboard.press("Enter")  # skips to the content
    expect(page.locator("#view")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator(".stage-name")).to_have_text("bronze")
    page.get_by_role("link", name="Clips").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".clip").first).to_be_visible()
    expect(page.locator("#view")).to_be_focused()
    page.locator(".clip-open").first.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    for _ in range(14):  # round and round: the focus does not leave
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".clip-open").first).to_be_focused()
    assert ("panic", True) not in double.asked


def test_changes_are_spoken(visit: Callable[..., Visit], double: Double) -> None:
    """What changes by itself stands in live regions, and only once."""
    there = visit()
    page = there.page
    live = page.locator("[role=status], [role=alert], [aria-live]")
    double.stage.extra = {"state": "portrait"}
    expect(live.filter(has_text="Searching for your face")).to_have_count(1)
    double.stage.extra = {"problems": ["The disk is full."]}
    expect(live.filter(has_text="The disk is full.")).to_have_count(1)


def test_less_motion_is_asked_for_and_given(visit: Callable[..., Visit]) -> None:
    there = visit(reduced_motion="reduce")
    expect(there.page.locator(".preview-image")).to_be_visible()
    asked: list[str] = []
    there.page.on("request", lambda request: asked.append(request.url))
    with there.page.expect_request("**/v1/preview"):
        pass
    with there.page.expect_request("**/v1/preview"):
        pass
    moving = there.page.evaluate(
        "document.getAnimations().filter(one => one.effect.getComputedTiming().duration > 50).length"
    )
    assert moving == 0
