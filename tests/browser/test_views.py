"""Scenes, clips, a new persona, devices, settings, the assistant: each does what it is for."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Route, expect

from obs_portrait.errors import MediaError, ProfileError
from tests.browser.conftest import Visit
from tests.browser.double import PROFILES, Double
from tests.browser.test_live import until


def asked(double: Double, what: str) -> list[tuple[object, ...]]:
    """What the daemon was asked for, of one kind."""
    return [row for row in double.asked if row[0] == what]


# ---- scenes ------------------------------------------------------------------------------------------------------


def test_a_scene_is_bound_and_let_go(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    there.go("scenes")
    choose = there.page.get_by_label("Persona in the scene Be right back")
    expect(choose).to_have_value("")
    choose.select_option("nova")
    expect(there.page.locator(".toast")).to_contain_text("you become nova")
    expect(there.page.get_by_label("Persona in the scene Be right back")).to_have_value("nova")
    there.page.get_by_label("Persona in the scene Gaming").select_option("")
    expect(there.page.locator(".toast").last).to_contain_text("no rule of its own")
    assert asked(double, "bind") == [("bind", "Be right back", "nova"), ("bind", "Gaming", None)]
    expect(there.page.locator(".rules")).to_contain_text("Interview*")
    expect(there.page.locator(".scene-row", has_text="Just chatting")).to_contain_text("Now")


# ---- clips -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """15 s of film that Chromium plays."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg to make a clip with: type `sh tools/setup.sh test`")
    path = tmp_path_factory.mktemp("film") / "clip.webm"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=160x90:r=5:d=15", "-c:v", "libvpx", "-b:v", "60k",
         "-deadline", "realtime", "-cpu-used", "8", path],
        check=True,
    )  # fmt: skip
    return path


def test_clips_are_saved_watched_and_trimmed(visit: Callable[..., Visit], double: Double, film: Path) -> None:
    double.rooms.video_file = film
    there = visit()
    there.go("clips")
    expect(there.page.locator(".clip")).to_have_count(3)
    expect(there.page.locator(".clip img").first).to_be_visible()
    there.page.get_by_role("button", name="Save the last seconds").click()
    expect(there.page.locator(".toast")).to_contain_text("Saved one.mkv.")
    assert ("clip", "save") in double.asked

    there.page.get_by_role("button", name=re.compile("Watch and trim 2026-11-23 20-41-07")).click()
    dialog = there.page.get_by_role("dialog")
    video = dialog.locator("video")
    video.evaluate("video => new Promise(done => video.readyState >= 1 ? done() : video.onloadedmetadata = done)")
    start = dialog.get_by_role("slider", name="Start", exact=True)
    start.focus()
    for _ in range(10):
        there.page.keyboard.press("ArrowRight")
    dialog.get_by_role("slider", name="End", exact=True).fill("6")
    expect(dialog.locator(".trim-summary")).to_contain_text("1.0 s to 6.0 s: 5.0 s are kept")
    video.evaluate("video => { video.currentTime = 2.5; }")
    dialog.get_by_role("button", name="Start here").click()
    dialog.get_by_role("button", name="Save as a new clip").click()
    expect(dialog).to_have_count(0)
    (trimmed,) = asked(double, "trim")
    assert trimmed == ("trim", "3" * 20, 2.5, 6.0)


