"""Pictures, parts of files, uploads, parameters and rates: what the table knows beyond JSON at fixed addresses."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.control import app as control
from daemon.control.answering import UnsatisfiableError, part
from daemon.control.operation import LARGEST_BODY, Media, Operation
from daemon.control.operations import OPERATIONS
from daemon.control.room_operations import LARGEST_PICTURE
from tests.daemon.control.conftest import Answer, Knock
from tests.daemon.control.rooms_stand_in import CLIP, jpeg, points
from tests.daemon.control.stand_in import StageStandIn

VIDEO = f"/v1/clips/{CLIP}/video"
CONSENT = {"kind": "self", "subject": "Me", "statement": "It is my own face."}


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


# ---- pictures --------------------------------------------------------------------------------------------------------


def test_pictures_are_jpeg_or_nothing(knock: Knock, stage: StageStandIn) -> None:
    for path in ("/v1/preview", "/v1/personas/ada/picture", f"/v1/clips/{CLIP}/thumbnail"):
        answer = knock("GET", path)
        assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
        assert answer.body.startswith(b"\xff\xd8\xff")
        assert answer.headers["cache-control"] == "no-store"
    stage.rooms.picture = None
    nothing = knock("GET", "/v1/preview")
    assert (nothing.status, nothing.body) == (204, b"")
    assert "content-type" not in nothing.headers


def test_the_camera_needs_to_be_asked_for(knock: Knock, stage: StageStandIn) -> None:
    assert knock("GET", "/v1/preview/camera").status == 403
    assert knock("POST", "/v1/preview/camera", {}).status == 422  # on or off has to be said
    assert knock("POST", "/v1/preview/camera", {"on": True}).status == 200
    assert knock("GET", "/v1/preview/camera").status == 200
    assert knock("POST", "/v1/preview/camera", {"on": False}).status == 200
    assert knock("GET", "/v1/preview/camera").status == 403
    assert knock("GET", "/v1/preview/camera", authorization=None).status == 401


def test_previews_have_a_rate_of_their_own(knock: Knock) -> None:
    with ThreadPoolExecutor(4) as many:
        said = list(many.map(lambda _: knock("GET", "/v1/preview").status, range(90)))
    assert 429 in said
    assert said.count(200) >= 40
    assert knock("GET", "/v1/status").status == 200  # and nothing else waits for it


# ---- parameters of the path ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/v1/clips/..%2F..%2Fetc%2Fpasswd/video", "/v1/clips/../../etc/passwd/video", f"/v1/clips/{CLIP.upper()}/video",
     f"/v1/clips/{CLIP}0/video", "/v1/clips//video", f"/v1/clips/{CLIP}%00/video", f"/v1/clips/{CLIP}%0A/video",
     "/v1/clips/%F0%9F%8E%A4/video", f"/v1/personas/{'x' * 61}/picture", "/v1/personas//picture",
     "/v1/personas/nobody/picture", f"/v1/clips/{'0' * 20}/video"],
)  # fmt: skip
def test_what_does_not_fit_is_not_there(knock: Knock, path: str) -> None:
    answer = knock("GET", path)
    assert answer.status == 404
    assert isinstance(answer.body["error"], str)


def test_methods_that_can_be_used_are_told(knock: Knock) -> None:
    assert knock("PUT", f"/v1/clips/{CLIP}/trim").headers["allow"] == "POST"
    assert knock("GET", f"/v1/clips/{CLIP}").headers["allow"] == "DELETE"
    assert knock("PUT", "/v1/personas").headers["allow"] == "GET, POST"


def test_a_row_whose_parameters_do_not_fit_its_path_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="parameters"):
        Operation("GET", "/v1/x/{id}", "", lambda stage, body: {}, dict)
    with pytest.raises(ValueError, match="parameters"):
        Operation("GET", "/v1/x", "", lambda stage, body: {}, dict, parameters={"id": str})


# ---- parts of a file -------------------------------------------------------------------------------------------------


def test_a_whole_file(knock: Knock, stage: StageStandIn) -> None:
    answer = knock("GET", VIDEO)
    assert (answer.status, answer.body) == (200, stage.rooms.clip)
    assert answer.headers["content-type"] == "video/x-matroska"
    assert answer.headers["accept-ranges"] == "bytes"
    head = knock("HEAD", VIDEO)
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(stage.rooms.clip)), b"")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=5-9", 5, 9), ("bytes=2000-", 2000, 2047), ("bytes=-3", 2045, 2047),
     ("bytes=0-999999", 0, 2047), ("bytes=-999999", 0, 2047), ("Bytes= 7-7", 7, 7)],
)  # fmt: skip
def test_a_part_of_a_file(knock: Knock, stage: StageStandIn, asked: str, first: int, last: int) -> None:
    answer = knock("GET", VIDEO, range=asked)
    assert answer.status == 206
    assert answer.body == stage.rooms.clip[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/2048"
    assert answer.headers["content-length"] == str(last - first + 1)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=",
        "bytes=-",
        "bytes=9-5",
        "bytes=0-1,5-6",
        "lines=1-2",
        "bytes=a-b",
        "bytes=0x1-2",
        "nonsense",
    ],
)
def test_a_part_that_is_not_understood_is_the_whole(knock: Knock, stage: StageStandIn, asked: str) -> None:
    answer = knock("GET", VIDEO, range=asked)
    assert (answer.status, answer.body) == (200, stage.rooms.clip)


@pytest.mark.parametrize("asked", ["bytes=2048-", "bytes=99999-100000", "bytes=-0"])
def test_a_part_that_is_not_there_is_said(knock: Knock, asked: str) -> None:
    answer = knock("GET", VIDEO, range=asked)
    assert answer.status == 416
    assert answer.headers["content-range"] == "bytes */2048"
    assert answer.body == {"error": "The file has only 2048 bytes."}


def test_an_outdated_part_is_the_whole(knock: Knock, stage: StageStandIn) -> None:
    tag = knock("GET", VIDEO).headers["etag"]
    assert knock("GET", VIDEO, range="bytes=0-1", if_range=tag).status == 206
    answer = knock("GET", VIDEO, range="bytes=0-1", if_range='"another"')
    assert (answer.status, answer.body) == (200, stage.rooms.clip)


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 5000))
def test_a_part_is_inside_the_file(first: int, last: int, size: int) -> None:
    for header in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        try:
            found = part(header, size)
        except UnsatisfiableError:
            continue
        if found is not None:
            assert 0 <= found[0] <= found[1] < size


@given(st.text(max_size=30))
def test_no_header_breaks_it(header: str) -> None:
    try:
        part(header, 100)
    except UnsatisfiableError:
        return


def test_a_file_that_has_just_gone_is_said(knock: Knock, stage: StageStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    monkeypatch.setattr(stage.rooms, "video", lambda clip: Path("/nowhere/at/all.mkv"))
    answer = knock("GET", VIDEO)
    assert answer.status == 404
    assert "/nowhere" not in str(answer.body)


# ---- uploads ---------------------------------------------------------------------------------------------------------


def test_a_picture_may_be_large(knock: Knock, stage: StageStandIn) -> None:
    content = b"\xff\xd8\xff" + bytes(LARGEST_PICTURE - 3)
    answer = knock("POST", "/v1/landmarks", {"picture": encoded(content)})
    assert answer.status == 200
    assert len(answer.body["points"]) == len(answer.body["names"]) == 478
    assert stage.rooms.asked == [("look", LARGEST_PICTURE)]


def test_but_not_larger(knock: Knock, stage: StageStandIn) -> None:
    answer = knock("POST", "/v1/landmarks", {"picture": encoded(bytes(LARGEST_PICTURE + 3))})
    assert answer.status == 422
    assert "'picture'" in answer.body["error"]
    assert len(answer.body["error"]) < 300
    assert _flood(knock, "/v1/landmarks", 9 * 1024 * 1024).status == 413
    assert stage.rooms.asked == []


def test_everything_else_stays_small(knock: Knock) -> None:
    for row in OPERATIONS:
        if row.body is not None:
            path = row.path.replace("{id}", CLIP).replace("{name}", "ada")
            answer = _flood(knock, path, row.largest + 100_000, row.method)
            assert answer.status == 413, row.id
    assert {row.path for row in OPERATIONS if row.largest > LARGEST_BODY} == {"/v1/personas", "/v1/landmarks"}


def _flood(knock: Knock, path: str, size: int, method: str = "POST") -> Answer:
    """Sends no more than it takes until the answer comes."""
    link = http.client.HTTPConnection("127.0.0.1", knock.port, timeout=20)
    try:
        link.putrequest(method, path, skip_host=True)
        for name, value in (("Host", f"127.0.0.1:{knock.port}"), ("Authorization", f"Bearer {knock.token}"),
                            ("Content-Type", "application/json"), ("Content-Length", str(size))):  # fmt: skip
            link.putheader(name, value)
        link.endheaders()
        for _ in range(size // 16384 + 1):
            try:
                link.send(b"x" * 16384)
            except OSError:
                break
        response = link.getresponse()
        return Answer(response.status, {}, json.loads(response.read()))
    finally:
        link.close()


def test_only_two_pictures_at_a_time(knock: Knock, stage: StageStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are refused if two are being sent for too long, and are let in again afterwards."""
    monkeypatch.setattr(control, "TURN_S", 0.1)
    links = []
    for _ in range(2):
        link = http.client.HTTPConnection("127.0.0.1", knock.port, timeout=20)
        link.putrequest("POST", "/v1/landmarks", skip_host=True)
        for name, value in (("Host", f"127.0.0.1:{knock.port}"), ("Authorization", f"Bearer {knock.token}"),
                            ("Content-Type", "application/json"), ("Content-Length", "1000")):  # fmt: skip
            link.putheader(name, value)
        link.endheaders(b'{"pi')
        links.append(link)
    body = {"picture": encoded(jpeg())}
    said = _eventually(lambda: knock("POST", "/v1/landmarks", body), 429)
    assert "Other pictures" in said.body["error"]
    assert knock("POST", "/v1/panic", {"on": True}).status == 200
    for link in links:
        link.close()
    _eventually(lambda: knock("POST", "/v1/landmarks", body), 200)


