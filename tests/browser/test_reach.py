"""Panic and messages are in reach whatever is open, and what the page says of the daemon is true."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from obs_portrait.errors import ControlError
from tests.browser.conftest import Visit
from tests.browser.double import Double
from tests.browser.test_live import until

DIALOGS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "trim": ("clips", lambda page: page.locator(".clip-open").first.click()),
    "assistant": ("settings", lambda page: page.get_by_role("button", name="Set-up assistant").click()),
    "question": ("clips", lambda page: page.get_by_role("button", name="Delete 2026-11-23 20-12-55.mkv").click()),
}

_ON_TOP = """element => {
  const box = element.getBoundingClientRect();
  const there = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return element.contains(there);
}"""


@pytest.mark.parametrize("width", [300, 1280])
@pytest.mark.parametrize("which", DIALOGS)
def test_panic_and_messages_are_in_reach_over_a_dialog(
    visit: Callable[..., Visit], double: Double, which: str, width: int
) -> None:
    there = visit(width=width)
    page = there.page
    view, open_it = DIALOGS[which]
    there.go(view)
    open_it(page)
    dialog = page.get_by_role("dialog")
    panic = dialog.get_by_role("button", name="Panic")
    expect(panic).to_be_in_viewport(ratio=1)
    panic.click()
    until(lambda: ("panic", True) in double.asked)
    expect(dialog.get_by_role("button", name="End panic")).to_be_visible()
    expect(dialog).to_have_count(1)  # it did not close

    double.stage.panic = _refuse  # type: ignore[method-assign]
    dialog.get_by_role("button", name="End panic").click()
    toast = dialog.get_by_role("status").locator(".toast[data-tone=bad]")
    expect(toast).to_have_text("Not now.")
    assert toast.evaluate(_ON_TOP)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".app > .toasts .toast")).to_have_text("Not now.")  # the region is where it was


def _refuse(on: bool) -> None:
    raise ControlError("Not now.")


def test_who_is_signed_out_finds_the_door_and_no_dialog(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    there.go("settings")
    there.page.get_by_role("button", name="Set-up assistant").click()
    expect(there.page.get_by_role("dialog")).to_be_visible()
    assert double.server._sessions is not None
    double.server._sessions.leave_all()
    expect(there.page.get_by_role("dialog")).to_have_count(0)
    there.page.get_by_label("One-time code").click()


def test_panic_is_alive_when_the_daemon_seems_gone(visit: Callable[..., Visit], double: Double) -> None:
    """What the page believes may be wrong: the button is tried all the same."""
    there = visit()
    double.server.stop()
    expect(there.page.get_by_role("alert").filter(has_text="is not running")).to_be_visible()
    expect(there.page.locator("[inert] .panic, .panic[inert]")).to_have_count(0)
    expect(there.page.locator(".view[inert]")).to_have_count(1)
    expect(there.page.locator(".switches[inert]")).to_have_count(1)
    with there.page.expect_request("**/v1/panic"):
        there.page.get_by_role("button", name="Panic").click()
    expect(there.page.locator(".toast[data-tone=bad]")).to_contain_text("did not answer")


@pytest.mark.parametrize("status", [200, 429, 503])
def test_a_daemon_that_answers_but_tells_nothing_is_silent_and_not_gone(
    visit: Callable[..., Visit], double: Double, status: int
) -> None:
    there = visit()
    page = there.page

    def about(route: Route) -> None:
        if status == 200:
            route.continue_()
        else:
            route.fulfill(status=status, json={"error": "Too many requests; wait a second."})

    def closed(socket: WebSocketRoute) -> None:
        socket.close(code=1013)

    page.route("**/v1", about)
    page.route_web_socket("**/v1/events", closed)
    page.reload()
    expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="Nothing goes out")).to_have_count(0)
    expect(page.locator("[inert]")).to_have_count(0)
    page.get_by_role("button", name="Panic").click()
    until(lambda: ("panic", True) in double.asked)


def test_the_strings_are_asked_for_again_until_they_come(visit: Callable[..., Visit]) -> None:
    there = visit()
    refused: list[str] = []

    def twice(route: Route) -> None:
        if refused.count(route.request.url) < 2:
            refused.append(route.request.url)
            route.fulfill(status=429, json={"error": "Too many requests; wait a second."})
        else:
            route.continue_()

    there.page.route("**/page/strings/*.json", twice)
    there.page.reload()
    expect(there.page.locator(".stage-name")).to_have_text("ada")
    assert len(refused) == 2


# ---- the reference frame -----------------------------------------------------------------------------------------


def test_the_reference_is_taken_when_the_daemon_says_so(visit: Callable[..., Visit], double: Double) -> None:
    go = double.stage.calibrating = threading.Event()
    there = visit()
    page = there.page
    take = page.get_by_role("button", name="Take it anew")
    take.click()
    expect(page.locator(".countdown")).to_contain_text("straight ahead")
    expect(page.locator(".countdown")).to_have_text("Hold still …")
    until(lambda: ("calibrate",) in double.asked)
    seen = double.stage.looks
    until(lambda: double.stage.looks >= seen + 4)  # about a second later
    expect(page.locator(".toast")).to_have_count(0)
    expect(page.locator(".countdown")).to_have_text("Hold still …")
    go.set()
    expect(page.locator(".toast[data-tone=good]")).to_contain_text("taken anew")
    expect(page.locator(".countdown")).to_be_hidden()


def test_a_reference_that_was_not_taken_is_told_with_the_reason(visit: Callable[..., Visit], double: Double) -> None:
    double.stage.uncalibrated = ControlError("No face was seen; look straight into the camera.")
    there = visit()
    there.page.get_by_role("button", name="Take it anew").click()
    expect(there.page.locator(".toast[data-tone=bad]")).to_have_text("No face was seen; look straight into the camera.")
    expect(there.page.locator(".toast[data-tone=good]")).to_have_count(0)
    expect(there.page.locator(".countdown")).to_be_hidden()


# ---- what the daemon says of itself ------------------------------------------------------------------------------


def test_trouble_stays_until_the_daemon_says_that_it_is_over(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    page = there.page
    sockets: list[WebSocketRoute] = []

    def through(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket("**/v1/events", through)
    page.reload()
    expect(page.locator(".stage-name")).to_have_text("ada")
    banner = page.get_by_role("alert").filter(has_text="did not tell its personas")
    problem = {"event": "problem", "data": "The daemon did not tell its personas in time."}
    sockets[-1].send(json.dumps(problem))
    expect(banner).to_be_visible()
    seen = double.stage.looks
    until(lambda: double.stage.looks >= seen + 6)  # statuses go on
    page.evaluate("1")
    expect(banner).to_be_visible()
    sockets[-1].send(json.dumps(problem | {"data": None}))
    expect(banner).to_be_hidden()

    sockets[-1].send(json.dumps(problem))
    expect(banner).to_be_visible()
    sockets[-1].close()
    expect(banner).to_be_hidden()  # another link: what still troubles it, it says again
    assert len(sockets) == 2


def test_advice_that_changes_all_the_time_is_not_spoken_all_the_time(
    visit: Callable[..., Visit], double: Double
) -> None:
    """Degrees change four times a second: a screen reader hears the kind of advice, and a new one at most each 3 s."""
    there = visit()
    page = there.page
    spoken: list[str] = []
    page.expose_function("heard", lambda text: spoken.append(text))  # noqa: PLW0108 - Playwright marks it
    page.evaluate(
        """() => {
          for (const region of document.querySelectorAll("#reference [role=status], #reference [aria-live]"))
            new MutationObserver(() => window.heard(region.textContent)).observe(
              region, {childList: true, characterData: true, subtree: true});
        }"""
    )
    double.stage.searching = True
    for degrees in range(13, 33):
        advice = f"Look straight into the camera: your head is turned by {degrees}°."
        double.stage.quality = {"score": 0.5, "advice": advice}
        double.stage.best = degrees / 100
        expect(page.locator("#reference")).to_contain_text(f"by {degrees}°")
    assert spoken == ["Searching for a better reference frame."]
    double.stage.quality = {"score": 0.5, "advice": "Keep your eyes open."}
    until(lambda: bool(page.evaluate("1")) and spoken[-1] == "Keep your eyes open.")
    assert len(spoken) == 2
