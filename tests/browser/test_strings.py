"""Everything that the page says stands in one file per language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from playwright.sync_api import Page, Route, expect

from daemon.control.site import FOLDER
from daemon.settings import Settings
from tests.browser.conftest import Visit
from tests.browser.double import Double

STRINGS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((FOLDER / "strings").glob("*.json"))}
ROOT = FOLDER.parents[1]
LANGUAGES = ("English", "中文")
SCRIPTS = {path: path.read_text("utf-8") for path in sorted((FOLDER / "js").rglob("*.js"))}


def test_both_languages_say_the_same_things() -> None:
    assert set(STRINGS) == {"en", "zh"}
    assert STRINGS["en"].keys() == STRINGS["zh"].keys()
    for key, text in STRINGS["en"].items():
        there = STRINGS["zh"][key]
        assert bool(text) == bool(there), key
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", there)), key


def test_chinese_is_chinese() -> None:
    same = {"app", "title", "facts.obs", "wizard.obs", "choice.en", "choice.zh"}
    for key, text in STRINGS["zh"].items():
        words = re.sub(r"\{\w+\}", "", text)
        if re.search(r"\w", words) and key not in same and not key.startswith("unit."):
            assert re.search(r"[\u4e00-\u9fff]", text), key


NOT_OURS = {"pydantic's", "the system's"}
COMPOSED = (
    "The body is wrong at {where}", "The body is wrong: ", "OBS at {where} does not accept the password: ",
    "close what else uses it, or write device",
)  # fmt: skip
"""Put together in the code of more parts than one."""


def test_what_is_known_of_the_daemons_sentences_is_what_it_says() -> None:
    """Every piece of them stands in the code or a profile: a sentence that was changed there would be English again.
    (`test_said` asks the other way round.)"""
    files = [path for root in ("daemon", "obs_portrait") for path in (ROOT / root).rglob("*.py")]
    code = "".join(path.read_text("utf-8") for path in [*files, *(ROOT / "profiles").glob("*/profile.toml")])
    code = re.sub(r'"\s*f?"', "", code).replace("\\n", "\n").replace('\\"', '"')  # strings continued on the next line
    code = code.replace("{{", "{").replace("}}", "}")
    groups = json.loads((FOLDER / "said" / "zh.json").read_text("utf-8"))
    known = [(group, *row) for group, rows in groups.items() for row in rows.items()]
    assert len(known) == len({english.lower().rstrip(".") for _, english, _ in known}), "one stands there twice"
    lost = []
    for group, english, chinese in known:
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", chinese)), english
        assert re.search(r"[\u4e00-\u9fff]", chinese), english
        assert "; " not in english, f"{english}: what happened and what to do are looked for one by one"
        if group in NOT_OURS or english.startswith(COMPOSED):
            continue
        for piece in re.split(r"\{\w+\}|\. ", english):
            said = piece.strip().removeprefix("' ").rstrip(".")
            if said not in code and said[:1].lower() + said[1:] not in code:
                lost.append(f"{said} (of {english})")
    assert not lost, "\n".join(lost)


def _used() -> tuple[set[str], set[str]]:
    """Keys that the scripts name, and beginnings of keys that they put together."""
    named, begun = set(), set()
    for text in SCRIPTS.values():
        found = re.findall(r"""["'`]([a-z_]+(?:\.[a-z0-9_]+)*\.?)(\$\{)?""", text)
        named |= {key for key, more in found if not more}
        begun |= {key for key, more in found if more}
        # t(condition ? "a.b" : "a.c") and tOr(…) are among them; `${base}.one` is counted() of words.js.
        named |= {f"{key}.{n}" for key in re.findall(r'counted\("([\w.]+)"', text) for n in ("one", "many")}
    return named, {one for one in begun if "." in one}


def test_every_string_is_used_and_every_used_one_exists() -> None:
    named, begun = _used()
    extra = {"state.", "setting."}  # put together in words.js and form.js
    unused = {key for key in STRINGS["en"] if key not in named and not key.startswith(tuple(begun | extra))}
    unused -= {"switch.face_what", "switch.voice_what", "switch.rest_what"}
    assert not unused
    asked = {key for text in SCRIPTS.values() for key in re.findall(r"""\bt\(\s*["']([\w.]+)["']""", text)}
    asked |= {
        key
        for text in SCRIPTS.values()
        for pair in re.findall(r"""\bt\([^"'()]*\? ?["']([\w.]+)["'] : ["']([\w.]+)["']""", text)
        for key in pair
    }
    assert asked
    assert not asked - STRINGS["en"].keys()


def _entries(schema: dict[str, Any], path: tuple[str, ...] = ()) -> list[str]:
    found = []
    for name, entry in schema.get("properties", {}).items():
        inner = SCHEMA["$defs"][entry["$ref"].rsplit("/", 1)[-1]] if "$ref" in entry else entry
        found.append(".".join((*path, name)))
        found += _entries(inner, (*path, name))
    return found


