"""A control server on a free port with a stand-in for the daemon behind it, and ways to talk to it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from daemon.control.client import ControlClient
from daemon.control.server import ControlServer
from tests.daemon.control.stand_in import StageStandIn


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Knock:
    """A program that speaks HTTP as it likes."""

    port: int
    token: str
    extra: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, method: str, path: str, body: bytes | dict[str, Any] | None = None, **headers: str | None
    ) -> Answer:
        """With the right token and headers; a header (`_` for `-`) replaces one, None leaves it out."""
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        sent: dict[str, str | None] = {"Authorization": f"Bearer {self.token}", "Host": f"127.0.0.1:{self.port}"}
        if content is not None:
            sent["Content-Type"] = "application/json"
        sent |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            link.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            if content is not None:
                link.putheader("Content-Length", str(len(content)))
            for name, value in sent.items():
                if value is not None:
                    link.putheader(name, value)
            link.endheaders(content)
            response = link.getresponse()
            text = response.read()
            found = {name.lower(): value for name, value in response.getheaders()}
            is_json = found.get("content-type", "").startswith("application/json")
            return Answer(response.status, found, json.loads(text) if text and is_json else text)
        finally:
            link.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where control.json goes."""
    return tmp_path / "run"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[StageStandIn]:
    """The daemon's stand-in; calls that hang are let go at the end."""
    made = StageStandIn()
    made.rooms.folder = tmp_path
    yield made
    made.go.set()


@pytest.fixture
def serve(stage: StageStandIn, folder: Path) -> Iterator[Callable[..., ControlServer]]:
    """Starts control servers with options of their own."""
    started: list[ControlServer] = []

    def start(**options: Any) -> ControlServer:
        server = ControlServer(stage, path=folder / "control.json", **options)
        started.append(server)
        server.start()
        return server

    yield start
    stage.go.set()
    for server in started:
        server.stop()


@pytest.fixture
def server(serve: Callable[..., ControlServer]) -> ControlServer:
    """A running control server."""
    return serve()


@pytest.fixture
def knock(server: ControlServer, folder: Path) -> Knock:
    """HTTP by hand."""
    token = json.loads((folder / "control.json").read_text("utf-8"))["token"]
    return Knock(server.port, token)


@pytest.fixture
def client(server: ControlServer, folder: Path) -> ControlClient:
    """The client that the command line uses."""
    return ControlClient(folder)
