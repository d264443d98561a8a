"""Conflicts and mistakes are told with the place where they stand."""

from __future__ import annotations

from pathlib import Path

from daemon.hotkeys import HotkeySettings
from daemon.hotkeys.table import PersonaKey, compile_table, installed_keys
from daemon.settings import SettingsFile


def keys_of(table_text: dict[str, str], **settings: object) -> dict[str, str]:
    table = compile_table(
        HotkeySettings.model_validate(settings), [PersonaKey(name, key) for name, key in table_text.items()]
    )
    return {str(one.chord): str(one.action) for one in table.bindings}


def test_settings_and_profiles_together() -> None:
    found = keys_of({"ada": "ctrl+alt+1", "ink": None}, clip="f9", hold={"ink": "f10"})  # type: ignore[dict-item]
    assert found == {"ctrl+alt+p": "panic", "f9": "clip", "f10": "hold ink", "ctrl+alt+1": "switch ada"}


def test_the_key_of_the_settings_goes_before_the_profile() -> None:
    assert keys_of({"ada": "ctrl+alt+1"}, switch={"ada": "f9"}, panic="") == {"f9": "switch ada"}
    assert keys_of({"ada": "ctrl+alt+1", "ink": "f8"}, switch={"ada": ""}, panic="") == {"f8": "switch ink"}


def test_a_key_for_two_personas_names_both_places(tmp_path: Path) -> None:
    for name in ("ada", "ink"):
        (tmp_path / f"{name}.toml").write_text(f'name = "{name}"\n\n[obs]\nscenes = []\nhotkey = "ctrl+alt+1"\n')
    table = compile_table(
        HotkeySettings(), [PersonaKey(name, "ctrl+alt+1", tmp_path / f"{name}.toml") for name in ("ada", "ink")]
    )
    assert [str(one.action) for one in table.bindings] == ["panic", "switch ada"]
    (problem,) = table.problems
    assert problem.startswith(f"{tmp_path / 'ink.toml'}:5: the key ctrl+alt+1 for 'switch ink' is taken")
    assert f"{tmp_path / 'ada.toml'}:5" in problem


def test_mistakes_of_settings_and_profiles_have_their_lines(tmp_path: Path) -> None:
    path, profile = tmp_path / "settings.toml", tmp_path / "profile.toml"
    path.write_text('[hotkeys]\nclip = "f9"\n\n[hotkeys.hold]\nink = "f9"\nadda = "f10"\n')
    profile.write_text('[obs]\nhotkey = "ctrl+alt+F25"\n')
    settings = SettingsFile(path).now.hotkeys
    table = compile_table(settings, [PersonaKey("ada", "ctrl+alt+F25", profile), PersonaKey("ink", None)], path)
    taken, unknown, impossible = table.problems
    assert taken.startswith(f"{path}:5: the key f9 for 'hold ink' is taken by 'clip' ({path}:2)")
    assert unknown == f"{path}:6: there is no persona 'adda'. Did you mean 'ada'?"
    assert impossible.startswith(f"{profile}:2: the key 'ctrl+alt+F25' cannot be used: there is no key 'f25'.")


def test_a_default_that_is_in_no_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[hotkeys]\nclip = "ctrl+alt+p"\n')
    table = compile_table(SettingsFile(path).now.hotkeys, (), path)
    assert "taken by 'panic' (settings, hotkeys.panic)" in table.problems[0]


def test_the_built_in_personas_have_keys_of_their_own() -> None:
    table = compile_table(HotkeySettings(), installed_keys())
    assert not table.problems
    assert table.key_of("ada") == "ctrl+alt+3"
    assert table.key_of("nobody") is None
