"""Answers that come late, or are not what was hoped for: pictures, the camera, rows that were taken away."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from obs_portrait.errors import MediaError
from tests.browser.conftest import Visit
from tests.browser.double import PROFILES, Double
from tests.browser.test_live import until
from tests.browser.test_views import asked

# ---- a new persona -----------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    """Two faces, of 400 and of 300 pixels."""
    made = []
    for name, size in (("nova", 400), ("ada", 300)):
        made.append(tmp_path / f"{name}-face.png")
        with Image.open(PROFILES / name / "portrait.png") as face:
            face.convert("RGB").resize((size, size)).save(made[-1])
    return made[0], made[1]


def choose(page: Page, picture: Path) -> None:
    """A picture, by the button."""
    page.locator("#newcomer-file").set_input_files(picture)


def agree(page: Page) -> None:
    """Fills in everything and presses the button."""
    page.get_by_label("It is").select_option("fictional")
    page.get_by_label("Who is shown").fill("Nobody")
    page.get_by_label("Why you may use it").fill("Drawn by me.")
    page.get_by_label("I may use this face").check()
    page.get_by_role("button", name="Make the persona").click()


def test_a_second_picture_that_is_refused_leaves_nothing_to_make(
    visit: Callable[..., Visit], double: Double, pictures: tuple[Path, Path]
) -> None:
    there = visit()
    there.go("newcomer")
    choose(there.page, pictures[0])
    expect(there.page.get_by_text("A face was found.")).to_be_visible()
    there.page.get_by_label("I may use this face").check()
    there.page.route(
        "**/v1/landmarks", lambda route: route.fulfill(status=409, json={"error": "This picture is broken."})
    )
    choose(there.page, pictures[1])
    expect(there.page.get_by_role("alert").filter(has_text="This picture is broken.")).to_be_visible()
    expect(there.page.locator(".landmarks")).to_be_hidden()
    expect(there.page.get_by_role("button", name="Make the persona")).to_be_hidden()

    there.page.unroute("**/v1/landmarks")
    choose(there.page, pictures[1])
    expect(there.page.locator(".landmarks image")).to_have_attribute("width", "300")
    expect(there.page.get_by_label("I may use this face")).not_to_be_checked()  # that was said of the other one


def test_an_answer_about_a_picture_that_was_replaced_is_dropped(
    visit: Callable[..., Visit], double: Double, pictures: tuple[Path, Path]
) -> None:
    """The first one is looked at for long; meanwhile the second is chosen, and it is the one that is made."""
    there = visit()
    page = there.page
    there.go("newcomer")
    waiting: list[Route] = []
    sent: list[str] = []

    def slowly(route: Route) -> None:
        asked_for = route.request.post_data_json
        sent.append(asked_for["picture"] if asked_for else "")
        if len(sent) == 1:
            waiting.append(route)
        else:
            route.continue_()

    page.route("**/v1/landmarks", slowly)
    choose(page, pictures[0])
    until(lambda: bool(page.evaluate("1")) and bool(waiting))
    choose(page, pictures[1])
    expect(page.locator(".landmarks image")).to_have_attribute("width", "300")
    points = [[float(number % 20), float(number // 20)] for number in range(478)]
    waiting[0].fulfill(json={"points": points, "names": [], "found": False})  # of the first one
    page.evaluate("() => fetch('/v1/landmarks', {method: 'POST'})")  # after that answer, and its consequences
    expect(page.get_by_text("A face was found.")).to_be_visible()
    expect(page.get_by_text("No face was found")).to_have_count(0)
    expect(page.locator(".landmarks image")).to_have_attribute("width", "300")
    expect(page.locator(".drop[data-busy]")).to_have_count(0)
    bodies: list[dict[str, str]] = []
    page.on("request", lambda request: bodies.append(json.loads(request.post_data or "{}")))
    agree(page)
    expect(page.locator(".toast")).to_contain_text("is ready.")
    (made,) = [body for body in bodies if "consent" in body]
    assert made["picture"] == sent[1]


def test_a_picture_that_cannot_be_shown_is_said_in_our_words(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    there.go("newcomer")
    points = {"points": [[1.0, 1.0]] * 478, "names": [], "found": True}
    there.page.route("**/v1/landmarks", lambda route: route.fulfill(json=points))
    there.page.locator("#newcomer-file").set_input_files(
        {"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"}
    )
    expect(there.page.get_by_role("alert").filter(has_text="cannot be read")).to_be_visible()
    expect(there.page.locator(".drop[data-busy]")).to_have_count(0)


def test_a_file_that_is_dropped_beside_the_zone_changes_nothing(visit: Callable[..., Visit]) -> None:
    there = visit()
    prevented = there.page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["x"], "cat.png", {type: "image/png"}));
          return ["dragover", "drop"].map((kind) => {
            const event = new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true});
            return !document.querySelector(".stage").dispatchEvent(event);
          });
        }"""
    )
    assert prevented == [True, True]


# ---- settings ----------------------------------------------------------------------------------------------------


