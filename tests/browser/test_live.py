"""The first view: becoming somebody, panic, switches, the reference, the camera; a daemon that goes and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from daemon.telling import hint
from tests.browser.conftest import Visit
from tests.browser.double import Double

ROOT = Path(__file__).resolve().parents[2]


def until(true: Callable[[], bool], limit: float = 15.0) -> None:
    """Waits for a condition."""
    end = time.monotonic() + limit
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_a_card_becomes_the_persona(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    card = there.page.get_by_role("button", name="bronze")
    expect(card).to_have_attribute("aria-pressed", "false")
    expect(card.locator("img")).to_be_visible()
    expect(card.locator("kbd")).to_have_text("ctrl+alt+2")
    card.click()
    expect(card).to_have_attribute("aria-pressed", "true")
    expect(there.page.locator(".stage-name")).to_have_text("bronze")
    expect(there.page.get_by_role("img", name="bronze as it goes out now")).to_be_visible()
    assert ("switch", "bronze") in double.asked


def test_a_persona_that_shows_the_streamer_says_so_before_it_is_chosen(
    visit: Callable[..., Visit], double: Double
) -> None:
    double.stage.more_personas = [
        {"name": "me", "description": "", "ready": True, "on_stage": False, "hotkey": None, "problem": None,
         "reveals": True}
    ]  # fmt: skip
    there = visit()
    expect(there.page.get_by_role("button", name="me Shows you")).to_be_visible()
    expect(there.page.get_by_role("button", name="bronze")).not_to_contain_text("Shows you")


def test_a_refusal_is_told_in_the_daemons_words(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    there.page.get_by_role("button", name="bronze").wait_for()
    double.stage.names.remove("bronze")
    there.page.get_by_role("button", name="bronze").click()
    expect(there.page.locator(".toast[data-tone=bad]")).to_have_text("There is no persona 'bronze'.")


def test_panic_by_button_and_back(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    there.page.get_by_role("button", name="Panic").click()
    expect(there.page.get_by_role("alert").filter(has_text="Card and silence")).to_be_visible()
    expect(there.page.locator(".stage-state")).to_have_text("Panic")
    there.page.get_by_role("button", name="Back to the persona").click()
    expect(there.page.locator(".stage-state")).to_have_text("Live")
    assert [row for row in double.asked if row[0] == "panic"] == [("panic", True), ("panic", False)]


def test_holding_escape_is_panic_also_in_a_field_and_a_short_one_is_not(
    visit: Callable[..., Visit], double: Double
) -> None:
    there = visit()
    there.go("scenes")
    there.page.locator("select").first.focus()
    there.page.keyboard.press("Escape")
    there.page.keyboard.down("Escape")
    for _ in range(3):
        there.page.keyboard.down("Escape")  # as a key that repeats
    expect(there.page.locator(".panic")).to_have_attribute("data-held", "yes")
    until(lambda: ("panic", True) in double.asked)
    there.page.keyboard.up("Escape")
    assert double.asked.count(("panic", True)) == 1
    there.page.keyboard.down("Escape")  # and it never ends one
    expect(there.page.locator(".panic")).to_have_attribute("data-on", "yes")
    expect(there.page.locator(".panic[data-held]")).to_have_count(0)
    assert ("panic", False) not in double.asked


def test_switches_say_what_is_on(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    for name, asked in (("Face", ("face", False)), ("Voice", ("voice", False)), ("Rest", ("off", True))):
        control = there.page.get_by_role("switch", name=name, exact=True)
        before = control.get_attribute("aria-checked")
        control.click()
        expect(control).to_have_attribute("aria-checked", "true" if before == "false" else "false")
        assert asked in double.asked
    expect(there.page.locator(".stage-state")).to_have_text("At rest")


def test_the_reference_frame_is_taken_after_a_countdown(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    expect(there.page.get_by_role("meter", name="Quality now")).to_have_attribute("aria-valuenow", "82")
    expect(there.page.locator("#reference")).to_contain_text("your head is turned by 12°")
    there.page.get_by_role("button", name="Take it anew").click()
    expect(there.page.locator(".countdown")).to_contain_text("straight ahead")
    expect(there.page.locator(".toast[data-tone=good]")).to_contain_text("taken anew")
    assert ("calibrate",) in double.asked
    there.page.get_by_role("button", name="Search a better one").click()
    expect(there.page.locator("#reference")).to_contain_text("best so far 0.87")


def test_the_camera_is_seen_only_while_it_is_asked_for(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    requests: list[str] = []
    there.page.on("request", lambda request: requests.append(f"{request.method} {request.url}"))
    expect(there.page.locator(".camera")).to_be_hidden()
    there.page.get_by_role("button", name="Show my camera").click()
    expect(there.page.locator(".camera img")).to_be_visible()
    expect(there.page.locator(".camera-mark")).to_contain_text("Your real face")
    there.page.get_by_role("button", name="Hide my camera").click()
    expect(there.page.locator(".camera")).to_be_hidden()
    assert there.page.locator(".camera img").get_attribute("src") is None
    until(lambda: ("camera", False) in double.asked)
    seen = len(double.asked)
    there.page.get_by_role("button", name="Show my camera").click()
    expect(there.page.locator(".camera img")).to_be_visible()
    there.go("scenes")  # who leaves the view leaves the camera
    until(lambda: ("camera", False) in double.asked[seen:])
    requests.clear()
    there.go("meters")
    expect(there.page.locator(".plot").first).to_be_visible()
    assert not [request for request in requests if request.startswith("GET") and request.endswith("/preview/camera")]


def test_a_hidden_page_asks_for_no_picture(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    expect(there.page.locator(".preview-image")).to_be_visible()
    asked: list[str] = []
    there.page.evaluate(
        """() => {
          Object.defineProperty(document, "visibilityState", { get: () => "hidden", configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    there.page.on("request", lambda request: asked.append(request.url))
    there.go("meters")  # the page itself goes on
    there.go("live")
    seen = double.stage.looks
    until(lambda: double.stage.looks >= seen + 4)  # about a second: a page that is seen would ask nine times
    there.page.evaluate("null")  # what happened meanwhile is told now
    assert len([url for url in asked if url.endswith("/v1/preview")]) <= 1  # one may have been under way


def test_what_the_daemon_says_is_read_in_chinese_as_far_as_it_is_known(
    visit: Callable[..., Visit], double: Double
) -> None:
    lost = "camera 0 was unplugged or taken away; plug it in again or choose another"
    known = f"{lost}; the persona's stand-in is shown until it is back."
    sentences = [known, "Nobody has ever heard this; do something."]
    double.stage.extra = {"problems": sentences, "hints": [hint(one) for one in sentences]}
    there = visit(locale="zh-CN")
    rows = there.page.locator(".problem")
    expect(rows).to_have_count(2)  # each sentence once
    expect(rows.first).to_contain_text("摄像头 0 已被拔出或移除")
    expect(rows.first).to_contain_text("请重新插好，或选择另一个设备；恢复之前显示形象的替代画面")
    expect(rows.first.locator("p").first).to_have_attribute("lang", "zh")
    expect(rows.last.locator("p").first).to_have_text("Nobody has ever heard this.")
    expect(rows.last.locator("p").first).to_have_attribute("lang", "en")


def test_problems_come_and_go_with_what_to_do(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    expect(there.page.get_by_role("heading", name="What needs you")).to_have_count(0)
    sentence = "The microphone is gone; silence goes out."
    double.stage.extra = {"problems": [sentence], "hints": [{"text": sentence, "fix": "Plug it in again."}]}
    expect(there.page.locator(".problem")).to_have_count(1)
    expect(there.page.locator(".problem")).to_contain_text("Plug it in again.")
    double.stage.extra = {}
    expect(there.page.locator(".problem")).to_have_count(0)


def test_what_a_daemon_does_not_have_is_not_shown(visit: Callable[..., Visit], double: Double) -> None:
    """An older daemon: no switches, no meters, no previews, no rooms."""
    double.stage.absent = {"off", "face_on", "voice_on", "stage_ms", "voice", "quality", "hints"}
    there = visit(signed_in=False)
    there.lacks("/v1/preview", "/v1/clips", "/v1/devices", "/v1/problems", "/v1/landmarks", "/v1/personas/*/picture")
    there.lacks("/v1/settings", "/v1/history")
    there.page.goto(double.link())
    expect(there.page.locator(".monogram").first).to_be_visible()
    expect(there.page.get_by_role("switch")).to_have_count(0)
    expect(there.page.locator(".quality")).to_be_hidden()
    expect(there.page.locator(".preview-nothing")).to_be_visible()
    there.go("clips")
    expect(there.page.locator(".note:visible")).to_contain_text("does not list its clips")
    there.go("meters")  # from what the page sees itself
    expect(there.page.locator(".plot", has_text="Pictures a second")).to_be_visible()
    there.go("settings")
    expect(there.page.locator(".note:visible").first).to_contain_text("from the settings")


_OTHER = """
import sys
from pathlib import Path
from tests.browser.double import Double
with Double(Path(sys.argv[1]), port=int(sys.argv[2])) as double:
    double.somebody_was_here()
    print(double.link(), flush=True)
    sys.stdin.read()
"""


def _start(folder: Path, port: int) -> tuple[subprocess.Popen[str], str]:
    started = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_OTHER), str(folder), str(port)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert started.stdout is not None
    return started, started.stdout.readline().strip()


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_daemon_that_goes_is_told_and_found_again(chromium: Browser, tmp_path: Path, how: str) -> None:
    """SIGKILL, and SIGSTOP: the one closes its sockets, the other keeps them open and says nothing."""
    folder = tmp_path / "run"
    daemon, link = _start(folder, 0)
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    try:
        page.goto(link)
        expect(page.locator(".stage-name")).to_have_text("ada")
        if how == "killed":
            _end(daemon)
            expect(page.get_by_role("alert").filter(has_text="is not running")).to_be_visible()
            assert page.locator(".view[inert]").count() == 1
            daemon, _ = _start(folder, int(link.split(":")[2].split("/")[0]))
        else:
            os.kill(daemon.pid, signal.SIGSTOP)
            expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
            os.kill(daemon.pid, signal.SIGCONT)
        expect(page.locator(".banner.warn").first).to_be_hidden()
        expect(page.locator(".toast")).to_contain_text("is back")
        page.get_by_role("button", name="ink").click()
        expect(page.locator(".stage-name")).to_have_text("ink")
    finally:
        context.close()
        _end(daemon)
