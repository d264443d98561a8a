"""Schemathesis, which knows nothing of this API but its schema, asks whatever the schema allows and much that it does
not: nothing fails inside, and every answer is one that the schema tells of."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from daemon.control.limits import Bucket
from daemon.control.openapi import schema
from daemon.control.operations import OPERATIONS
from daemon.control.server import ControlServer
from daemon.settings import SettingsFile
from tests.daemon.control.stand_in import StageStandIn

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed: pip install 'obs-portrait[test]'"
)
requests = pytest.importorskip("requests", reason="requests comes with schemathesis: pip install 'obs-portrait[test]'")

_ASKED = 12
"""Requests for each operation and each kind, always the same ones."""
_KEPT = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
_REFUSED = "negative_data_rejection"


class Target:
    """The API behind a real socket, and its schema as schemathesis reads it."""

    def __init__(self, server: ControlServer, token: str) -> None:
        # Without the token's entry: schemathesis would invent tokens, and every answer would be 401.
        self.api = schemathesis.openapi.from_dict({key: part for key, part in schema().items() if key != "security"})
        self.api.config.update(base_url=server.url)
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy between here and here
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.statuses: set[int] = set()
        self.taken: list[bytes] = []
        """Bodies that were not refused."""

    def ask(self, method: str, path: str, mode: Any, checks: tuple[str, ...]) -> None:
        """Requests of this kind; raises what is wrong with an answer."""
        strategy = self.api[path][method].as_strategy(generation_mode=mode)
        known = [getattr(schemathesis.checks, name) for name in checks]

        @settings(
            max_examples=_ASKED, derandomize=True, database=None, deadline=None, phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=strategy)
        def each(case: Any) -> None:
            answer = case.call(session=self.session, timeout=20)
            self.statuses.add(answer.status_code)
            if answer.status_code < 400:
                self.taken.append(answer.request.body or b"")
            case.validate_response(answer, checks=known)

        each()


@pytest.fixture
def target(
    serve: Callable[..., ControlServer], stage: StageStandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Target]:
    stage.settings_file = SettingsFile(folder / "settings.toml")
    stage.settings_file.change({"show": {"fps": 60}, "hotkeys": {"switch": {"ada": "ctrl+1"}}})
    # Rates have tests of their own; here they would answer in place of what is to be tried.
    monkeypatch.setattr(Bucket, "take", lambda _: True)
    server = serve()
    made = Target(server, json.loads((folder / "control.json").read_text("utf-8"))["token"])
    yield made
    made.session.close()


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.id)
def test_whatever_the_schema_allows_is_answered_as_it_says(
    target: Target, row: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        target.ask(row.method, row.path, schemathesis.GenerationMode.POSITIVE, _KEPT)
    assert not caplog.records
    refused = {403} if row.id == "get-preview-camera" else set()  # nobody has allowed it
    assert target.statuses <= {200, 204, 206, 404, 409, 422} | refused


@pytest.mark.parametrize("row", [row for row in OPERATIONS if row.body or row.parameters], ids=lambda row: row.id)
def test_whatever_it_does_not_allow_is_refused_and_harms_nothing(
    target: Target, row: Any, stage: StageStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        target.ask(row.method, row.path, schemathesis.GenerationMode.NEGATIVE, (*_KEPT, _REFUSED))
    assert not caplog.records
    assert target.statuses <= {200, 404, 422}
    assert not any(target.taken)  # an empty body means the usual, where nothing is required
    assert len(stage.asked) <= len(target.taken)


@pytest.mark.parametrize(
    ("method", "path", "mode", "statuses"),
    [
        ("POST", "/v1/session/code", "POSITIVE", {200}),
        ("POST", "/v1/session", "POSITIVE", {403, 422}),  # nobody guesses a code
        ("POST", "/v1/session", "NEGATIVE", {403, 422}),
        ("DELETE", "/v1/session", "POSITIVE", {200}),
    ],
)
def test_signing_in_and_out_is_as_the_schema_says(
    target: Target, method: str, path: str, mode: str, statuses: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        target.ask(method, path, schemathesis.GenerationMode[mode], _KEPT)
    assert not caplog.records
    assert target.statuses
    assert target.statuses <= statuses
