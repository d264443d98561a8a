"""The list of personas, and profiles that are edited while they play."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from daemon.hotkeys.settings import HotkeySettings
from daemon.troupe import Troupe
from obs_portrait import resources
from obs_portrait.persona import store
from obs_portrait.persona.profile import PROFILE, Profile


class _Session:
    """What a session is for a troupe."""

    def __init__(self, *names: str) -> None:
        self.profiles = {name: store.load(name) for name in names}
        self.persona = names[0]
        self.renewed: list[Profile] = []

    @property
    def personas(self) -> list[str]:
        return list(self.profiles)

    def profile(self, name: str) -> Profile | None:
        return self.profiles.get(name)

    def renew(self, persona: Profile) -> None:
        self.profiles[persona.name] = persona
        self.renewed.append(persona)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A persona of the user's own."""
    monkeypatch.setenv("OBS_PORTRAIT_CONFIG_DIR", str(tmp_path))
    folder = tmp_path / "profiles" / "mine"
    shutil.copytree(resources.profiles_dir() / "ink", folder)
    return folder


def _edit(folder: Path, old: str, new: str) -> None:
    path = folder / PROFILE
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_rows_are_the_sessions_first_and_say_what_is_wrong_with_others(mine: Path) -> None:
    (mine / PROFILE).write_text("[face\n")
    troupe = Troupe(_Session("ink", "ada"), lambda *note: None)
    rows = troupe.rows()
    assert [row["name"] for row in rows[:2]] == ["ink", "ada"]
    assert [row["on_stage"] for row in rows[:2]] == [True, False]
    broken = next(row for row in rows if row["name"] == "mine")
    assert "not valid TOML" in str(broken["problem"])
    assert not broken["ready"]


def test_a_row_tells_the_key_that_is_in_force(mine: Path) -> None:
    """The settings go before the profile, and a key that somebody else has is not told twice."""
    _edit(mine, '"ctrl+alt+5"', '"Ctrl+Alt+M"')
    settings = HotkeySettings()
    troupe = Troupe(_Session("mine", "ink"), lambda *note: None, lambda: settings)

    def key(name: str) -> str | None:
        return next(row["hotkey"] for row in troupe.rows() if row["name"] == name)

    assert key("mine") == "ctrl+alt+m"
    settings = HotkeySettings(switch={"mine": "ctrl+alt+n"})
    assert key("mine") == "ctrl+alt+n"
    settings = HotkeySettings(switch={"ink": "ctrl+alt+m"})
    assert (key("ink"), key("mine")) == ("ctrl+alt+m", None)
    settings = HotkeySettings(enabled=False, switch={"mine": "ctrl+alt+n"})
    assert key("mine") is None


def test_a_row_says_that_a_persona_shows_its_user(mine: Path) -> None:
    text = (mine / PROFILE).read_text("utf-8")
    before, _, after = text.partition("[voice]")
    (mine / PROFILE).write_text(
        f'{before}[voice]\nconverter = "reveal"\n\n[consent]{after.partition("[consent]")[2]}', "utf-8"
    )
    rows = {row["name"]: row["reveals"] for row in Troupe(_Session("ada"), lambda *note: None).rows()}
    assert rows["mine"] and not rows["ada"]


def test_profiles_are_read_again_only_if_a_file_is_another_one(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody asks for the rows every few seconds, all day long."""
    reads: list[int] = []
    real = store.list_profiles
    monkeypatch.setattr(store, "list_profiles", lambda: (reads.append(1), real())[1])
    monkeypatch.setattr("daemon.troupe._FRESH_S", 0.0)
    troupe = Troupe(_Session("ada"), lambda *note: None)
    for _ in range(3):
        rows = {row["name"]: row["description"] for row in troupe.rows()}
    assert len(reads) == 1 and rows["mine"].startswith("Jack Ink")
    _edit(mine, "Jack Ink:", "Jane Ink, too:")
    assert {row["name"]: row["description"] for row in troupe.rows()}["mine"].startswith("Jane Ink")
    shutil.rmtree(mine)
    assert "mine" not in {row["name"] for row in troupe.rows()}
    assert len(reads) == 3


def test_a_good_edit_is_taken_up_and_a_bad_one_keeps_what_plays(mine: Path) -> None:
    told: list[tuple[str, str, bool]] = []
    session = _Session("mine")
    troupe = Troupe(session, lambda *note: told.append(note))
    troupe.look()
    troupe.look()
    assert session.renewed == []

    _edit(mine, "description = ", 'description = "Edited" # ')
    troupe.look()
    assert session.renewed == []  # perhaps still being written
    troupe.look()
    assert [one.description for one in session.renewed] == ["Edited"]
    assert told[-1] == ("profile mine", "'mine' was edited; it is prepared anew.", False)

    _edit(mine, "[face]", "[faze]")
    troupe.look()
    troupe.look()
    troupe.look()
    assert len(session.renewed) == 1
    about, text, problem = told[-1]
    assert (about, problem) == ("profile mine", True)
    assert "there is no setting 'faze'. Did you mean 'face'?" in text
    assert "plays on as it was" in text
    assert len(told) == 2

    _edit(mine, "[faze]", "[face]")
    troupe.look()
    troupe.look()
    assert told[-1][2] is False  # the problem is over
    assert len(session.renewed) == 2


def test_another_picture_is_an_edit_too(mine: Path) -> None:
    session = _Session("mine")
    troupe = Troupe(session, lambda *note: None)
    troupe.look()
    picture = session.profiles["mine"].portrait_path
    picture.write_bytes(picture.read_bytes() + b"\0")
    troupe.look()
    troupe.look()
    assert len(session.renewed) == 1


def test_a_folder_that_is_gone_keeps_what_plays(mine: Path) -> None:
    told: list[tuple[str, str, bool]] = []
    session = _Session("mine")
    troupe = Troupe(session, lambda *note: told.append(note))
    troupe.look()
    shutil.rmtree(mine)
    for _ in range(4):
        troupe.look()
    assert session.renewed == []
    assert len(told) == 1
    assert told[0][2] is True