def _eventually(ask: Any, status: int) -> Answer:
    stop = threading.Event()
    timer = threading.Timer(20, stop.set)
    timer.start()
    try:
        while (answer := ask()).status != status:
            assert not stop.is_set(), answer
        assert isinstance(answer, Answer)
        return answer
    finally:
        timer.cancel()


def test_many_pictures_at_once_are_taken_one_after_the_other(knock: Knock, stage: StageStandIn) -> None:
    body = {"picture": encoded(bytes(3_000_000))}
    with ThreadPoolExecutor(6) as many:
        said = list(many.map(lambda _: knock("POST", "/v1/landmarks", body).status, range(6)))
    assert said == [200] * 6
    assert stage.rooms.asked == [("look", 3_000_000)] * 6


def test_a_persona_is_asked_for_with_everything(knock: Knock, stage: StageStandIn) -> None:
    wanted = points()
    body = {"name": "Kater 🐱", "picture": encoded(jpeg()), "consent": CONSENT, "landmarks": wanted}
    answer = knock("POST", "/v1/personas", body)
    assert answer.status == 200
    assert answer.body == {"persona": "Kater 🐱", "landmarks": wanted, "found": False}
    assert stage.rooms.asked == [("make", "Kater 🐱", jpeg(), CONSENT, points())]
    del body["landmarks"]
    assert knock("POST", "/v1/personas", body).body["found"] is True


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"landmarks": [[1, 2]] * 477}, "landmarks"), ({"landmarks": [[1, 2]] * 479}, "landmarks"),
        ({"landmarks": [[1, 2, 3]] * 478}, "landmarks"), ({"landmarks": [[-1, 2]] * 478}, "landmarks"),
        ({"landmarks": [["1", 2]] * 478}, "landmarks"), ({"landmarks": [[1e308, 2]] * 478}, "landmarks"),
        ({"consent": {**CONSENT, "kind": "stolen"}}, "consent"), ({"consent": {**CONSENT, "subject": ""}}, "consent"),
        ({"consent": {"kind": "self"}}, "consent"), ({"consent": None}, "consent"), ({"name": ""}, "name"),
        ({"picture": "not base64!"}, "base64"), ({"picture": "abc"}, "base64"), ({"picture": ""}, "picture"),
        ({"more": 1}, "more"),
    ],
)  # fmt: skip
def test_a_persona_that_lacks_something_is_refused(
    knock: Knock, stage: StageStandIn, change: dict[str, Any], where: str
) -> None:
    body = {"name": "cat", "picture": encoded(jpeg()), "consent": CONSENT, **change}
    answer = knock("POST", "/v1/personas", body)
    assert answer.status == 422
    assert where in answer.body["error"]
    assert stage.rooms.asked == []


