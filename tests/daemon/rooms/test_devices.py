"""Devices: what is listed, which is chosen, how seldom anybody looks, and taking another one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from daemon.rooms import devices as module
from daemon.rooms.devices import DeviceRoom
from daemon.rooms.errands import ErrandError, Errands, Outcome
from daemon.rooms.jobs.devices import loopbacks
from obs_portrait.errors import ControlError, PipelineError, ProfileError
from obs_portrait.pipeline.live.options import LiveOptions

FOUND: dict[str, Any] = {
    "cameras": [{"index": 0, "name": "HD Webcam"}, {"index": 2, "name": "OBS Portrait"}, {"index": 4, "name": "Cam B"}],
    "inputs": [{"name": "Headset", "default": False}, {"name": "Built-in", "default": True}],
    "outputs": [{"name": "Speakers", "default": True}],
    "loopbacks": [{"path": "/dev/video2", "name": "OBS Portrait"}],
    "problem": None,
}


@dataclass
class Session:
    """What a device room knows of a session."""

    options: LiveOptions
    used: list[tuple[str, Any]] = field(default_factory=list)
    refuses: bool = False

    def use(self, kind: str, spec: Any) -> None:
        if self.refuses:
            raise PipelineError("There is no sound in this session.")
        self.used.append((kind, spec))


class Looks:
    """Errands that count."""

    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None

    def do(self, job: str, *_: Any, **__: Any) -> Outcome:
        assert job == "devices"
        self.count += 1
        if self.error is not None:
            raise self.error
        return Outcome(FOUND, b"")


Make = Callable[..., tuple[DeviceRoom, Session, Looks]]


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def make(clock: list[float]) -> Make:
    def made(remember: Any = lambda kind, spec: None, **options: Any) -> tuple[DeviceRoom, Session, Looks]:
        session = Session(LiveOptions(**{"source": "camera:0", "personas": ("ada",), **options}))
        looks = Looks()
        room = DeviceRoom(session, looks, remember, clock=lambda: clock[0])  # type: ignore[arg-type]
        return room, session, looks

    return made


def chosen(rows: list[Any]) -> list[str]:
    return [row["spec"] for row in rows if row["chosen"]]


def test_what_there_is_and_what_is_in_use(make: Make) -> None:
    room, _, _ = make(
        audio="mic", audio_sinks=("speaker:Speakers", "virtualmic"), sinks=("obs", "virtualcam:/dev/video2")
    )
    rows = room.rows()
    assert [row["spec"] for row in rows["cameras"]] == ["camera:0", "camera:4"]  # our own virtual camera is none
    assert chosen(rows["cameras"]) == ["camera:0"]
    assert [(row["spec"], row["name"]) for row in rows["microphones"]] == [
        ("mic", "Default (Built-in)"), ("mic:Headset", "Headset"), ("mic:Built-in", "Built-in"),
    ]  # fmt: skip
    assert chosen(rows["microphones"]) == ["mic"]
    assert [row["spec"] for row in rows["speakers"]] == ["off", "speaker", "speaker:Speakers"]
    assert chosen(rows["speakers"]) == ["speaker:Speakers"]
    assert chosen(rows["virtual_cameras"]) == ["virtualcam:/dev/video2"]


@pytest.mark.parametrize(
    ("source", "spec"),
    [("camera:4", "camera:4"), ("camera:cam b", "camera:4"), ("camera:9", "camera:9"), ("performance", "performance"),
     ("screen:0,0,10x10", "screen:0,0,10x10"), ("camera:Gone", "camera:Gone")],
)  # fmt: skip
def test_what_is_chosen_is_listed_even_if_it_is_not_there(make: Make, source: str, spec: str) -> None:
    room, _, _ = make(source=source)
    assert chosen(room.rows()["cameras"]) == [spec]


def test_objects_of_programs_are_not_shown(make: Make) -> None:
    room, _, _ = make(source=lambda: None, sinks=(lambda: None,), audio=lambda: None, audio_sinks=(lambda: None,))
    rows = room.rows()
    assert [chosen(value) for value in rows.values()] == [[], [], ["off"], []]  # type: ignore[arg-type]


def test_nobody_looks_more_often_than_needed(make: Make, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    plugs = ["a"]
    monkeypatch.setattr(module, "plugged", lambda: plugs[0])
    room, _, looks = make()
    for _ in range(5):
        room.rows()
    clock[0] += 9.0
    room.rows()
    assert looks.count == 1
    plugs[0] = "b"  # something was plugged in
    room.rows()
    assert looks.count == 2
    clock[0] += 10.0
    room.rows()
    assert looks.count == 3
    plugs[0] = ""  # a system that does not say
    clock[0] += 2.5
    room.rows()
    assert looks.count == 4


def test_when_nobody_can_look_the_list_from_before_stands(make: Make, clock: list[float]) -> None:
    room, _, looks = make()
    looks.error = ErrandError("The child has gone.")
    with pytest.raises(ErrandError):
        room.rows()
    looks.error = None
    before = room.rows()
    looks.error = ErrandError("The child has gone.")
    clock[0] += 60.0
    assert room.rows() == before


def test_a_choice_reaches_the_session_and_is_kept(make: Make) -> None:
    kept: list[tuple[str, str]] = []
    room, session, _ = make(remember=lambda kind, spec: kept.append((kind, spec)))
    room.choose({"camera": "camera:4", "microphone": "mic:Headset"})
    assert session.used == kept == [("camera", "camera:4"), ("microphone", "mic:Headset")]


def test_the_voice_may_be_heard_nowhere(make: Make) -> None:
    room, session, _ = make(audio="mic")
    assert chosen(room.rows()["speakers"]) == ["off"]
    room.choose({"speaker": "speaker"})
    room.choose({"speaker": "off"})
    assert session.used == [("speaker", "speaker"), ("speaker", None)]


def test_settings_with_a_mistake_do_not_stop_a_choice(make: Make) -> None:
    def remember(kind: str, spec: str) -> None:
        raise ProfileError("settings.toml:3: a mistake.")

    room, session, _ = make(remember=remember)
    room.choose({"camera": "camera:4"})
    assert session.used == [("camera", "camera:4")]


@pytest.mark.parametrize(
    "choice",
    [{"camera": "/etc/passwd"}, {"camera": ""}, {"camera": "camera:"}, {"camera": "mic"}, {"microphone": "camera:0"},
     {"microphone": "/a/file.wav"}, {"speaker": "null"}, {"camera": "camera:0", "microphone": "nonsense"}],
)  # fmt: skip
def test_what_is_no_device_is_refused_before_anything_is_changed(make: Make, choice: Any) -> None:
    room, session, _ = make()
    with pytest.raises(ControlError) as caught:
        room.choose(choice)
    assert caught.value.status == 422
    assert session.used == []


def test_a_session_that_refuses_says_why_and_nothing_is_kept(make: Make) -> None:
    kept: list[str] = []
    room, session, _ = make(remember=lambda kind, spec: kept.append(spec))
    session.refuses = True
    with pytest.raises(PipelineError, match="no sound"):
        room.choose({"microphone": "mic"})
    assert kept == []


def test_the_child_lists_what_this_machine_has(errands: Errands) -> None:
    """Whatever that is: the shapes are what is asked for."""
    told = errands.do("devices", timeout=30).told
    assert {"cameras", "inputs", "outputs", "loopbacks", "problem"} == set(told)
    assert all({"index", "name"} == set(row) for row in told["cameras"])
    assert all({"name", "default"} == set(row) for row in told["inputs"] + told["outputs"])


@pytest.mark.skipif(sys.platform != "linux", reason="v4l2loopback is Linux's")
def test_loopbacks_are_those_without_hardware(tmp_path: Path) -> None:
    real, made_up = tmp_path / "devices" / "pci0000:00" / "video0", tmp_path / "devices" / "virtual" / "video1"
    classes = tmp_path / "class"
    classes.mkdir()
    for node, name in ((real, "HD Webcam"), (made_up, "OBS Portrait")):
        node.mkdir(parents=True)
        (node / "name").write_text(name + "\n")
        (classes / node.name).symlink_to(node)
    assert loopbacks(classes) == [{"path": "/dev/video1", "name": "OBS Portrait"}]
