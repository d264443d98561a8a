"""settings.toml: mistakes with their lines, hot reload, changes that keep what its owner wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.settings import Settings, SettingsFile, parse
from obs_portrait.errors import ProfileError

WRITTEN = """# mine
[show]
source = "camera:1"  # the good one

[hotkeys]
panic = "Ctrl+Alt+F12"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    stamp = path.stat()
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1_000_000))  # two writes within one tick of the clock


def test_no_file_means_defaults(path: Path) -> None:
    file = SettingsFile(path)
    assert file.now == Settings()
    assert file.problem is None


def test_every_mistake_is_told_with_its_line_and_what_was_meant(path: Path) -> None:
    text = '[shwo]\n[show]\nfps = "30"\nsinkz = []\n[hotkeys]\npanic = "p"\n[control]\nport = 70000\n'
    with pytest.raises(ProfileError) as caught:
        parse(text, path)
    told = str(caught.value)
    assert "settings.toml:1: there is no section 'shwo'. Did you mean 'show'?" in told
    assert "settings.toml:3: 'show.fps'" in told
    assert "settings.toml:4: there is no setting 'show.sinkz'. Did you mean 'sinks'?" in told
    assert "settings.toml:6:" in told
    assert "while you type" in told
    assert "settings.toml:8: 'control.port'" in told


def test_a_bad_edit_keeps_the_old_settings_and_says_why_and_a_good_one_ends_it(path: Path) -> None:
    told: list[str | None] = []
    changes: list[Settings] = []
    _write(path, WRITTEN)
    file = SettingsFile(path, on_change=changes.append, on_problem=told.append)
    assert file.now.show.source == "camera:1"
    assert file.now.hotkeys.panic == "ctrl+alt+f12"
    _write(path, "[show\n")
    assert file.now.show.source == "camera:1"
    assert "from before stay in force" in str(told[-1])
    assert len(changes) == 0
    _write(path, '[show]\nsource = "screen"\n')
    assert file.now.show.source == "screen"
    assert told[-1] is None
    assert [one.show.source for one in changes] == ["screen"]
    path.unlink()
    assert file.now == Settings()


def test_a_change_keeps_comments_and_order(path: Path) -> None:
    _write(path, WRITTEN)
    file = SettingsFile(path)
    now = file.change({"show": {"fps": 60}, "hotkeys": {"panic": None}, "tray": {"language": "zh"}})
    assert (now.show.fps, now.tray.language, now.hotkeys.panic) == (60, "zh", Settings().hotkeys.panic)
    text = path.read_text("utf-8")
    assert "# mine" in text
    assert "# the good one" in text


@pytest.mark.parametrize("part", [{"show": {"fps": 0}}, {"nothing": {}}, {"show": {"source": 5}}, {"show": {"x": 1}}])
def test_a_change_with_a_mistake_changes_nothing(path: Path, part: dict[str, object]) -> None:
    _write(path, WRITTEN)
    file = SettingsFile(path)
    with pytest.raises(ProfileError):
        file.change(part)
    assert path.read_text("utf-8") == WRITTEN
    assert file.now.show.fps == 30


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"show": {"source": {"a": 1}}}, "'source' is one value"),
        ({"hotkeys": {"panic": {"a": {"b": 1}}}}, "'panic' is one value"),
        ({"show": {"sinks": [None]}}, "cannot be written"),
        ({"show": {"sinks": [{"a": [[None]]}]}}, "cannot be written"),
        ({"show": {"source": "\ud800"}}, "source"),
        ({"alarm": {"memory_growth_mb": float("inf")}}, "memory_growth_mb"),
        ({"alarm": {"least_fps": float("nan")}}, "least_fps"),
        ({"hotkeys": {"hold_limit_s": float("nan")}}, "hold_limit_s"),
        ({"alarm": {"memory_growth_mb": 10**400}}, "memory_growth_mb"),
        ({"alarm": {"memory_growth_mb": 10**5000}}, "settings.toml"),
    ],
)
def test_what_json_can_say_and_toml_cannot_is_refused_in_words(path: Path, part: dict[str, object], says: str) -> None:
    _write(path, WRITTEN)
    file = SettingsFile(path)
    with pytest.raises(ProfileError, match=says):
        file.change(part)
    assert path.read_text("utf-8") == WRITTEN


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = {name: list(field.annotation.model_fields) for name, field in Settings.model_fields.items() if field.annotation}


def _parts() -> st.SearchStrategy[dict[str, dict[str, object] | None]]:
    """Changes of sections that there are, and of keys that they have, to whatever JSON can say."""
    sections = {
        name: st.none() | st.dictionaries(st.sampled_from(keys) | st.text(max_size=8), _JSON, max_size=3)
        for name, keys in _KEYS.items()
    }
    return st.fixed_dictionaries({}, optional={**sections, "other": st.dictionaries(st.text(), _JSON, max_size=2)})


_DOTTED = """show.fps = 60
alarm = {least_fps = 5.0}
[hotkeys.switch]
ada = "ctrl+1"
[tray]
[hotkeys.hold]
ink = "ctrl+2"
"""


@given(st.sampled_from(["", WRITTEN, _DOTTED]), _parts())
def test_any_change_is_settings_that_json_can_tell_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, text: str, part: dict[str, dict[str, object] | None]
) -> None:
    path = tmp_path_factory.mktemp("any") / "settings.toml"
    path.write_text(text, "utf-8")
    try:
        now = SettingsFile(path).change(part)
    except ProfileError as error:
        assert "settings.toml" in str(error)
        assert path.read_text("utf-8") == text
    else:
        json.dumps(now.model_dump(mode="json"), allow_nan=False)
        assert SettingsFile(path).now == now


def test_a_file_with_mistakes_is_not_rewritten(path: Path) -> None:
    _write(path, "[show]\nfps = 0\n")
    with pytest.raises(ProfileError, match=r"settings\.toml:2"):
        SettingsFile(path).change({"show": {"source": "screen"}})
    assert path.read_text("utf-8") == "[show]\nfps = 0\n"


@given(st.text(max_size=60))
def test_any_text_is_settings_or_one_clear_error(text: str) -> None:
    try:
        assert isinstance(parse(text, Path("settings.toml")), Settings)
    except ProfileError as error:
        assert "settings.toml" in str(error)
