"""The house behind the real API, on a real session that plays the performance."""

from __future__ import annotations

import base64
import io
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from daemon.app import App, Doors
from daemon.settings import SettingsFile
from obs_portrait.folders import CONFIG_VARIABLE
from obs_portrait.obs.clips.library import CLIPS_VARIABLE
from obs_portrait.pipeline.live.options import LiveOptions
from tests.daemon.control.conftest import Answer, Knock
from tests.daemon.rooms.conftest import portrait


class Daemon:
    """A running daemon and a program that talks to it."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app, self.folder = app, folder
        told = json.loads((folder / "run" / "control.json").read_text("utf-8"))
        self.knock = Knock(int(told["url"].rpartition(":")[2]), told["token"])

    def until(self, method: str, path: str, status: int = 200) -> Answer:
        deadline = time.monotonic() + 30
        while (answer := self.knock(method, path)).status != status:
            assert time.monotonic() < deadline, answer
        return answer


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("house")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CONFIG_VARIABLE, str(folder / "config"))
        patch.setenv(CLIPS_VARIABLE, str(folder / "clips"))
        patch.setenv("OBS_PORTRAIT_RUNTIME_DIR", str(folder / "run"))
        options = LiveOptions(
            source="performance", personas=("ada",), sinks=("null",), width=256, height=256, loop=True
        )
        with App(options, Doors(obs=False), settings=SettingsFile(folder / "config" / "settings.toml")) as app:
            yield Daemon(app, folder)


def opened(answer: Answer) -> NDArray[np.uint8]:
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.body)) as image:
        return np.array(image.convert("RGB"))


def test_the_persona_can_be_looked_at(daemon: Daemon) -> None:
    image = opened(daemon.until("GET", "/v1/preview"))
    assert image.shape == (256, 256, 3)
    assert image.std() > 10


def test_the_camera_only_after_it_was_asked_for(daemon: Daemon) -> None:
    refused = daemon.knock("GET", "/v1/preview/camera")
    assert refused.status == 403
    assert "unless you ask for it" in refused.body["error"]
    assert daemon.knock("POST", "/v1/preview/camera", {"on": True}).status == 200
    image = opened(daemon.until("GET", "/v1/preview/camera"))
    assert max(image.shape) <= 480
    assert daemon.knock("POST", "/v1/preview/camera", {"on": False}).status == 200
    assert daemon.knock("GET", "/v1/preview/camera").status == 403


def test_the_quality_of_the_face_is_in_the_status(daemon: Daemon) -> None:
    deadline = time.monotonic() + 30
    while (quality := daemon.knock("GET", "/v1/status").body["quality"]) is None:
        assert time.monotonic() < deadline
    assert 0.0 <= quality["score"] <= 1.0
    assert quality["advice"] is None or isinstance(quality["advice"], str)


def test_portraits(daemon: Daemon) -> None:
    assert max(opened(daemon.knock("GET", "/v1/personas/ada/picture")).shape) == 256
    assert opened(daemon.knock("GET", "/v1/personas/nova/picture")).shape  # not of this session, but installed
    for name in ("nobody", "%2e%2e", "..%5Cx", "a%00b", "x" * 61):
        assert daemon.knock("GET", f"/v1/personas/{name}/picture").status == 404


def test_a_persona_is_made_and_becomes_one(daemon: Daemon) -> None:
    picture = base64.b64encode(portrait("robot")).decode()
    look = daemon.knock("POST", "/v1/landmarks", {"picture": picture})
    assert look.status == 200
    assert not look.body["found"]
    body: dict[str, Any] = {
        "name": "Tin 9", "picture": picture, "landmarks": look.body["points"],
        "consent": {"kind": "fictional", "subject": "A robot", "statement": "We drew it."},
    }  # fmt: skip
    made = daemon.knock("POST", "/v1/personas", body)
    assert (made.status, made.body["persona"], made.body["found"]) == (200, "Tin 9", False)
    assert daemon.knock("POST", "/v1/personas", body).status == 409
    assert opened(daemon.knock("GET", "/v1/personas/Tin%209/picture")).std() > 10
    assert daemon.knock("POST", "/v1/switch", {"persona": "Tin 9"}).status == 200
    deadline = time.monotonic() + 60
    while "Tin 9" not in daemon.knock("GET", "/v1/status").body["prepared"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not daemon.app.session.status().problems


def test_no_clips_are_an_empty_list(daemon: Daemon) -> None:
    assert daemon.knock("GET", "/v1/clips").body == {"clips": []}
    assert daemon.knock("GET", f"/v1/clips/{'0' * 20}/video").status == 404
    assert daemon.knock("DELETE", f"/v1/clips/{'0' * 20}").status == 404


def test_a_camera_that_is_chosen_is_kept_in_the_settings(daemon: Daemon) -> None:
    rows = daemon.knock("GET", "/v1/devices").body["cameras"]
    assert [row["spec"] for row in rows if row["chosen"]] == ["performance"]
    assert daemon.knock("POST", "/v1/devices", {"camera": "performance"}).status == 200
    assert daemon.app.settings_file.now.show.source == "performance"
    assert 'source = "performance"' in (daemon.folder / "config" / "settings.toml").read_text("utf-8")
    refused = daemon.knock("POST", "/v1/devices", {"microphone": "mic"})
    assert refused.status == 409
    assert "no sound" in refused.body["error"]


def test_problems_say_what_to_do(daemon: Daemon) -> None:
    assert daemon.knock("GET", "/v1/problems").body == {"problems": []}
    daemon.app.note("test", "The moon is not there; wait for the night.", True)
    try:
        assert daemon.knock("GET", "/v1/problems").body == {
            "problems": [{"text": "The moon is not there.", "fix": "Wait for the night."}]
        }
    finally:
        daemon.app.note("test", "It is there.", False)


def test_at_the_end_no_child_is_left(daemon: Daemon) -> None:
    """The last test: it ends the daemon."""
    picture = base64.b64encode(portrait("robot")).decode()
    assert daemon.knock("POST", "/v1/landmarks", {"picture": picture}).status == 200  # the child may have gone to sleep
    children = {process.pid for process in psutil.Process().children(recursive=True)}
    house = daemon.app._house
    errand = house._errands.pid
    assert errand in children
    daemon.app.stop()
    assert house._errands.pid is None
    assert not psutil.pid_exists(errand)
    assert house.preview() is None
    if sys.platform == "linux":
        assert not house._previews._mails.camera.holds