def test_a_clip_is_deleted_after_a_question(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    there.go("clips")
    discard = there.page.get_by_role("button", name="Delete 2026-11-23 20-12-55.mkv")
    discard.click()
    there.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(there.page.get_by_role("dialog")).to_have_count(0)
    assert not asked(double, "delete")
    expect(discard).to_be_focused()  # the focus is where it was
    discard.click()
    there.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(there.page.locator(".clip")).to_have_count(2)
    assert asked(double, "delete") == [("delete", "2" * 20)]


def test_a_recording_is_started_and_a_refusal_told(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    there.go("clips")
    there.page.get_by_role("button", name="Record").click()
    assert ("clip", "start") in double.asked or expect(there.page.locator(".toast")).to_be_visible() is None
    obs = dict(double.stage.status()["obs"]) | {"recording": True}
    double.stage.extra = {"obs": obs}  # type: ignore[typeddict-item]
    there.page.get_by_role("button", name="Stop recording").click()
    expect(there.page.locator(".toast[data-tone=bad]")).to_have_text("No recording runs.")


# ---- a new persona -----------------------------------------------------------------------------------------------


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A face to become."""
    path = tmp_path / "Mein Gesicht 7.png"
    with Image.open(PROFILES / "nova" / "portrait.png") as face:
        face.convert("RGB").resize((400, 400)).save(path)
    return path


def position(handle: Locator) -> tuple[float, float]:
    """Of a handle, in pixels of the picture."""
    x, y = re.findall(r"-?[\d.]+", handle.get_attribute("transform") or "")
    return float(x), float(y)


def test_a_persona_is_made_from_a_picture(visit: Callable[..., Visit], double: Double, picture: Path) -> None:
    there = visit()
    there.go("newcomer")
    page = there.page
    page.locator("#newcomer-file").set_input_files(picture)
    expect(page.get_by_text("A face was found.")).to_be_visible()
    assert asked(double, "landmarks") == [("landmarks", (400, 400))]
    expect(page.locator(".handle")).to_have_count(37)

    # By keyboard: one handle has the focus, arrows move it, the page keys choose another, Ctrl+Z takes back.
    page.get_by_label("Point", exact=True).select_option(label="Tip of the nose")
    nose = page.get_by_role("button", name=re.compile("Tip of the nose"))
    expect(nose).to_be_focused()
    x, y = position(nose)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert position(nose) == (x + 1, y + 10)
    page.keyboard.press("Control+z")
    assert position(nose) == (x + 1, y)
    page.keyboard.press("PageDown")
    expect(page.get_by_role("button", name=re.compile("Left nostril"))).to_be_focused()

    # By mouse; what is near follows, what is far stays.
    eye = page.get_by_role("button", name=re.compile("Left eye, outer corner"))
    chin = page.get_by_role("button", name=re.compile("Chin"))
    lid = page.get_by_role("button", name=re.compile("Left eye, upper lid"))
    far, near, before = position(chin), position(lid), position(eye)
    eye.scroll_into_view_if_needed()
    box = eye.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 30, middle[1], steps=5)
    page.mouse.up()
    assert position(eye)[0] < before[0] - 10
    assert position(lid)[0] < near[0] - 2
    assert abs(position(chin)[0] - far[0]) < 1

    expect(page.get_by_label("Name")).to_have_value("mein-gesicht-7")
    page.get_by_label("Name").fill("猫 Mia")
    make = page.get_by_role("button", name="Make the persona")
    make.click()
    assert not asked(double, "newcomer")  # nobody has agreed yet
    page.get_by_label("It is").select_option("fictional")
    page.get_by_label("Who is shown").fill("Mia, an invented cat")
    page.get_by_label("Why you may use it").fill("Drawn by me.")
    make.click()
    assert not asked(double, "newcomer")
    page.get_by_label("I may use this face").check()
    make.click()
    expect(page.locator(".toast")).to_contain_text("猫 Mia is ready.")
    expect(page.get_by_role("button", name="猫 Mia")).to_be_visible()
    ((_, made),) = asked(double, "newcomer")
    assert isinstance(made, dict)
    assert made["name"] == "猫 Mia"
    assert made["consent"] == {"kind": "fictional", "subject": "Mia, an invented cat", "statement": "Drawn by me."}
    assert len(made["landmarks"]) == 478
    assert all(0 <= value <= 400 for point in made["landmarks"] for value in point[:2])


def test_a_dropped_picture_without_a_face_can_be_pointed_by_hand(
    visit: Callable[..., Visit], double: Double, picture: Path
) -> None:
    double.rooms.found = False
    there = visit(width=300)
    there.go("newcomer")
    data = there.page.evaluate_handle(
        """bytes => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "cat.png", {type: "image/png"}));
          return data;
        }""",
        list(picture.read_bytes()),
    )
    there.page.locator(".drop").dispatch_event("drop", {"dataTransfer": data})
    expect(there.page.get_by_text("No face was found by itself.")).to_be_visible()
    expect(there.page.get_by_label("Name")).to_have_value("cat")


def test_what_is_no_picture_or_too_large_is_refused_before_it_is_sent(
    visit: Callable[..., Visit], double: Double, tmp_path: Path
) -> None:
    there = visit()
    there.go("newcomer")
    chooser = there.page.locator("#newcomer-file")
    chooser.set_input_files({"name": "x.svg", "mimeType": "image/svg+xml", "buffer": b"<svg/>"})
    expect(there.page.get_by_role("alert").filter(has_text="not a PNG")).to_be_visible()
    big = io.BytesIO(bytes(6 * 1024 * 1024 + 1)).getvalue()
    chooser.set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": big})
    expect(there.page.get_by_role("alert").filter(has_text="larger than 6 MiB")).to_be_visible()
    assert not asked(double, "landmarks")


# ---- devices, settings, the assistant ----------------------------------------------------------------------------


def test_devices_are_chosen_and_appear_by_themselves(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    there.go("settings")
    camera = there.page.get_by_label("Camera", exact=True)
    expect(camera).to_have_value("camera:0")
    camera.select_option("camera:2")
    expect(there.page.locator(".toast")).to_contain_text("OBSBOT Tiny 2 is used now.")
    assert asked(double, "devices") == [("devices", {"camera": "camera:2"})]
    double.rooms.plugged["microphones"].append({"spec": "mic:USB", "name": "USB microphone", "chosen": False})
    microphone = there.page.get_by_label("Microphone", exact=True)
    expect(microphone.locator("option")).to_have_count(3)
    double.rooms.refusing = MediaError("This camera is taken by another program.")
    camera.select_option("camera:0")
    expect(there.page.locator(".toast[data-tone=bad]")).to_have_text("This camera is taken by another program.")


def test_settings_are_made_from_the_schema_and_only_changes_are_sent(
    visit: Callable[..., Visit], double: Double
) -> None:
    there = visit()
    there.go("settings")
    page = there.page
    expect(page.locator(".sticky-bar")).to_be_hidden()
    page.locator("summary", has_text="Show").click()
    page.get_by_label("Pictures a second", exact=True).fill("500")
    page.get_by_role("button", name="Save", exact=True).click()
    assert not asked(double, "settings")  # the browser knows the schema's bounds
    page.get_by_label("Pictures a second", exact=True).fill("25")
    page.get_by_label("Begin at rest").check()
    page.get_by_label("Picture goes to").fill("obs\n\nwindow\n")
    page.locator("summary", has_text="Keys").click()
    page.get_by_label("Panic", exact=True).fill("")  # its default is a key: taken away, not left out
    page.get_by_label("Save a clip").fill("ctrl+alt+c")
    become = page.get_by_role("group", name="Become", exact=True)
    become.get_by_role("button", name="Add").click()
    become.get_by_label("Become: persona").fill("nova")
    become.get_by_label("Become: key").fill("ctrl+alt+n")
    page.locator("summary", has_text="Tray icon").click()
    page.get_by_label("Language of the menu").select_option("zh")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("saved")
    ((_, sent),) = asked(double, "settings")
    assert sent == {
        "show": {"fps": 25, "start_off": True, "sinks": ["obs", "window"]},
        "hotkeys": {"panic": "", "clip": "ctrl+alt+c", "switch": {"nova": "ctrl+alt+n"}},
        "tray": {"language": "zh"},
    }
    expect(page.locator(".sticky-bar")).to_be_hidden()


def test_a_bad_edit_of_the_file_is_told_and_a_refusal_keeps_what_was_typed(
    visit: Callable[..., Visit], double: Double
) -> None:
    double.stage.settings_problem = "settings.toml, line 3: fps must be a number."
    there = visit()
    there.go("settings")
    expect(there.page.locator(".note.warn:visible")).to_contain_text("line 3: fps must be a number.")
    there.page.locator("summary", has_text="Show").click()
    there.page.get_by_label("Source", exact=True).fill("camera:nowhere")
    double.stage.error = ProfileError("There is no camera 'nowhere'.")
    there.page.get_by_role("button", name="Save", exact=True).click()
    expect(there.page.get_by_role("alert").filter(has_text="There is no camera 'nowhere'.")).to_be_visible()
    expect(there.page.get_by_label("Source", exact=True)).to_have_value("camera:nowhere")
    there.page.get_by_role("button", name="Discard changes").click()
    expect(there.page.get_by_label("Source", exact=True)).to_have_value("camera:0")


def test_the_assistant_leads_through_everything(visit: Callable[..., Visit], double: Double) -> None:
    there = visit(width=300, height=700)
    there.go("settings")
    there.page.get_by_role("button", name="Set-up assistant").click()
    dialog = there.page.get_by_role("dialog", name="Set-up")
    shown = {
        "Become somebody else": "Everything happens on this computer.",
        "Camera": "Show my camera",
        "Microphone": "Speak",
        "Persona": "bronze",
        "OBS": "OBS 29.0.2 is connected.",
        "Voice for other programs": "virtual microphone",
        "At hand in OBS": "Custom Browser Docks",
    }
    for at, (title, text) in enumerate(shown.items()):
        expect(dialog.get_by_role("heading", name=title, level=3, exact=True)).to_be_visible()
        expect(dialog.locator(".wizard-body")).to_contain_text(text)
        expect(dialog.get_by_text(f"Step {at + 1} of 7")).to_be_visible()
        dialog.get_by_role("button", name="Done" if at == len(shown) - 1 else "Next").click()
    expect(dialog).to_have_count(0)


def test_the_language_is_chosen_and_kept(visit: Callable[..., Visit], double: Double) -> None:
    there = visit(locale="zh-CN")
    expect(there.page.get_by_role("navigation")).to_contain_text("直播")
    there.go("settings")
    there.page.get_by_label("语言", exact=True).select_option("en")
    expect(there.page.get_by_role("navigation")).to_contain_text("Live")
    there.page.reload()
    expect(there.page.get_by_role("navigation")).to_contain_text("Live")
    assert there.page.evaluate("document.documentElement.lang") == "en"


def test_meters_tell_what_they_show(visit: Callable[..., Visit]) -> None:
    there = visit()
    there.go("meters")
    fps = there.page.get_by_role(
        "img", name=re.compile(r"^Pictures a second: now 2\d fps|^Pictures a second: now 3\d fps")
    )
    expect(fps).to_be_visible()
    expect(there.page.get_by_role("img", name=re.compile("Late blocks of sound: now 2; last 3 min"))).to_be_visible()
    expect(there.page.get_by_role("meter", name="Finding the face")).to_have_attribute("aria-valuenow", "11.4")
    line = there.page.locator(".plot", has_text="Picture: capture to sink").locator(".plot-line")
    assert (line.get_attribute("d") or "").count("M") == 2  # what is not known is a gap, not a line


def test_late_blocks_are_shown_with_their_bar(visit: Callable[..., Visit], double: Double) -> None:
    """Later than 60 ms: the figure that the voice is judged by, how many and how much of all."""
    there = visit()
    voice = there.page.locator(".card", has_text="Pitch")
    expect(voice).to_contain_text("Later than 60 ms: 0.04 % of the sound (at most 0.2 %).")
    there.go("meters")
    meter = there.page.get_by_role("meter", name="Blocks of sound later than 60 ms")
    expect(meter).to_have_attribute("aria-valuenow", "0.04")
    expect(meter).to_have_attribute("aria-valuetext", "84 of 210,750: 0.04 %")
    expect(meter).to_have_attribute("data-tone", "good")
    expect(there.page.locator(".lateness")).to_contain_text("84 of 210,750: 0.04 %")
    expect(there.page.locator(".lateness")).to_contain_text("It should stay under 0.2 %.")
    double.stage.extra = {"blocks": 6000, "blocks_over_60_ms": 30}
    expect(meter).to_have_attribute("data-tone", "bad")
    expect(there.page.locator(".lateness")).to_contain_text("30 of 6,000: 0.50 %")
    double.stage.absent = {"blocks", "blocks_over_60_ms"}  # an older daemon
    double.stage.extra = {}
    expect(meter).to_be_hidden()
    there.go("live")
    expect(voice).to_contain_text("2 blocks of sound came late so far.")


def test_after_saving_one_is_where_one_was(visit: Callable[..., Visit], double: Double) -> None:
    """Sections stay open, and the focus in the form: by Enter in the field as by the button, which hides itself."""
    there = visit()
    there.go("settings")
    page = there.page
    page.locator("summary", has_text="Show").click()
    page.locator("summary", has_text="Keys").click()
    pictures = page.get_by_label("Pictures a second", exact=True)
    for way, fps in (("Enter", "25"), ("button", "24")):
        pictures.fill(fps)
        if way == "Enter":
            page.keyboard.press("Enter")
        else:
            page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator(".sticky-bar")).to_be_hidden()
        expect(pictures).to_be_focused()
        expect(pictures).to_have_value(fps)
        expect(page.locator("details[open]")).to_have_count(2)
    assert double.stage.file is not None
    assert double.stage.file.now.show.fps == 24


def test_rules_that_need_no_obs_can_be_taken_away(visit: Callable[..., Visit], double: Double) -> None:
    """OBS is closed, or has another collection: its rules are listed, and those of the file can go."""
    double.stage.scene_names = ["Gaming"]
    there = visit()
    there.go("scenes")
    page = there.page
    rule = page.locator(".rules li", has_text="Just chatting")
    rule.get_by_role("button", name="Remove the rule of Just chatting").click()
    expect(page.locator(".toast[data-tone=good]")).to_contain_text("no rule of its own")
    expect(rule).to_have_count(0)
    assert asked(double, "bind") == [("bind", "Just chatting", None)]
    page.get_by_role("button", name="Remove the rule of Interview*").click()  # nothing has exactly this name
    expect(page.locator(".toast[data-tone=bad]")).to_contain_text("change it in bindings.toml")
    expect(page.locator(".rules li")).to_contain_text("Interview*")


def test_a_list_that_is_open_stays_when_obs_changes_its_scene(visit: Callable[..., Visit], double: Double) -> None:
    there = visit()
    there.go("scenes")
    page = there.page
    choose = page.get_by_label("Persona in the scene Gaming")
    choose.focus()
    held = choose.element_handle()
    assert held is not None
    option = choose.locator("option").nth(1).element_handle()
    assert option is not None
    double.stage.extra = {"obs": dict(double.stage.status()["obs"]) | {"scene": "Gaming"}}  # type: ignore[typeddict-item]
    expect(page.locator(".scene-row", has_text="Gaming")).to_contain_text("Now")
    double.stage.rules["Gaming"] = "ink"  # somebody else changes the rule meanwhile
    double.stage.names.append("another")
    seen = double.stage.looks
    until(lambda: double.stage.looks >= seen + 24)  # rules and personas are looked at every 20th time
    assert held.evaluate("element => element.isConnected && document.activeElement === element")
    assert option.evaluate("element => element.isConnected")
    page.get_by_role("button", name="Ask OBS again").focus()
    expect(choose).to_have_value("ink")
    expect(choose.locator("option", has_text="another")).to_have_count(1)


def test_pictures_of_clips_are_asked_for_when_they_are_seen_and_once(
    visit: Callable[..., Visit], double: Double
) -> None:
    one = double.rooms.kept[0]
    double.rooms.kept = [{**one, "id": f"{number:020x}", "name": f"clip {number}"} for number in range(300)]
    there = visit()
    page = there.page
    looked: list[str] = []
    busy: list[str] = []

    def thumbnails(route: Route) -> None:
        looked.append(route.request.url)
        if not busy:  # the very first one finds the daemon busy
            busy.append(route.request.url)
            route.fulfill(status=429, json={"error": "Too many requests; wait a second."})
        else:
            route.continue_()

    page.route("**/thumbnail", thumbnails)
    there.go("clips")
    expect(page.locator(".clip")).to_have_count(300)
    expect(page.locator(".clip img").first).to_be_visible()
    expect(page.locator(".clip").nth(1).locator("img")).to_be_visible()
    assert busy[0] in looked
    assert len(set(looked)) < 60
    expect(page.locator(f".clip:nth-child({int(busy[0].split('/')[-2], 16) + 1}) img")).to_be_visible()  # tried again
    seen = len(looked)
    first = page.locator(".clip img").first.get_attribute("src")
    double.rooms.kept = double.rooms.kept[1:]
    page.get_by_role("button", name="Look again").click()
    expect(page.locator(".clip")).to_have_count(299)
    page.evaluate("1")
    assert len(looked) <= seen + 3  # what moved into view, nothing anew
    gone = page.evaluate("url => fetch(url).then(() => false, () => true)", first)
    assert gone  # its memory was given back
    page.locator(".clip").last.scroll_into_view_if_needed()
    expect(page.locator(".clip").last.locator("img")).to_be_visible()
