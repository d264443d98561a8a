"""Every sentence that a running daemon can put into the page is known in the page's other languages.

The sentences are collected from the code: what is handed to errors, refusals and notices, and all else that is written
like one. The page itself (`told` of i18n.js, in Chromium) then says what it makes of each. So a sentence that is new,
or was changed, fails here until daemon/page/said/zh.json knows it, or `SILENT` says why nobody reads it in the page.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import expect

from daemon.control.site import FOLDER
from daemon.telling import hint
from obs_portrait.errors import ControlError
from tests.browser.conftest import Visit
from tests.browser.double import Double

ROOT = FOLDER.parents[1]
KNOWN: dict[str, dict[str, str]] = json.loads((FOLDER / "said" / "zh.json").read_text("utf-8"))

HEARD = (
    "daemon/app.py", "daemon/bell.py", "daemon/obs_side.py", "daemon/settings.py", "daemon/troupe.py",
    "daemon/vitals.py", "daemon/control", "daemon/hotkeys", "daemon/rooms",
    "obs_portrait/face", "obs_portrait/media", "obs_portrait/obs", "obs_portrait/persona", "obs_portrait/pipeline",
    "obs_portrait/registry.py", "obs_portrait/voice",
)  # fmt: skip
"""What a running daemon reaches."""

UNHEARD = {
    "the schema of the API, read by programmers": (
        "daemon/control/openapi.py", "daemon/control/operation.py", "daemon/control/operations.py",
        "daemon/control/room_operations.py",
    ),
    "the command line's side of the API, what keeps the daemon from starting, and what its log alone tells": (
        "daemon/control/client.py", "daemon/control/instance.py", "daemon/control/token.py",
        "daemon/control/browser.py", "daemon/control/sessions.py",
    ),
    "commands that work on files, or measure, without the daemon: eval, render, crop, demo, clip edit, obs latency": (
        "obs_portrait/face/crop.py", "obs_portrait/face/crop_file.py", "obs_portrait/face/evaluate.py",
        "obs_portrait/face/overlay.py", "obs_portrait/face/pairs.py", "obs_portrait/face/reconstruct.py",
        "obs_portrait/face/reenact.py", "obs_portrait/face/metrics", "obs_portrait/pipeline/contact.py",
        "obs_portrait/pipeline/demo.py", "obs_portrait/pipeline/offline.py", "obs_portrait/pipeline/reference.py",
        "obs_portrait/obs/latency", "obs_portrait/obs/script", "obs_portrait/voice/render.py",
        "obs_portrait/face/benchmark.py", "obs_portrait/voice/benchmark.py",
        *(f"obs_portrait/obs/clips/edit/{name}.py" for name in (
            "captions", "crop", "filtering", "join", "loudness", "presets", "side_by_side", "small", "sound", "speed",
            "srt", "still",
        )),
    ),
    "faults of our own code, which no user can bring about": ("obs_portrait/face/fomm/model.py",),
    "played devices of the tests": ("obs_portrait/pipeline/fakes.py",),
}  # fmt: skip
"""Parts of these that nobody reads in the page: why, and which."""

SILENT: dict[str, tuple[str, ...]] = {
    "faults of our own code, which no user can bring about": (
        "*read before it was opened*", "*written to before it was opened*", "*before it was used.",
        "*Please report this bug.", "*was given no camera frame.", "*was used after it was closed.",
        "*a sink takes persona *s only.", "*this file was opened without sound, or is closed.",
        "The tracker takes RGB pictures *", "The OBS stream is *, and was given *", "A secret is not pickled.",
        "A board's cells need different names.", "The longest delay must be *", "The period must be positive.",
        "A voice pipeline needs at least one persona.", "A voice is one row of mono samples, *",
        "the hall's delay lines do not fit their ring", "*was to be shown without being asked for; nothing was sent.",
    ),
    "one frame's fault: the persona holds still, and nobody is told": ("*; the frame is skipped.",),
    "they end the start of the daemon, before there is a page": (
        "The control API finds no free port *", "The control API cannot use port *",
        "The control API did not start *", "OBS Portrait already runs*",
    ),
    "what only the log tells": (
        "OBS sent something that is not obs-websocket 5; it was ignored.",
        "a sound device hangs", "a camera could not be let go", "not a message", "it has no line",
    ),
    "written into files": (
        "Named on the command line by its user, *", "A persona of OBS Portrait. Every setting is explained *",
    ),
    "no sentences: names of problems, kinds of content": (
        "obs link", "hotkeys of personas", "text/*; charset=utf-8",
    ),
}  # fmt: skip
"""Sentences of what is heard that nobody reads in the page: why, and which (* stands for anything)."""

_SAYS = re.compile(
    r".*Error$|refusal|Notice|Made|_?(?:note|told|tell|notice|say|trouble|on_problem|add|problem|warn|died|give_up|fail)$"
)


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _texts(node: ast.expr) -> list[str] | None:
    """What an expression may be as a text, places for what is not known; None: it is no text of ours."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else None
    if isinstance(node, ast.IfExp):
        either = [_texts(node.body), _texts(node.orelse)]
        return [text for texts in either for text in texts or ["⟨⟩"]] if any(either) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [_texts(node.left), _texts(node.right)]
        return (
            ["".join(pair) for pair in itertools.product(*(side or ["⟨⟩"] for side in sides))] if any(sides) else None
        )
    if isinstance(node, ast.JoinedStr):
        parts = [_texts(value.value if isinstance(value, ast.FormattedValue) else value) for value in node.values]
        return ["".join(one) for one in itertools.product(*(part or ["⟨⟩"] for part in parts))]
    return None


