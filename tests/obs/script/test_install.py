"""Entering the script into OBS's scene collections, and leaving them as they were."""

from __future__ import annotations

import copy
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_portrait.errors import ObsError
from obs_portrait.obs.script.install import SCRIPT, by_hand, install_script, script_dir, uninstall_script
from obs_portrait.obs.script.running import obs_uses
from tests.obs.conftest import needs_obs
from tests.obs.real_obs import RealObs, collection, until

FILES = (SCRIPT, "obs_portrait_link.py", "obs_portrait_worker.py")


def closed(config_dir: Path) -> bool:
    """No OBS runs."""
    return False


def put(config: Path, name: str, content: Any) -> Path:
    """A scene collection, or whatever content is, in a configuration of OBS."""
    path = config / "basic" / "scenes" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode())
    return path


def scripts(path: Path) -> list[dict[str, Any]]:
    """The list of scripts in a collection."""
    return list(json.loads(path.read_text("utf-8"))["modules"]["scripts-tool"])


def test_every_collection_gets_the_script_once(tmp_path: Path) -> None:
    other = {"path": "/elsewhere/other.lua", "settings": {"a": 1}}
    paths = [
        put(tmp_path, "One", collection("One")),
        put(tmp_path, "Zwei 🎬", collection("Zwei 🎬", modules={"scripts-tool": [other], "output-timer": {"b": 2}})),
    ]
    done = install_script(tmp_path, target=tmp_path / "s", running=closed)
    assert done.complete
    assert done.changed == ["One", "Zwei 🎬"]
    assert scripts(paths[0]) == [{"path": str(done.script), "settings": {}}]
    assert scripts(paths[1]) == [other, {"path": str(done.script), "settings": {}}]
    assert json.loads(paths[1].read_text("utf-8"))["modules"]["output-timer"] == {"b": 2}
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths]
    again = install_script(tmp_path, target=tmp_path / "s", running=closed)
    assert (again.changed, again.unchanged, again.complete) == ([], ["One", "Zwei 🎬"], True)
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths] == before


def test_the_files_are_the_ones_of_this_version(tmp_path: Path) -> None:
    put(tmp_path, "One", collection())
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / SCRIPT).write_text("# an older version")
    install_script(tmp_path, target=folder, running=closed)
    source = Path(__file__).parents[3] / "obs_portrait" / "obs" / "script"
    for name in FILES:
        assert (folder / name).read_bytes() == (source / name).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


def test_a_script_that_moved_keeps_its_keys(tmp_path: Path) -> None:
    keys = {"obs_portrait.panic": [{"key": "OBS_KEY_F1"}]}
    old = {"path": f"C:\\Users\\me\\old\\{SCRIPT}", "settings": keys}
    path = put(
        tmp_path, "One", collection(modules={"scripts-tool": [old, {"path": f"/twice/{SCRIPT}", "settings": {}}]})
    )
    done = install_script(tmp_path, target=tmp_path / "s", running=closed)
    assert scripts(path) == [{"path": str(done.script), "settings": keys}]


def test_the_collection_from_before_is_kept_beside_it(tmp_path: Path) -> None:
    path = put(tmp_path, "One", collection())
    path.chmod(0o600)
    before = path.read_bytes()
    install_script(tmp_path, target=tmp_path / "s", running=closed)
    backup = path.with_name("One.json.before-obs-portrait")
    assert backup.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {entry.name for entry in path.parent.iterdir()} == {"One.json", backup.name}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"modules": []}',
        b'{"modules": {"scripts-tool": {}}}',
    ],
)
def test_what_obs_did_not_write_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = put(tmp_path, "Broken", content)
    put(tmp_path, "Fine", collection())
    done = install_script(tmp_path, target=tmp_path / "s", running=closed)
    assert path.read_bytes() == content
    assert done.changed == ["Fine"]
    assert len(done.problems) == 1
    assert "Broken.json" in done.problems[0]
    assert "\n" not in done.problems[0]
    assert not done.complete


