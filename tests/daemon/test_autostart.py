"""What starts at login: exact, idempotent, told; read back by the rules of each system."""

from __future__ import annotations

import configparser
import json
import plistlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from daemon import autostart
from daemon.cli import app
from obs_portrait.errors import DesktopError

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps it in the registry")
xdg = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="XDG autostart is for Linux and the like")


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file will be: in a folder with a space."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "my config"))
    return tmp_path / "my config" / "autostart" / "obs-portrait.desktop"


def exec_line(text: str) -> list[str]:
    """The program and its arguments, taken apart as the Desktop Entry Specification says: the string's escapes first,
    then the quotes of the line, then the field codes."""
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read_string(text)
    line = parser["Desktop Entry"]["Exec"]
    line = re.sub(r"\\(.)", lambda found: {"s": " ", "n": "\n", "t": "\t", "r": "\r"}.get(found[1], found[1]), line)
    found = []
    while line:
        word = re.match(r'"((?:\\.|[^"\\])*)"|[^\s"]+', line)
        assert word, f"{line!r} begins with a word"
        plain = word[0] if word[1] is None else re.sub(r'\\(["`$\\])', r"\1", word[1])
        found.append(plain.replace("%%", "%"))
        line = line[word.end() :]
        assert not line or line[0] == " "
        line = line[1:]
    return found


@xdg
def test_on_and_off_say_what_they_did_and_do_nothing_twice(entry: Path) -> None:
    assert autostart.switch_off().sentence == f"OBS Portrait did not start at login ({entry})."
    assert autostart.switch_on().sentence == f"OBS Portrait starts at your next login ({entry})."
    written = entry.stat().st_mtime_ns
    assert autostart.switch_on().sentence == f"OBS Portrait already starts at login ({entry})."
    assert entry.stat().st_mtime_ns == written
    assert autostart.status().on
    assert exec_line(entry.read_text()) == [sys.executable, "-P", "-m", "daemon.cli", "run"]
    assert autostart.switch_off().sentence == f"OBS Portrait no longer starts at login ({entry})."
    assert not entry.exists()
    assert not list(entry.parent.iterdir())
    assert not autostart.status().on


@xdg
def test_what_a_desktop_switched_off_is_off(entry: Path) -> None:
    autostart.switch_on()
    entry.write_text(entry.read_text().replace("enabled=true", "enabled=false"))
    assert not autostart.status().on
    autostart.switch_on()
    assert autostart.status().on


@xdg
def test_another_copy_is_told_and_replaced(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/opt/an old copy/python")
        autostart.switch_on()
        assert autostart.status().sentence == f"OBS Portrait starts at login ({entry})."
    assert "Another copy" in autostart.status().sentence
    assert "obs-portrait autostart on" in autostart.status().sentence
    autostart.switch_on()
    assert "Another" not in autostart.status().sentence


@xdg
def test_a_folder_that_cannot_be_written_is_a_sentence(entry: Path) -> None:
    entry.parent.parent.mkdir()
    entry.parent.write_text("a file where the folder should be")
    with pytest.raises(DesktopError, match="cannot be written"):
        autostart.switch_on()


words = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=30)


@given(st.lists(words, min_size=1, max_size=4))
def test_any_path_survives_the_desktop_entry(wanted: list[str]) -> None:
    assert exec_line(autostart.xdg_entry(wanted)) == wanted


@given(st.lists(words, min_size=1, max_size=4))
def test_any_path_survives_the_property_list(wanted: list[str]) -> None:
    assert plistlib.loads(autostart.launch_agent(wanted))["ProgramArguments"] == wanted


def test_paths_with_spaces_in_the_run_key() -> None:
    assert autostart.run_value([r"C:\Program Files\py\pythonw.exe", "-m", "daemon.cli"]) == (
        r'"C:\Program Files\py\pythonw.exe" -m daemon.cli'
    )


@xdg
def test_the_entry_is_valid_and_starts_a_program(entry: Path, tmp_path: Path) -> None:
    """Really started, as a session would: by the line in the file, from another folder, with an empty PATH."""
    autostart.switch_on(("--version",))
    done = subprocess.run(
        exec_line(entry.read_text()), cwd=tmp_path, env={"HOME": str(tmp_path)}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("obs-portrait ")


@xdg
def test_the_command(entry: Path) -> None:
    assert "starts at your next login" in CliRunner().invoke(app, ["autostart", "on"]).output
    told = json.loads(CliRunner().invoke(app, ["autostart", "status", "--json"]).output)
    assert (told["on"], told["where"]) == (True, str(entry))
    assert "no longer" in CliRunner().invoke(app, ["autostart", "off"]).output
    assert CliRunner().invoke(app, ["autostart", "perhaps"]).exit_code == 2
