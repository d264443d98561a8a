"""Address and password in OBS's own configuration, of every version and platform; and a password that a user typed."""

from __future__ import annotations

import json
import stat
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.errors import ObsError
from obs_portrait.obs import discovery, keeping
from obs_portrait.obs.address import Address, Secret

INI = """[General]
x=1

[OBSWebSocket]
FirstLoad=false
ServerEnabled={on}
ServerPort={port}
AuthRequired={auth}
ServerPassword={password}
"""


def write_ini(
    folder: Path,
    on: str = "true",
    port: object = 4460,
    auth: str = "true",
    password: str = "pw",  # noqa: S107 - of nobody
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "global.ini"
    file.write_text("\ufeff" + INI.format(on=on, port=port, auth=auth, password=password), "utf-8")
    return file


def write_json(folder: Path, **changes: object) -> Path:
    file = folder / "plugin_config" / "obs-websocket" / "config.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    usual = {"server_enabled": True, "server_port": 4470, "auth_required": True, "server_password": "newer"}
    file.write_text(json.dumps({**usual, **changes}), "utf-8")
    return file


def test_obs_28_and_29_keep_it_in_global_ini(tmp_path: Path) -> None:
    write_ini(tmp_path)
    address = discovery.find([tmp_path])
    assert address is not None
    assert (address.host, address.port, address.password.reveal()) == ("127.0.0.1", 4460, "pw")
    write_ini(tmp_path, auth="false")
    address = discovery.find([tmp_path])
    assert address is not None
    assert not address.password


def test_obs_30_keeps_it_in_a_json_file_which_then_counts(tmp_path: Path) -> None:
    write_ini(tmp_path)
    write_json(tmp_path)
    address = discovery.find([tmp_path])
    assert address is not None
    assert (address.port, address.password.reveal()) == (4470, "newer")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"server_port": "many"}', '{"server_port": 99999}', "\x00" * 50])
def test_a_broken_file_is_passed_over(tmp_path: Path, text: str) -> None:
    write_ini(tmp_path)
    write_json(tmp_path).write_text(text)
    address = discovery.find([tmp_path])
    assert address is not None
    assert address.port == 4460


def test_nothing_and_switched_off(tmp_path: Path) -> None:
    assert discovery.find([tmp_path / "nowhere"]) is None
    write_ini(tmp_path, on="false")
    with pytest.raises(ObsError, match="Enable WebSocket server"):
        discovery.find([tmp_path])
    write_ini(tmp_path / "flatpak")
    address = discovery.find([tmp_path, tmp_path / "flatpak"])  # one that is on goes before one that is off
    assert address is not None


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=40))
def test_any_password_survives_global_ini(tmp_path_factory: pytest.TempPathFactory, password: str) -> None:
    folder = tmp_path_factory.mktemp("obs")
    escaped = password.replace("\\", "\\\\")
    write_ini(folder, password=escaped)
    found = discovery.read_config(folder)
    assert found is not None
    assert found.password.reveal() == password.strip()


def test_places_of_every_platform() -> None:
    home = Path("/home/me")
    linux = discovery.config_dirs("linux", {}, home)
    assert home / ".config" / "obs-studio" in linux
    assert home / ".var/app/com.obsproject.Studio/config/obs-studio" in linux
    assert discovery.config_dirs("linux", {"XDG_CONFIG_HOME": "/x"}, home)[0] == Path("/x/obs-studio")
    assert discovery.config_dirs("win32", {"APPDATA": "/roaming"}, home) == [Path("/roaming/obs-studio")]
    assert discovery.config_dirs("darwin", {}, home) == [home / "Library/Application Support/obs-studio"]


# ---- what a user typed ---------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OBS_PORTRAIT_CONFIG_DIR", str(tmp_path))
    monkeypatch.setattr(keeping, "_keyring", lambda: None)
    return tmp_path


def test_a_password_is_kept_where_only_its_owner_can_read_it(own: Path) -> None:
    told = keeping.remember(Address("studio", 4460, Secret("hush")))
    assert "hush" not in told
    assert keeping.find_address() == Address("studio", 4460, Secret("hush"), "obs-portrait obs password")
    if sys.platform != "win32":
        assert stat.S_IMODE(keeping.address_file().stat().st_mode) == 0o600
    assert keeping.forget()
    assert not keeping.forget()


def test_what_is_kept_and_cannot_be_read_is_one_sentence(own: Path) -> None:
    keeping.address_file().write_text("{")
    with pytest.raises(ObsError, match="obs password --forget"):
        keeping.find_address()
    assert keeping.forget()


def test_a_keyring_keeps_it_if_there_is_one(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[tuple[str, str], str] = {}
    fake = types.SimpleNamespace(  # a FAKE of the keyring package
        set_password=lambda service, name, text: kept.__setitem__((service, name), text),
        get_password=lambda service, name: kept.get((service, name)),
        delete_password=lambda service, name: kept.pop((service, name)),
    )
    monkeypatch.setattr(keeping, "_keyring", lambda: fake)
    assert keeping.remember(Address("studio", 4460, Secret("hush"))) == "the system's keyring"
    assert "hush" not in keeping.address_file().read_text()
    assert keeping.find_address().password.reveal() == "hush"
    keeping.forget()
    assert not kept

    def broken(*_: object) -> None:
        raise RuntimeError("locked")

    monkeypatch.setattr(fake, "set_password", broken)
    assert "only you can read it" in keeping.remember(Address("studio", 4460, Secret("hush")))


@given(st.sampled_from(["127.0.0.1", "::1", "studio-pc", "a.b.example"]), st.integers(1, 65535))
def test_an_address_is_read_as_it_is_written(host: str, port: int) -> None:
    text = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    assert keeping.parse_address(text) == (host, port)


@pytest.mark.parametrize("text", ["", ":", "host:", "host:x", "host:0", "host:70000", "ws://host", "a b", "me@host:1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ObsError, match="is no address of OBS"):
        keeping.parse_address(text)