def test_strange_entries_in_the_list_stay(tmp_path: Path) -> None:
    strange = [7, None, {}, {"path": 3}, {"path": "/x.lua"}]
    path = put(tmp_path, "One", collection(modules={"scripts-tool": copy.deepcopy(strange)}))
    install_script(tmp_path, target=tmp_path / "s", running=closed)
    assert scripts(path)[:-1] == strange
    uninstall_script(tmp_path, target=tmp_path / "s", running=closed)
    assert scripts(path) == strange


def test_a_write_that_fails_leaves_the_collection_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "One", collection())
    install_script(tmp_path, target=tmp_path / "s", running=closed)
    uninstall_script(tmp_path, target=tmp_path / "s", running=closed)
    before = path.read_bytes()
    real = Path.replace

    def full(self: Path, target: Path) -> Path:
        if Path(target) == path:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    done = install_script(tmp_path, target=tmp_path / "s", running=closed)
    assert "No space left on device" in done.problems[0]
    assert path.read_bytes() == before
    assert not [entry for entry in path.parent.iterdir() if entry.name.startswith(".")]


def test_while_obs_runs_only_the_files_are_copied(tmp_path: Path) -> None:
    path = put(tmp_path, "One", collection())
    before = path.read_bytes()
    done = install_script(tmp_path, target=tmp_path / "s", running=lambda folder: folder == tmp_path)
    assert done.running
    assert not done.complete
    assert done.script.exists()
    assert path.read_bytes() == before
    assert str(done.script) in by_hand(done.script)
    assert uninstall_script(tmp_path, target=tmp_path / "s", running=lambda folder: True).running
    assert done.script.exists()


def test_no_collection_and_no_obs_are_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = install_script(tmp_path, target=tmp_path / "s", running=closed)
    assert "start OBS once" in done.problems[0]
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    done = install_script(target=tmp_path / "s", running=closed)
    assert "No configuration of OBS" in done.problems[0]
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ObsError, match="cannot be put into"):
        install_script(tmp_path, target=tmp_path / "file" / "s", running=closed)


def test_the_configuration_that_was_used_last_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("OBS_PORTRAIT_CONFIG_DIR", str(tmp_path / "ours"))
    plain = put(tmp_path / ".config" / "obs-studio", "Plain", collection())
    flatpak = put(tmp_path / ".var/app/com.obsproject.Studio/config/obs-studio", "Flatpak", collection())
    os.utime(plain.parent, (1, 1))
    done = install_script(running=closed)
    assert done.changed == ["Flatpak"]
    assert done.script == tmp_path / "ours" / "obs-script" / SCRIPT == script_dir() / SCRIPT
    assert len(scripts(flatpak)) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text(), _JSON, max_size=6),
    st.dictionaries(st.text(), _JSON, max_size=4),
    st.lists(_JSON, max_size=4),
)
def test_in_and_out_again_changes_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any], modules: dict[str, Any], listed: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("law")
    whole = {**content, "modules": {**modules, "scripts-tool": listed}}
    text = json.dumps(whole).encode()
    path = put(folder, "Any", text)
    assert install_script(folder, target=folder / "s", running=closed).changed == ["Any"]
    assert json.loads(path.read_bytes())["modules"]["scripts-tool"][:-1] == listed
    assert uninstall_script(folder, target=folder / "s", running=closed).changed == ["Any"]
    assert json.loads(path.read_bytes()) == json.loads(text)
    assert not (folder / "s").exists()


@pytest.mark.real
def test_a_real_obs_is_seen_running_and_only_for_its_own_settings(tmp_path: Path) -> None:
    needs_obs()
    with RealObs(tmp_path / "obs") as obs:
        assert obs_uses(obs.config_dir)
        assert not obs_uses(tmp_path / "another" / ".config" / "obs-studio")
        done = install_script(obs.config_dir, target=tmp_path / "s")
        assert done.running
        obs.stop()
        assert not obs_uses(obs.config_dir)
        assert install_script(obs.config_dir, target=tmp_path / "s").changed == ["Tests"]
        obs.start()
        until(lambda: f"Loaded python script: {SCRIPT}" in obs.log(), 20, "OBS loads it")
        obs.stop()
        assert uninstall_script(obs.config_dir, target=tmp_path / "s").changed == ["Tests"]
        obs.start()
        assert "Loaded python script" not in obs.log()
