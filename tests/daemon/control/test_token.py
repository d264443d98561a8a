"""control.json: where it is, what it says, and what is not believed."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.control.token import alive, control_file, new_token, publish, running, withdraw
from obs_portrait.obs.script.obs_portrait_link import UnreachableError, control_folders, find_endpoint, read_endpoint

GOOD = {"version": 1, "url": "http://127.0.0.1:4711", "token": "t" * 43, "pid": 1}


def test_it_is_where_platformdirs_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script inside OBS has no platformdirs; its few lines say the same."""
    import platformdirs.macos
    import platformdirs.unix

    monkeypatch.delenv("OBS_PORTRAIT_RUNTIME_DIR", raising=False)
    for state in ("/elsewhere/state", "", "relative"):
        monkeypatch.setenv("XDG_STATE_HOME", state)
        unix = platformdirs.unix.Unix("obs-portrait", appauthor=False)
        assert control_folders(platform="linux")[0] == Path(unix.user_state_dir)
    macos = platformdirs.macos.MacOS("obs-portrait", appauthor=False)
    assert control_folders(platform="darwin") == [Path(macos.user_state_dir)]


def test_it_is_where_platformdirs_says_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs.windows

    monkeypatch.setattr(platformdirs.windows, "get_win_folder", lambda name: rf"C:\Users\me\{name}")
    windows = platformdirs.windows.Windows("obs-portrait", appauthor=False)
    found = control_folders({"LOCALAPPDATA": r"C:\Users\me\CSIDL_LOCAL_APPDATA"}, "win32")
    assert [str(folder).replace("/", "\\") for folder in found] == [windows.user_state_dir.replace("/", "\\")]


def test_one_variable_moves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OBS_PORTRAIT_RUNTIME_DIR", str(tmp_path))
    assert control_file() == tmp_path / "control.json"
    assert control_folders() == [tmp_path]


def test_inside_a_flatpak_or_snap_the_users_own_folder_is_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    flatpak = {"XDG_STATE_HOME": "/home/me/.var/app/com.obsproject.Studio/.local/state"}
    assert Path("/home/me/.local/state/obs-portrait") in control_folders(flatpak, "linux")
    monkeypatch.setenv("HOME", "/home/me/snap/obs-studio/1")
    assert Path("/home/me/.local/state/obs-portrait") in control_folders({"SNAP_REAL_HOME": "/home/me"}, "linux")


def test_publish_replaces_whole_and_tidies_up(tmp_path: Path) -> None:
    path = tmp_path / "new" / "control.json"
    for port in (1, 2):
        publish(path, f"http://127.0.0.1:{port}", new_token())
        assert read_endpoint(path).port == port
        assert list(path.parent.iterdir()) == [path]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    withdraw(path, "not this one")
    assert path.exists()
    withdraw(path, read_endpoint(path).token)
    withdraw(path, "gone already")
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"7", b"\xff\xfe", b"[" * 4000,
        json.dumps({**GOOD, "version": 2}).encode(),
        json.dumps({**GOOD, "url": "http://evil.example:80"}).encode(),
        json.dumps({**GOOD, "url": "http://127.0.0.1:80@evil.example"}).encode(),
        json.dumps({**GOOD, "url": "http://127.0.0.1:4711/\r\nX: y"}).encode(),
        json.dumps({**GOOD, "token": "short"}).encode(),
        json.dumps({**GOOD, "token": "line\r\nbreak: " + "x" * 40}).encode(),
        json.dumps({**GOOD, "pid": "1"}).encode(),
        json.dumps({**GOOD, "more": "x" * 5000}).encode(),
    ],
)  # fmt: skip
def test_what_is_not_ours_is_not_believed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "control.json").write_bytes(content)
    with pytest.raises(UnreachableError, match=r"^[^\n]*$"):
        find_endpoint([tmp_path])


def test_the_first_usable_one_is_taken(tmp_path: Path) -> None:
    for name, content in (
        ("a", "{"),
        ("b", json.dumps(GOOD)),
        ("c", json.dumps({**GOOD, "url": "http://127.0.0.1:1"})),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "control.json").write_text(content)
    assert find_endpoint([tmp_path / name for name in ("none", "a", "b", "c")]).port == 4711


def test_another_users_file_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "control.json").write_text(json.dumps(GOOD))
    read_endpoint(tmp_path / "control.json")
    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    with pytest.raises(UnreachableError, match="another user"):
        read_endpoint(tmp_path / "control.json")


def test_the_token_is_in_no_repr(tmp_path: Path) -> None:
    (tmp_path / "control.json").write_text(json.dumps(GOOD))
    endpoint = read_endpoint(tmp_path / "control.json")
    assert endpoint.token not in repr(endpoint)
    assert endpoint.token not in f"{endpoint}"


def test_dead_and_living_processes_are_told_apart(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert alive(other.pid)
        (tmp_path / "control.json").write_text(json.dumps({**GOOD, "pid": other.pid}))
        assert running(tmp_path / "control.json") == other.pid
        other.kill()
    assert not alive(other.pid)
    assert running(tmp_path / "control.json") is None
    assert running(tmp_path / "nothing") is None
    assert not alive(0)
    assert not alive(-1)
