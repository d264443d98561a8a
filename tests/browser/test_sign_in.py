"""How a browser comes in, stays in, and goes."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visit
from tests.browser.double import Double


def test_a_link_signs_in_and_leaves_no_secret_in_the_address(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    assert there.page.url == f"{double.url}/"
    (cookie,) = there.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert cookie["path"] == "/v1"
    assert cookie["expires"] > 0
    assert there.page.evaluate("document.cookie") == ""
    kept = there.page.evaluate("JSON.stringify(localStorage)")
    assert cookie["value"] not in kept
    assert double.server._token not in kept + there.page.content()


def test_without_a_link_there_is_a_door_and_nothing_is_asked(visit: Callable[..., Visit], double: Double) -> None:
    there = visit(signed_in=False)
    expect(there.page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(there.page.get_by_role("navigation")).to_have_count(0)
    there.page.get_by_label("One-time code").fill("WRNG-WRNG-WRNG")
    there.page.get_by_role("button", name="Sign in").click()
    expect(there.page.get_by_role("alert")).to_contain_text("obs-portrait dock")
    code = double.link().partition("#")[2]
    there.page.get_by_label("One-time code").fill(code.lower().replace("-", ""))
    there.page.get_by_role("button", name="Sign in").click()
    expect(there.page.locator(".stage-name")).to_have_text("ada")


def test_a_whole_link_may_be_pasted_as_the_code(visit: Callable[..., Visit], double: Double) -> None:
    there = visit(signed_in=False)
    there.page.get_by_label("One-time code").fill(double.link())
    there.page.keyboard.press("Enter")
    expect(there.page.locator(".stage-name")).to_have_text("ada")


def test_a_code_works_once(visit: Callable[..., Visit], double: Double) -> None:
    link = double.link()
    visit(at=link)
    second = visit(at=link, signed_in=False)
    expect(second.page.get_by_role("alert")).to_contain_text("used")


def test_a_dock_stays_signed_in_when_the_daemon_starts_again(chromium: Browser, tmp_path: Path) -> None:
    """A dock's address keeps its old code for ever: it must not disturb."""
    context = chromium.new_context()
    page = context.new_page()
    with Double(tmp_path / "run") as first:
        link, port = first.link(), first.server.port
        page.goto(link)
        expect(page.locator(".stage-name")).to_have_text("ada")
    kept = tmp_path / "run" / "pages.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    (cookie,) = context.cookies()
    assert cookie["value"] not in kept.read_text("utf-8")
    assert all(re.fullmatch("[0-9a-f]{64}", row["cookie"]) for row in json.loads(kept.read_text("utf-8"))["pages"])
    with Double(tmp_path / "run", port=port):
        page.close()
        page = context.new_page()
        page.goto(link)
        expect(page.locator(".stage-name")).to_have_text("ada")
        assert page.url == f"http://127.0.0.1:{port}/"
    context.close()


def test_the_first_sign_in_of_all_opens_the_assistant(chromium: Browser, tmp_path: Path) -> None:
    context = chromium.new_context()
    page = context.new_page()
    with Double(tmp_path / "run") as fresh:
        page.goto(fresh.link())
        expect(page.get_by_role("dialog", name="Set-up")).to_be_visible()
    context.close()


def test_signing_out_ends_it_on_the_daemons_side_too(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    (cookie,) = there.context.cookies()
    there.go("settings")
    there.page.get_by_role("button", name="Sign out").click()
    there.page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    expect(there.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert there.context.cookies() == []
    assert double.server._sessions is not None
    assert not double.server._sessions.knows(cookie["value"])


def test_who_is_signed_out_hears_nothing_more(visit: Callable[..., Visit], double: Double) -> None:
    """A page that asks for nothing itself, a hidden one for instance, still has its WebSocket."""
    there = visit()
    expect(there.page.locator(".stage-name")).to_have_text("ada")
    there.page.route("**/v1/**", lambda route: route.abort())  # it asks for nothing that arrives
    assert double.server._sessions is not None
    double.server._sessions.leave_all()
    expect(there.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_session_that_was_ended_elsewhere_leads_to_the_door(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    assert double.server._sessions is not None
    double.server._sessions.leave_all()
    expect(there.page.get_by_role("heading", name="Sign in")).to_be_visible()  # the next preview was refused
    expect(there.page.locator(".app")).to_be_hidden()
