"""From the daemon's state to what is shown: every state, every language, no window system."""

from __future__ import annotations

import itertools
import json
import string
import tomllib
from importlib import resources
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.control.stage import Persona
from daemon.hotkeys import HotkeySettings
from daemon.hotkeys.table import PersonaKey, compile_table
from daemon.tray.drawing import draw
from daemon.tray.menu import Entry, Snapshot, View, build, mood_of
from daemon.tray.mood import Mood
from daemon.tray.words import LANGUAGES, Words, language_of_the_desktop
from tests.daemon.control.stand_in import StageStandIn


def view(language: str = "en", **status: Any) -> View:
    stage = StageStandIn()
    stage.extra = status  # type: ignore[assignment]
    table = compile_table(HotkeySettings(), [PersonaKey("ada", "ctrl+alt+3")])
    return build(Snapshot(stage.status(), stage.personas(), keys=table), Words(language))


def row(shown: View, beginning: str) -> Entry:
    (found,) = [entry for entry in shown.entries if entry.text.startswith(beginning)]
    return found


@pytest.mark.parametrize(
    ("status", "mood"),
    [
        ({"state": "live"}, Mood.LIVE), ({"state": "hold"}, Mood.FROZEN), ({"state": "card"}, Mood.FROZEN),
        ({"state": "portrait"}, Mood.SEARCHING), ({"state": "portrait", "face_on": False}, Mood.FROZEN),
        ({"state": "waiting"}, Mood.SEARCHING), ({"state": "source lost"}, Mood.SEARCHING),
        ({"state": "starting"}, Mood.SEARCHING), ({"state": "revealed"}, Mood.REVEALED), ({"off": True}, Mood.OFF),
        ({"running": False}, Mood.OFF), ({"panic": True, "off": True}, Mood.PANIC),
        ({"state": "revealed", "panic": True}, Mood.PANIC),
    ],
)  # fmt: skip
def test_every_state_has_its_icon(status: dict[str, Any], mood: Mood) -> None:
    assert mood_of({"running": True, **status}) is mood  # type: ignore[typeddict-item]


def test_personas_with_their_keys_and_who_is_on_stage() -> None:
    shown = view()
    ada = row(shown, "ada\t")
    assert (ada.text, ada.action, ada.checked, ada.radio) == ("ada\tCtrl+Alt+3", "switch ada", True, True)
    assert (row(shown, "bronze").checked, row(shown, "bronze").radio) == (False, True)


def test_a_persona_that_shows_you_says_so() -> None:
    stage = StageStandIn("ada", "me")
    ada, me = stage.personas()
    rows = cast(list[Persona], [{**ada, "reveals": False}, {**me, "reveals": True}])
    table = compile_table(HotkeySettings(), [PersonaKey("me", "ctrl+alt+3")])
    shown = build(Snapshot(stage.status(), rows, keys=table), Words("en"))
    assert row(shown, "me").text == "me (your real self)\tCtrl+Alt+3"
    assert row(shown, "me").action == "switch me"
    assert "ada" in [entry.text for entry in shown.entries]


def test_only_a_key_that_is_heard_is_shown() -> None:
    stage = StageStandIn("ada")
    rows = stage.personas()
    rows[0]["hotkey"] = "ctrl+alt+3"
    (ada,) = [entry for entry in build(Snapshot(stage.status(), rows), Words("en")).entries if entry.radio]
    assert ada.text == "ada"


def test_many_personas_go_into_a_submenu_and_broken_ones_nowhere() -> None:
    stage = StageStandIn(*(f"p{number:02}" for number in range(20)))
    personas = stage.personas()
    personas[3]["problem"] = "There is no picture."
    shown = build(Snapshot(stage.status(), personas), Words("en"))
    more = row(shown, "More personas")
    assert len(more.children) == 19 - 12
    assert "switch p03" not in json.dumps(shown.as_dict())


def test_switches_show_how_they_are() -> None:
    shown = view(face_on=False, off=True, reference={"current": 1.0, "best": 0.5})
    assert (row(shown, "Face").checked, row(shown, "Voice").checked, row(shown, "Rest").checked) == (False, True, True)
    assert row(shown, "Search").checked
    assert row(shown, "Recalibrate").action is None  # nobody is looked at


def test_obs_and_problems_are_told() -> None:
    assert row(view(), "OBS").text == "OBS 29.0.2: Ada, streaming"
    assert row(view(obs={"connected": False}), "OBS is").action is None
    shown = view(problems=["The camera is gone; it is looked for.\nMore.", "b" * 300, "third"])
    assert [entry.text for entry in shown.entries if entry.text.startswith("⚠")] == [
        "⚠ The camera is gone; it is looked for.", f"⚠ {'b' * 89}…",
    ]  # fmt: skip


def test_figures_change_the_title_and_not_the_menu() -> None:
    one, other = view(fps=29.8), view(fps=12.1, latency={"picture_ms": 87.0})
    assert one.entries == other.entries
    assert one.title == "ada: live\n30 fps, 40 ms"
    assert other.title == "ada: live\n12 fps, 90 ms"


names = st.text(st.characters(codec="utf-8"), max_size=40)


@given(st.sampled_from(LANGUAGES), names, st.sampled_from([mood.value for mood in Mood]), names)
def test_names_of_any_letters_are_shown_as_they_are(language: str, persona: str, state: str, scene: str) -> None:
    shown = view(language, persona=persona, state=state, obs={"connected": True, "scene": scene, "version": "30"})
    assert persona in shown.title
    assert any(scene in entry.text for entry in shown.entries)
    assert json.loads(json.dumps(shown.as_dict()))["title"] == shown.title


def test_every_language_has_every_word_with_its_fields() -> None:
    def fields(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    tables = {}
    for language in LANGUAGES:
        text = resources.files("daemon.tray").joinpath("strings", f"{language}.toml").read_text("utf-8")
        tables[language] = tomllib.loads(text)
    for key, english in tables["en"].items():
        for language, table in tables.items():
            assert fields(table[key]) == fields(english), (language, key)
    assert len({len(table) for table in tables.values()}) == 1


def test_the_language_of_the_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    for value, language in (("zh_CN.UTF-8", "zh"), ("de_DE.UTF-8", "en"), ("en_GB", "en"), ("C", "en")):
        monkeypatch.setenv("LANG", value)
        assert language_of_the_desktop() == language
    assert Words("zh")("quit") != Words("en")("quit")


@pytest.mark.parametrize("size", [16, 22, 24, 32, 48, 64])
def test_icons_are_told_apart_in_grey_at_every_size(size: int) -> None:
    """What is opaque, and how bright it is, differs between any two of them in a good part of the picture."""
    grey = {mood: np.asarray(draw(mood, size).convert("LA"), float) for mood in Mood}
    for one, other in itertools.combinations(Mood, 2):
        differs = np.abs(grey[one] - grey[other]).max(2) > 60
        assert differs.shape == (size, size)
        assert differs.mean() > 0.2, (one, other)


@pytest.mark.parametrize("mood", Mood)
def test_icons_are_seen_on_dark_and_on_light_panels(mood: Mood) -> None:
    picture = np.asarray(draw(mood, 32), float)
    opacity = picture[:, :, 3:] / 255
    for panel in (0, 40, 215, 255):
        shown = picture[:, :, :3] * opacity + panel * (1 - opacity)
        assert (np.abs(shown - panel).max(2) > 70).mean() > 0.1, panel