def _sentences(code: str) -> Iterator[tuple[int, str]]:
    """(line, text) of what is written like a sentence, or handed to what tells one."""
    tree = ast.parse(code)
    above = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))  # documentation
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _name(node.func.value) == "_log":
            skipped |= {id(inside) for inside in ast.walk(node)}
    for node in ast.walk(tree):
        parent = above.get(id(node))
        inner = isinstance(parent, ast.JoinedStr | ast.FormattedValue | ast.BinOp) or (
            isinstance(parent, ast.IfExp) and node is not parent.test
        )
        if id(node) in skipped or inner or not isinstance(node, ast.expr):
            continue
        handed = isinstance(parent, ast.Call) and node in parent.args and _SAYS.match(_name(parent.func))
        for text in dict.fromkeys(_texts(node) or []):
            words = re.findall(r"[A-Za-z]{2,}", text)
            if len(words) > 1 and " " in text and (handed or re.search(r"\.$|; ", text.strip())):
                yield node.lineno, text


def _heard() -> dict[str, str]:
    """Sentence -> where it stands."""
    silent = [re.compile(".*".join(map(re.escape, one.split("*")))) for many in SILENT.values() for one in many]
    unheard = tuple(part for parts in UNHEARD.values() for part in parts)
    found: dict[str, str] = {}
    for part in HEARD:
        for path in _files(part):
            where = path.relative_to(ROOT).as_posix()
            if where.startswith(unheard):
                continue
            for line, text in _sentences(path.read_text("utf-8")):
                if not any(one.fullmatch(text) for one in silent):
                    found.setdefault(text, f"{where}:{line}")
    return found


def _as_said(text: str) -> str:
    """With something in every place: a sentence before a sentence, nothing where a place clings to a word, as what may
    be left out does, else what looks like a name."""
    text = re.sub(r"(?:⟨⟩)+", "⟨⟩", text.strip())
    text = re.sub(r"(?<=[a-z.])⟨⟩(?=[.:]|$)", "", text)
    text = re.sub(r"^(?=is )", "'⟨⟩' ", text)  # said of somebody who is named elsewhere
    number = itertools.count(1)
    text = re.sub("⟨⟩", lambda _: f"⟨{next(number)}⟩", text)
    return re.sub(r"^(⟨\d+⟩) (?=[A-Z])", r"\1. ", text)


_TOLD = """async texts => {
  const { told } = await import("/page/js/i18n.js");
  return texts.map(text => told(text));
}"""


def test_every_sentence_that_the_page_may_show_is_known_in_chinese(visit: Callable[..., Visit]) -> None:
    heard = _heard()
    assert len(heard) > 300, "the sentences are not found any more"
    there = visit(locale="zh-CN")
    told: list[list[dict[str, str]]] = there.page.evaluate(_TOLD, [_as_said(text) for text in heard])
    latin = re.compile(r"(?<![.\w])[A-Za-z]{2,}(?![.\w]*\.(?:task|toml))")  # the names of files are no words
    ours = {word for group in KNOWN.values() for chinese in group.values() for word in latin.findall(chinese)}
    unknown = [
        f"{where}: {text}"
        for (text, where), parts in zip(heard.items(), told, strict=True)
        if any(set(latin.findall(part["text"])) - (ours if part["lang"] == "zh" else set()) for part in parts)
    ]
    assert not unknown, f"{len(unknown)} not in daemon/page/said/zh.json:\n" + "\n".join(unknown)


