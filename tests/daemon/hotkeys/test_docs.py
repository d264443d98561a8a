"""docs/hotkeys.md: its example is valid, names every setting, and its list of keys is complete."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from daemon.cli import app
from daemon.hotkeys import HotkeySettings
from daemon.hotkeys.chord import KEYS
from daemon.hotkeys.table import compile_table

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "hotkeys.md").read_text("utf-8")


def test_the_example_can_be_typed_as_it_stands() -> None:
    example = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    settings = HotkeySettings.model_validate(tomllib.loads(example[1])["hotkeys"])
    assert settings.model_fields_set == set(HotkeySettings.model_fields) - {"enabled"}
    assert not compile_table(settings).problems


def test_every_key_is_named() -> None:
    named = set(re.findall(r"`([a-z0-9]+)`", TEXT))
    ranges = re.compile(r"[a-z0-9]|f\d+|num\d|up|down|left|right")
    assert not {key for key in KEYS if not ranges.fullmatch(key)} - named


def test_every_command_exists() -> None:
    commands = {command.name or str(getattr(command.callback, "__name__", "")) for command in app.registered_commands}
    row = next(line for line in TEXT.splitlines() if line.startswith("| a command"))
    said = {text.removeprefix("obs-portrait ").split()[0] for text in re.findall(r"`([^`]+)`", row)}
    groups = {group.name for group in app.registered_groups}
    assert not said - commands - groups
