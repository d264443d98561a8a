"""`obs-portrait profiles …` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli import app
from obs_portrait import resources
from tests.persona.conftest import GOOD, write

PORTRAIT = next(
    path
    for path in sorted(resources.profiles_dir().glob("*/portrait.png"))
    if not path.with_name("landmarks.npz").exists()
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OBS_PORTRAIT_CONFIG_DIR", str(tmp_path))
    return tmp_path / "profiles"


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["profiles", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return 1, f"{result.output}{result.exception}"
    return result.exit_code, result.output


def test_list_names_everything_and_marks_what_is_broken(home: Path) -> None:
    write(home / "broken", "nonsense")
    code, output = run("list", "--json")
    rows = {row["name"]: row for row in json.loads(output)}
    assert code == 0
    assert rows["broken"]["problems"]
    assert sum(row["origin"] == "built-in" for row in rows.values()) >= 4


def test_list_shows_a_description_as_it_stands(home: Path) -> None:
    write(home / "odd", GOOD.replace("a test", "[/b] [red]x[/red]"))
    code, output = run("list")
    assert code == 0, output
    assert "[/b]" in output


def test_show_prints_every_setting() -> None:
    name = PORTRAIT.parent.name
    code, output = run("show", name, "--json")
    shown = json.loads(output)
    assert code == 0
    assert {"face", "voice", "consent", "disclosure", "obs"} <= shown.keys()


def test_new_makes_a_persona_that_check_accepts(home: Path) -> None:
    words = ("--name", "mine", "--consent", "fictional", "--subject", "A bust", "--statement", "Drawn.")
    code, output = run("new", str(PORTRAIT), *words)
    assert (code, (home / "mine" / "profile.toml").is_file()) == (0, True), output
    assert run("check", "mine")[0] == 0
    code, output = run("new", str(PORTRAIT), *words)
    assert code == 1
    assert "already" in output


def test_new_says_that_a_built_in_persona_is_replaced(home: Path) -> None:
    name = PORTRAIT.parent.name
    code, output = run("new", str(PORTRAIT), "--name", name, "--consent", "self", "--subject", "x", "--statement", "y")
    assert code == 0, output
    assert f"takes the place of the built-in persona '{name}'" in output


def test_a_folder_can_be_checked_by_its_bare_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    code, output = run("check", "here", "--no-faces")
    assert (code, "vera: ok" in output) == (0, True), output


def test_new_refuses_a_picture_without_a_face_and_a_real_person(home: Path, tmp_path: Path) -> None:
    write(tmp_path / "plain")
    code, output = run(
        "new", str(tmp_path / "plain" / "portrait.png"), "--consent", "self", "--subject", "x", "--statement", "y"
    )
    assert (code, "no face" in output) == (1, True)
    code, output = run("new", str(PORTRAIT), "--consent", "friend", "--subject", "x", "--statement", "y")
    assert (code, "not accepted" in output) == (1, True)
    assert not home.exists() or not list(home.iterdir())


def test_check_shows_every_problem_and_fails(home: Path) -> None:
    write(home / "broken", "name = 3\n[face]\nengine = 'mehs'\n")
    code, output = run("check", "broken")
    assert code == 1
    assert ":3: " in output
    assert "consent" in output