def test_numbers_that_are_none_are_refused(knock: Knock, stage: StageStandIn) -> None:
    text = json.dumps(
        {"name": "cat", "picture": encoded(jpeg()), "consent": CONSENT, "landmarks": [[float("nan"), 1.0]] * 478}
    )
    assert knock("POST", "/v1/personas", text.encode()).status == 422
    for body in (b'{"start_s": NaN}', b'{"start_s": -1}', b'{"start_s": 1e999}', b'{"start_s": "0"}', b"{}"):
        assert knock("POST", f"/v1/clips/{CLIP}/trim", body).status == 422
    assert stage.rooms.asked == []


# ---- the rest --------------------------------------------------------------------------------------------------------


def test_clips_are_cut_and_put_away(knock: Knock, stage: StageStandIn) -> None:
    assert knock("GET", "/v1/clips").body["clips"][0]["id"] == CLIP
    made = knock("POST", f"/v1/clips/{CLIP}/trim", {"start_s": 1, "end_s": 2.5})
    assert made.body == {"id": CLIP, "message": "Made one trim.mkv."}
    assert knock("POST", f"/v1/clips/{CLIP}/trim", {"start_s": 1.0, "end_s": None}).status == 200
    assert knock("DELETE", f"/v1/clips/{CLIP}").body == {"ok": True}
    assert stage.rooms.asked == [("trim", CLIP, 1.0, 2.5), ("trim", CLIP, 1.0, None), ("discard", CLIP)]