def test_what_is_said_to_be_unheard_is_there() -> None:
    """An exception that excuses nothing is taken out."""
    for paths in UNHEARD.values():
        for path in paths:
            assert (ROOT / path).exists(), path
    code = {path: path.read_text("utf-8") for part in HEARD for path in _files(part)}
    everything = [text for content in code.values() for _, text in _sentences(content)]
    for sentences in SILENT.values():
        for one in sentences:
            shape = re.compile(".*".join(map(re.escape, one.split("*"))))
            assert any(shape.fullmatch(text) for text in everything), one


def _files(part: str) -> list[Path]:
    return sorted((ROOT / part).rglob("*.py")) if (ROOT / part).is_dir() else [ROOT / part]


# ---- where they are shown ----------------------------------------------------------------------------------------


def test_the_daemons_words_are_chinese_wherever_they_appear(visit: Callable[..., Visit], double: Double) -> None:
    """Advice, a persona's fault, OBS, a toast, a problem, devices, settings, the door: each marked as what it is."""
    stage = double.stage
    obs = dict(stage.status()["obs"]) | {"connected": False, "problem": "OBS closed the connection."}
    lost = "camera 0 was unplugged or taken away; plug it in again or choose another."
    stage.extra = {"obs": obs, "problems": [lost], "hints": [hint(lost)]}  # type: ignore[typeddict-item]
    stage.quality = {"score": 0.4, "advice": "Look straight into the camera: your head is turned by 31°."}
    stage.more_personas = [
        {"name": "gone", "description": "", "ready": False, "on_stage": False, "hotkey": None,
         "problem": "profile.toml:3: there is no setting 'facee'. Did you mean 'face'?", "reveals": False},
        {"name": "猫", "description": "一只猫。", "ready": True, "on_stage": False, "hotkey": None, "problem": None,
         "reveals": False},
        {"name": "chat", "description": "Un chat.", "ready": True, "on_stage": False, "hotkey": None, "problem": None,
         "reveals": False},
    ]  # fmt: skip
    stage.settings_problem = "settings.toml:3: 'show.fps' is 500: input should be less than or equal to 120.\n"
    stage.settings_problem += "The settings from before stay in force."
    there = visit(locale="zh-CN")
    page = there.page

    def chinese(where: str, text: str) -> None:
        marked = page.locator(where).locator("xpath=descendant-or-self::*[@lang='zh']").filter(has_text=text)
        expect(marked.first).to_be_visible()

    chinese(".problem", "摄像头 0 已被拔出或移除")
    chinese("#reference", "请正视摄像头：头部左右偏转 31°。")
    chinese(".persona[data-problem] .persona-what", "没有“facee”这项设置。是否想写“face”？")
    mixed = page.locator(".persona[data-problem] .persona-what [lang=en]")
    expect(mixed).to_have_text("profile.toml:3: ")
    for name, language in (("猫", ""), ("chat", "")):
        described = page.locator(".persona", has_text=name).locator(".persona-what").first
        assert described.get_attribute("lang") == language
    stage.error = ControlError("The daemon is busy: too many calls hang; see `obs-portrait status`.")
    page.get_by_role("button", name="bronze").click()
    chinese(".toast p", "OBS Portrait 正忙：太多请求没有响应；详见 `obs-portrait status`。")
    stage.error = None
    there.go("scenes")
    chinese(".card .hint", "OBS 关闭了连接。")
    there.go("settings")
    chinese(".note.warn", "“show.fps”是 500：应小于或等于 120。")
    chinese(".note.warn", "之前的设置仍然有效。")
    expect(page.get_by_label("声音输出到").locator("option[value=off]")).to_have_text("关闭")
    expect(page.get_by_label("声音输出到").locator("option[value=speaker]")).to_have_text("默认（HD 560S）")
    there.page.evaluate("localStorage.removeItem('obs-portrait.key')")
    page.goto("about:blank")
    page.goto(double.url + "/#WRNG-WRNG-WRNG")
    chinese(".door .note", "此代码错误、已使用或已超过两分钟；用 `obs-portrait dock` 获取新代码。")


def test_what_is_not_known_stays_english_and_is_marked(visit: Callable[..., Visit], double: Double) -> None:
    double.stage.error = ControlError("Nobody has ever heard this; the show goes on.")
    there = visit(locale="zh-CN")
    there.page.get_by_role("button", name="bronze").click()
    toast = there.page.locator(".toast p")
    expect(toast.locator("[lang=en]")).to_have_text("Nobody has ever heard this; ")
    expect(toast.locator("[lang=zh]")).to_have_text("节目照常进行。")
