"""What the API does for who may use it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from daemon.control.client import ControlClient
from daemon.control.operation import Media
from daemon.control.operations import OPERATIONS
from daemon.settings import SettingsFile
from obs_portrait.errors import ControlError
from tests.daemon.control.conftest import Knock
from tests.daemon.control.stand_in import StageStandIn


def test_everything_reaches_the_stage(client: ControlClient, stage: StageStandIn) -> None:
    client.switch("ink")
    client.calibrate()
    client.search_reference()
    client.panic(True)
    client.panic(False)
    client.bind("Just chatting 🎤 \"'\\", "bronze")
    assert client.clip("save")["path"] == "/clips/one.mkv"
    assert stage.asked == [
        ("switch", "ink"), ("calibrate",), ("search",), ("panic", True), ("panic", False),
        ("bind", "Just chatting 🎤 \"'\\", "bronze"), ("clip", "save"),
    ]  # fmt: skip
    assert client.status()["persona"] == "ink"
    assert [row["name"] for row in client.personas()] == stage.names
    assert client.scenes() == stage.scene_names
    assert client.bindings()[0]["persona"] == "bronze"
    client.bind("Just chatting 🎤 \"'\\", None)
    assert client.bindings() == []


def test_a_refusal_is_passed_on_as_one_sentence(client: ControlClient) -> None:
    with pytest.raises(ControlError, match=r"^There is no persona 'nobody'\.$") as caught:
        client.switch("nobody")
    assert caught.value.status == 409
    with pytest.raises(ControlError, match="No recording runs"):
        client.clip("stop")


def test_a_fault_of_the_daemon_tells_nothing_of_its_inside(
    knock: Knock, stage: StageStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    stage.error = ValueError("a secret of the inside")
    answer = knock("POST", "/v1/switch", {"persona": "ink"})
    assert answer.status == 500
    assert "secret" not in str(answer.body)
    assert "a secret of the inside" in caplog.text  # the log is the streamer's own


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/v1/switch", b"", 422, "persona"),
        ("/v1/switch", b"{", 422, "The body is wrong"),
        ("/v1/switch", b"[]", 422, "The body is wrong"),
        ("/v1/switch", b"[" * 60_000, 422, "The body is wrong"),
        ("/v1/switch", b'{"persona": NaN}', 422, "persona"),
        ("/v1/switch", b'{"persona": 7}', 422, "'persona'"),
        ("/v1/switch", b'{"persona": ""}', 422, "'persona'"),
        ("/v1/switch", b'{"persona": "ink", "and": 1}', 422, "'and'"),
        ("/v1/switch", b'{"persona": "\xff"}', 422, "The body is wrong"),
        ("/v1/switch", b'{"persona": "' + b"x" * 400 + b'"}', 422, "'persona'"),
        ("/v1/panic", b'{"on": "no"}', 422, "'on'"),
        ("/v1/clip", b'{"action": "delete"}', 422, "'action'"),
        ("/v1/calibrate", b'{"a": 1}', 422, "no entries"),
        ("/v1/switch", b"x" * 65_537, 413, "64 KiB"),
    ],
)  # fmt: skip
def test_a_wrong_body_is_one_sentence(
    knock: Knock, stage: StageStandIn, path: str, body: bytes, status: int, says: str
) -> None:
    answer = knock("POST", path, body)
    assert answer.status == status
    assert says in answer.body["error"]
    assert len(answer.body["error"]) < 300
    assert stage.asked == []


def test_no_settings_make_the_settings_unreadable(knock: Knock, stage: StageStandIn, tmp_path: Path) -> None:
    stage.settings_file = SettingsFile(tmp_path / "settings.toml")
    assert knock("PUT", "/v1/settings", {"settings": {"show": {"fps": 60}}}).status == 200
    for body, says in (
        (b'{"settings": {"show": {"fps": {"a": 1}}}}', "'fps' is one value"),
        (b'{"settings": {"show": {"sinks": [null]}}}', "cannot be written"),
        (b'{"settings": {"alarm": {"memory_growth_mb": 1e400}}}', "alarm.memory_growth_mb"),
        (b'{"settings": {"alarm": {"memory_growth_mb": Infinity}}}', ""),
        (b'{"settings": {"alarm": {"most_skew_ms": NaN}}}', ""),
    ):
        answer = knock("PUT", "/v1/settings", body)
        assert answer.status in {409, 422}, body
        assert says in answer.body["error"]
        assert knock("GET", "/v1/settings").body["settings"]["show"]["fps"] == 60


def test_an_empty_body_means_the_usual(knock: Knock, stage: StageStandIn) -> None:
    assert knock("POST", "/v1/panic").status == 200
    assert knock("POST", "/v1/clip").status == 200
    assert stage.asked == [("panic", True), ("clip", "save")]


def test_a_body_that_is_not_called_json_is_refused(knock: Knock, stage: StageStandIn) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        assert knock("POST", "/v1/switch", b'{"persona": "ink"}', content_type=kind).status == 415
    assert (
        knock("POST", "/v1/switch", b'{"persona": "ink"}', content_type="Application/JSON; charset=utf-8").status == 200
    )
    assert stage.asked == [("switch", "ink")]


def test_what_is_not_there_is_said(knock: Knock) -> None:
    missing, wrong = knock("GET", "/v1/nothing"), knock("DELETE", "/v1/status")
    assert (missing.status, wrong.status) == (404, 405)
    assert "/v1/openapi.json" in missing.body["error"]
    assert "DELETE" in wrong.body["error"]
    assert knock("DELETE", "/v1/bindings").headers["allow"] == "GET, PUT"
    assert knock("POST", "/v1/openapi.json").headers["allow"] == "GET"
    assert knock("GET", "/v1/session").headers["allow"] == "POST, DELETE"


def test_a_hanging_stage_costs_a_503_and_nothing_else(serve: Any, stage: StageStandIn, folder: Any) -> None:
    serve(timeout=0.3)
    client = ControlClient(folder, timeout=10)
    stage.go.clear()
    with pytest.raises(ControlError, match=r"did not do this within 0\.3 s") as caught:
        client.status()
    assert caught.value.status == 503
    said = {caught.value.status}
    for _ in range(12):  # more than there are threads
        with pytest.raises(ControlError) as caught:
            client.switch("ink")
        said.add(caught.value.status)
        if "busy" in str(caught.value):
            break
    assert "busy" in str(caught.value)
    assert client.running() is False  # /v1 asks for a thread, too
    client.panic(True)  # but panic has threads of its own
    assert ("panic", True) in stage.asked
    stage.go.set()
    deadline = time.monotonic() + 10
    while not client.running():
        assert time.monotonic() < deadline
    assert client.status()["panic"] is True


def test_the_event_loop_is_free_while_calls_hang(serve: Any, stage: StageStandIn, folder: Any) -> None:
    serve(timeout=5.0)
    stage.go.clear()
    hanging = threading.Thread(target=lambda: _quietly(ControlClient(folder, timeout=20).status))
    hanging.start()
    assert stage.entered.wait(10)
    assert "openapi" in ControlClient(folder).request("GET", "/v1/openapi.json")
    ControlClient(folder).panic(True)
    assert hanging.is_alive()
    stage.go.set()
    hanging.join(20)
    assert not hanging.is_alive()


def _quietly(call: Any) -> None:
    try:
        call()
    except ControlError:
        return


def test_the_schema_describes_what_is_served(knock: Knock) -> None:
    schema = knock("GET", "/v1/openapi.json", authorization=None).body
    assert schema["openapi"].startswith("3.1")
    for row in OPERATIONS:
        described = schema["paths"][row.path][row.method.lower()]
        assert described["summary"]
        assert ("requestBody" in described) == (row.body is not None)
        assert {"200", "401", "403", "409", "429", "503"} <= set(described["responses"])
    assert len({row.id for row in OPERATIONS}) == len(OPERATIONS)
    references = set(_references(schema))
    assert references
    assert {name.removeprefix("#/components/schemas/") for name in references} <= set(schema["components"]["schemas"])


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for value in node for found in _references(value)] if isinstance(node, list) else []


def test_answers_keep_to_their_shapes(knock: Knock) -> None:
    from pydantic import TypeAdapter

    for row in OPERATIONS:
        if row.method == "GET" and not isinstance(row.answer, Media):
            TypeAdapter(row.answer).validate_python(knock("GET", row.path).body, strict=True)
