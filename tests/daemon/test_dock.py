"""`obs-portrait dock`."""

from __future__ import annotations

import json
import stat
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
from typer.testing import CliRunner

from daemon.cli import app
from daemon.control.browser import open_page
from daemon.control.server import ControlServer
from tests.daemon.control.stand_in import StageStandIn


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ControlServer]:
    """A daemon of this user's."""
    monkeypatch.setenv("OBS_PORTRAIT_RUNTIME_DIR", str(tmp_path / "run"))
    with ControlServer(StageStandIn()) as made:
        yield made


def test_it_prints_a_link_that_signs_in(server: ControlServer) -> None:
    result = CliRunner().invoke(app, ["dock"])
    assert result.exit_code == 0
    link, _, rest = result.output.partition("\n")
    assert link.startswith(f"{server.url}/#")
    assert "Custom Browser Docks" in rest
    assert server._sessions is not None
    assert server._sessions.enter(link.partition("#")[2]) is not None
    told = json.loads(CliRunner().invoke(app, ["dock", "--json"]).output)
    assert told["url"].startswith(server.url)
    assert told["seconds"] == 120


def test_the_code_is_in_no_command_line(server: ControlServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every user of a computer sees what others' programs are called with."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) is None)
    link = CliRunner().invoke(app, ["dock", "--open"]).output.splitlines()[0]
    (url,) = opened
    code = link.partition("#")[2]
    assert code not in url
    path = Path(url2pathname(urlparse(url).path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert link in path.read_text("utf-8")


def test_a_link_cannot_break_out_of_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: True)
    assert open_page('http://127.0.0.1:1/#"><script>', tmp_path)
    assert "<script>" not in (tmp_path / "open.html").read_text("utf-8")


def test_every_page_can_be_signed_out(server: ControlServer) -> None:
    assert server._sessions is not None
    given = server._sessions.enter(server._sessions.new_code())
    assert given is not None
    assert CliRunner().invoke(app, ["dock", "--forget"]).exit_code == 0
    assert not server._sessions.knows(given.cookie)


def test_without_a_browser_it_says_so(server: ControlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    result = CliRunner().invoke(app, ["dock", "--open"])
    assert result.exit_code == 1
    assert "open the link above yourself" in str(result.exception)


def test_without_a_daemon_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_PORTRAIT_RUNTIME_DIR", str(tmp_path))
    result = CliRunner().invoke(app, ["dock"])
    assert result.exit_code == 1
    assert "not running" in str(result.exception)