def test_devices_are_chosen(knock: Knock, stage: StageStandIn) -> None:
    assert knock("GET", "/v1/devices").body["cameras"][0]["chosen"] is True
    assert knock("POST", "/v1/devices", {"camera": "camera:1"}).status == 200
    assert knock("POST", "/v1/devices", {"microphone": "mic", "speaker": None}).status == 200
    for body in ({}, {"camera": None}, {"screen": "x"}, {"camera": ""}, {"camera": 1}):
        assert knock("POST", "/v1/devices", body).status == 422  # type: ignore[arg-type]
    assert stage.rooms.asked == [("choose", {"camera": "camera:1"}), ("choose", {"microphone": "mic"})]


def test_problems_are_the_hints_or_else_the_sentences(knock: Knock, stage: StageStandIn) -> None:
    assert knock("GET", "/v1/problems").body == {"problems": []}
    stage.extra = {"problems": ["It is dark."]}
    assert knock("GET", "/v1/problems").body == {"problems": [{"text": "It is dark.", "fix": None}]}
    stage.extra = {"problems": ["x"], "hints": [{"text": "It is dark.", "fix": "Switch on the lamp."}]}
    assert knock("GET", "/v1/problems").body == {"problems": [{"text": "It is dark.", "fix": "Switch on the lamp."}]}


def test_slow_work_holds_nothing_else_up(knock: Knock, stage: StageStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen pictures hang; the ordinary operations are answered as ever, a seventeenth is told."""
    go, inside = threading.Event(), threading.Semaphore(0)

    def hang(persona: str) -> bytes:
        inside.release()
        go.wait(30)
        return jpeg()

    monkeypatch.setattr(stage.rooms, "portrait", hang)
    with ThreadPoolExecutor(16) as many:
        waiting = [many.submit(knock, "GET", "/v1/personas/ada/picture") for _ in range(16)]
        try:
            for _ in range(16):
                assert inside.acquire(timeout=20)
            assert knock("GET", "/v1/status").status == 200
            assert knock("GET", "/v1/preview").status == 200
            assert knock("GET", "/v1/personas/ada/picture").status == 503
        finally:
            go.set()
        assert {one.result().status for one in waiting} == {200}


def test_the_schema_tells_of_pictures_parts_and_parameters(knock: Knock) -> None:
    paths = knock("GET", "/v1/openapi.json", authorization=None).body["paths"]
    preview = paths["/v1/preview"]["get"]["responses"]
    assert set(preview["200"]["content"]) == {"image/jpeg"}
    assert "content" not in preview["204"]
    video = paths["/v1/clips/{id}/video"]["get"]
    assert {"200", "206", "416"} <= set(video["responses"])
    clip, asked = video["parameters"]
    assert clip == {
        "name": "id", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[0-9a-f]{20}$"}
    }  # fmt: skip
    assert (asked["name"], asked["in"], asked["required"]) == ("Range", "header", False)
    assert [knock("GET", VIDEO, range=one["value"]).status for one in asked["examples"].values()] == [206] * 3
    assert "parameters" not in paths["/v1/status"]["get"]
    for operations in paths.values():
        assert all("405" in operation["responses"] for operation in operations.values())
    assert {row.id for row in OPERATIONS if isinstance(row.answer, Media)} == {
        "get-preview", "get-preview-camera", "get-personas-name-picture", "get-clips-id-thumbnail",
        "get-clips-id-video",
    }  # fmt: skip