def test_a_row_that_is_taken_away_is_away_after_saving(visit: Callable[..., Visit], double: Double) -> None:
    assert double.stage.file is not None
    double.stage.file.change({"hotkeys": {"switch": {"ada": "ctrl+alt+a", "nova": "ctrl+alt+n"}}})
    there = visit()
    there.go("settings")
    page = there.page
    page.locator("summary", has_text="Keys").click()
    become = page.get_by_role("group", name="Become", exact=True)
    become.get_by_role("button", name="Remove ada").click()
    become.get_by_label("Become: persona").fill("ink")  # the other one gets another name
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("saved")
    assert dict(double.stage.file.now.hotkeys.switch) == {"ink": "ctrl+alt+n"}
    ((_, sent),) = asked(double, "settings")
    assert sent == {"hotkeys": {"switch": {"ink": "ctrl+alt+n", "ada": None, "nova": None}}}


# ---- the camera --------------------------------------------------------------------------------------------------


def test_leaving_while_the_camera_is_asked_for_ends_it(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    page = there.page
    waiting: list[Route] = []
    said: list[bool] = []

    def slowly(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        said.append(route.request.post_data_json["on"])
        if len(said) == 1:
            waiting.append(route)
        else:
            route.continue_()

    page.route("**/v1/preview/camera", slowly)
    page.get_by_role("button", name="Show my camera").click()
    until(lambda: bool(page.evaluate("1")) and bool(waiting))
    there.go("meters")
    looked: list[str] = []
    page.on("request", lambda request: looked.append(request.method + request.url))
    waiting[0].continue_()
    until(lambda: bool(page.evaluate("1")) and ("camera", False) in double.asked)
    assert asked(double, "camera") == [("camera", True), ("camera", False)]  # in this order
    assert said == [True, False]
    seen = double.stage.looks
    until(lambda: double.stage.looks >= seen + 4)
    page.evaluate("1")
    assert not [one for one in looked if one.startswith("GET") and one.endswith("/preview/camera")]


def test_a_permission_that_is_renewed_never_comes_after_its_end(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    page = there.page
    waiting: list[Route] = []

    def slowly(route: Route) -> None:
        if route.request.method == "POST" and route.request.post_data_json["on"] and asked(double, "camera"):
            waiting.append(route)
        else:
            route.continue_()

    page.route("**/v1/preview/camera", slowly)
    page.get_by_role("button", name="Show my camera").click()
    expect(page.locator(".camera img")).to_be_visible()
    page.evaluate("() => { const now = performance.now(); performance.now = () => now + 30000; }")  # half a minute on
    until(lambda: bool(page.evaluate("1")) and bool(waiting))
    page.get_by_role("button", name="Hide my camera").click()
    expect(page.locator(".camera")).to_be_hidden()
    assert asked(double, "camera") == [("camera", True)]
    waiting[0].continue_()
    until(lambda: bool(page.evaluate("1")) and ("camera", False) in double.asked)
    assert asked(double, "camera") == [("camera", True), ("camera", True), ("camera", False)]


def test_an_old_session_signs_in_again_where_it_asks_for_the_camera(
    visit: Callable[..., Visit], double: Double
) -> None:
    there = visit()
    page = there.page
    old = page.evaluate("localStorage['obs-portrait.key']")
    sentence = "Sign in again to see the camera: this page signed in before OBS Portrait was started."

    def strict(route: Route) -> None:
        if route.request.headers.get("x-page-key") == old:
            route.fulfill(status=403, json={"error": sentence, "sign_in": True})
        else:
            route.continue_()

    page.route("**/v1/preview/camera", strict)
    page.get_by_role("button", name="Show my camera").click()
    expect(page.locator("#reference").get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)
    code = page.locator("#reference").get_by_label("One-time code")
    expect(code).to_be_focused()
    code.fill("WRNG-WRNG-WRNG")
    page.keyboard.press("Enter")
    expect(page.locator("#reference").get_by_role("alert").filter(has_text="obs-portrait dock")).to_be_visible()
    code.fill(double.link())
    page.keyboard.press("Enter")
    expect(page.locator(".camera img")).to_be_visible()
    expect(code).to_be_hidden()
    page.get_by_role("button", name="bronze").click()  # and all else goes on
    expect(page.locator(".stage-name")).to_have_text("bronze")


def test_a_dock_that_outlived_the_daemon_shows_who_it_is_before_it_shows_a_face(
    chromium: Browser, tmp_path: Path
) -> None:
    """The same with the server's own refusal: signed in, the daemon starts again, and the camera asks for a code."""
    context = chromium.new_context(locale="zh-CN")
    page = context.new_page()
    with Double(tmp_path / "run") as first:
        first.somebody_was_here()
        page.goto(first.link())
        expect(page.locator(".stage-name")).to_have_text("ada")
        port = first.server.port
    with Double(tmp_path / "run", port=port) as second:
        page.reload()
        page.get_by_role("button", name="显示我的摄像头").click()
        why = page.locator("#reference").get_by_role("alert")
        expect(why).to_contain_text("本页是在 OBS Portrait 启动之前登录的")
        expect(page.locator(".camera")).to_be_hidden()
        page.locator("#reference").get_by_label("一次性代码").fill(second.link())
        page.keyboard.press("Enter")
        expect(page.locator(".camera img")).to_be_visible()
    context.close()


def test_a_camera_that_is_refused_is_told(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    double.stage.rooms.allow_camera = _refused  # type: ignore[method-assign]
    there.page.get_by_role("button", name="Show my camera").click()
    expect(there.page.locator(".toast[data-tone=bad]")).to_have_text("The persona rests.")
    expect(there.page.get_by_role("button", name="Show my camera")).to_be_visible()


def _refused(on: bool) -> None:
    raise MediaError("The persona rests.")