SCHEMA = Settings.model_json_schema()


def test_every_setting_has_a_name_in_both_languages() -> None:
    entries = _entries(SCHEMA)
    assert "show.fps" in entries
    for entry in entries:
        assert f"setting.{entry}" in STRINGS["zh"], f"daemon/page/strings: setting.{entry} is missing"
        assert f"setting.{entry}.what" in STRINGS["zh"], f"daemon/page/strings: setting.{entry}.what is missing"


_SAID = """() => {
  const said = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (parent.closest("code, kbd, body [lang=en]") || !parent.checkVisibility()) continue;
    if (node.textContent.trim()) said.push(node.textContent.trim());
  }
  for (const element of document.querySelectorAll("*")) {
    if (element.closest("body [lang=en]") || !element.checkVisibility()) continue;
    for (const name of ["aria-label", "title", "alt", "placeholder", "aria-valuetext", "aria-roledescription"]) {
      const value = element.getAttribute(name);
      if (value && value.trim()) said.push(value.trim());
    }
  }
  return said;
}"""


def test_no_sentence_stands_outside_the_strings(visit: Callable[..., Visit], double: Double) -> None:
    """With every string between marks, all that is seen or spoken without marks must be data or a number."""

    def marked(route: Route) -> None:
        route.fulfill(json={key: f"⟦{text}⟧" if text else "" for key, text in STRINGS["en"].items()})

    there = visit(signed_in=False)
    page = there.page
    page.route("**/page/strings/*.json", marked)
    page.reload()
    expect(page.get_by_role("heading", name="⟦Sign in⟧")).to_be_visible()
    loose = {"door": _loose(page, double)}
    page.goto(double.link())  # another #fragment of the page that is open
    for view, ready in (
        ("live", ".persona img"), ("meters", ".plot-line[d]"), ("scenes", ".scene-row"), ("clips", ".clip img"),
        ("newcomer", ".drop"), ("settings", ".schema-section"),
    ):  # fmt: skip
        expect(page.locator(".stage-name")).to_be_visible()
        there.go(view)
        expect(page.locator(ready).first).to_be_visible()
        if view == "settings":
            for section in page.locator(".schema-section > summary").all():
                section.click()
        loose[view] = _loose(page, double)
    page.get_by_role("button", name="⟦Set-up assistant⟧").click()
    for step in range(7):
        loose[f"assistant {step}"] = _loose(page, double)
        page.get_by_role("dialog").locator(".wizard-foot .primary").click()
    assert {view: found for view, found in loose.items() if found} == {}


def _texts(data: Any) -> Iterator[str]:
    """Every text in JSON data."""
    if isinstance(data, dict):
        yield from _texts(list(data.values()))
    elif isinstance(data, list):
        for one in data:
            yield from _texts(one)
    elif isinstance(data, str):
        yield data


def _loose(page: Page, double: Double) -> list[str]:
    """What is said and stands neither in the strings nor in what the daemon told."""
    stage, rooms = double.stage, double.rooms
    told = set(
        _texts([stage.status(), stage.personas(), stage.bindings(), stage.scene_names, rooms.kept, rooms.plugged])
    )
    told |= {str(value) for value in _texts(stage.settings()["settings"])} | {stage.settings()["path"]}
    allowed = {"XXXX-XXXX-XXXX", *LANGUAGES, *(name[:2].upper() for name in stage.names)}
    found = []
    for text in page.evaluate(_SAID):
        rest = text
        while (shorter := re.sub("⟦[^⟦⟧]*⟧", "", rest)) != rest:  # strings stand in strings
            rest = shorter
        # A clip's line is its persona, its date as the reader writes it, and its size.
        if re.search(r"[^\W\d_]{2,}", rest) and text not in told | allowed and " · " not in text:
            found.append(text)
    return found


def test_the_browser_inside_obs_28_knows_all_that_the_page_needs() -> None:
    """Chromium 103. What is newer may only refine: it has a fallback in the line before, or nothing depends on it."""
    for path in sorted((FOLDER / "css").glob("*.css")):
        text = path.read_text("utf-8")
        assert not re.search(r"@media[^{]*[<>]", text), f"{path.name}: ranges came with 104"
        assert not re.search(r"@container|@layer|@scope|:has\(|^\s*&", text, re.MULTILINE), path.name
        for found in re.finditer(r"^( *)([a-z-]+): [^;]*(?:dvh|color-mix\()[^;]*;", text, re.MULTILINE):
            before = text[: found.start()].rstrip("\n").rsplit("\n", 1)[-1]
            assert before.startswith(f"{found[1]}{found[2]}: "), f"{path.name}: {found[0]} has no fallback"
    newer = r"\b(?:toSorted|toReversed|withResolvers|groupBy|setHTML|showPopover|fromAsync)\b"
    for path, text in SCRIPTS.items():
        assert not re.search(newer, text), path.name
