"""The voice's sinks: one that fails takes none of the others with it, and nothing unsealed passes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from obs_portrait.errors import MediaError
from obs_portrait.media.sinks.base import AudioSink
from obs_portrait.media.types import MicBlock, PersonaBlock
from obs_portrait.pipeline.live import devices
from obs_portrait.pipeline.live import outlets as module
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.options import CONTROL_CELLS, AudioPlan, LiveOptions
from obs_portrait.pipeline.live.outlets import Outlets
from tests.media.conftest import block
from tests.obs.real_obs import until


@dataclass
class Ear(AudioSink):
    """Hears everything, until it breaks."""

    name: str = "test ear"
    adds_ns: int = 0
    breaks: BaseException | None = None
    missing: bool = False
    heard: list[int] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> Ear:
        return self

    def open(self) -> None:
        if self.missing:
            raise MediaError(f"{self.name} is not there; plug it in.")

    def _write(self, block: PersonaBlock) -> None:
        if self.breaks is not None:
            raise self.breaks
        self.heard.append(block.index)

    def close(self) -> None:
        self.closed.set()


@dataclass
class Door:
    """Stands where a device is opened: slow, or shut."""

    opens: threading.Event = field(default_factory=threading.Event)
    shut: threading.Event = field(default_factory=threading.Event)
    ears: list[Ear] = field(default_factory=list)

    def __call__(self) -> Ear:
        door = self

        class Slow(Ear):
            def open(self) -> None:
                assert door.opens.wait(10)
                if door.shut.is_set():
                    raise MediaError("test ear is not there; plug it in.")

        self.ears.append(Slow())
        return self.ears[-1]


def _outlets(*sinks: Ear) -> tuple[Outlets, list[tuple[str, str, bool]]]:
    told: list[tuple[str, str, bool]] = []
    options = LiveOptions(source="performance", personas=("ada",), audio_sinks=sinks)
    made = Outlets(AudioPlan(options, (), "ada", Board(*CONTROL_CELLS)), lambda *notice: told.append(notice))
    return made, told


def _block(index: int) -> PersonaBlock:
    return block(np.zeros(480, np.float32), 0, index)


@pytest.mark.parametrize(
    "error", [MediaError("The monitor is gone; plug it in."), ZeroDivisionError("in the driver"), OSError(5, "I/O")]
)
def test_a_monitor_that_fails_is_closed_and_the_microphone_goes_on(error: Exception) -> None:
    monitor, microphone = Ear("monitor"), Ear("microphone")
    outlets, told = _outlets(monitor, microphone)
    outlets.open(0, outlets._plan.options.audio_sinks)
    outlets.write(_block(0))
    monitor.breaks = error
    outlets.write(_block(1))
    outlets.write(_block(2))
    assert (monitor.heard, microphone.heard) == ([0], [0, 1, 2])
    assert monitor.closed.is_set()
    assert [(about, problem) for about, _, problem in told] == [("sink monitor", True)]
    assert told[0][1].endswith("This sink is closed, the others go on.")


def test_one_that_cannot_be_opened_closes_those_that_are() -> None:
    first, second = Ear("first"), Ear("second", missing=True)
    outlets, _ = _outlets(first, second)
    with pytest.raises(MediaError, match="second is not there"):
        outlets.open(0, outlets._plan.options.audio_sinks)
    assert first.closed.is_set()


def test_a_block_without_a_seal_is_refused_and_counted() -> None:
    ear = Ear()
    outlets, told = _outlets(ear)
    outlets.open(0, outlets._plan.options.audio_sinks)
    real_voice: Any = MicBlock(np.ones(480, np.float32), 0, 0)
    outlets.write(real_voice)
    outlets.write(_block(1))
    assert (ear.heard, outlets.refused) == ([1], 1)
    assert told[0][0] == "leak"


def test_the_speaker_is_exchanged_between_two_blocks_and_counts_for_the_delay() -> None:
    microphone, old, new = Ear("microphone"), Ear("old", adds_ns=5), Ear("new", adds_ns=9)
    outlets, told = _outlets(microphone)
    outlets.open(0, outlets._plan.options.audio_sinks)
    outlets.hear(old)
    until(lambda: len(told) == 1, 10, "it is open")
    assert outlets.sinks == [microphone]  # until the loop takes it up
    outlets.settle()
    outlets.write(_block(0))
    assert outlets.adds_ns == 5
    outlets.hear(new)
    until(lambda: len(told) == 2, 10, "it is open")
    outlets.settle()
    outlets.write(_block(1))
    assert old.closed.wait(30)
    assert (microphone.heard, old.heard, new.heard, outlets.adds_ns) == ([0, 1], [0], [1], 9)
    outlets.hear(Ear("third", missing=True))
    until(lambda: len(told) == 3, 10, "it is missing")
    outlets.settle()
    assert outlets.sinks == [microphone, new]
    assert told[-1] == ("speaker", "third is not there; plug it in. The voice is heard where it was.", True)
    outlets.hear(None)
    until(lambda: len(told) == 4, 10, "there is none")
    outlets.settle()
    assert outlets.sinks == [microphone]


def test_another_headset_leaves_the_cable_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who listens elsewhere stays on air; and another cable takes the place of the cable."""
    ears: dict[str, Ear] = {}

    def make(spec: str) -> Ear:
        ears[spec] = Ear(spec)
        return ears[spec]

    monkeypatch.setattr("obs_portrait.pipeline.live.devices.audio_sink", make)
    monkeypatch.setattr("obs_portrait.pipeline.live.devices.may_return", lambda spec: False)
    outlets, told = _outlets("speaker:CABLE Input", "speaker:Headset")  # type: ignore[arg-type]
    outlets.open(0, outlets._plan.options.audio_sinks)
    for number, spec in enumerate(("speaker:Other", "speaker:BlackHole 2ch", None)):
        outlets.hear(spec)
        until(lambda wanted=number + 1: len(told) == wanted, 10, "it is open")
        outlets.settle()
    assert [sink.name for sink in outlets.sinks] == ["speaker:BlackHole 2ch"]
    until(lambda: ears["speaker:CABLE Input"].closed.is_set() and ears["speaker:Other"].closed.is_set(), 10, "closed")


def test_the_speaker_that_was_chosen_last_is_heard_though_another_one_opens_later() -> None:
    outlets, told = _outlets(Ear("microphone"))
    outlets.open(0, outlets._plan.options.audio_sinks)
    door, quick = Door(), Ear("quick")
    outlets.hear(door)
    outlets.hear(quick)
    until(lambda: len(told) == 1, 10, "the second one is open")
    door.opens.set()
    until(lambda: len(told) == 2, 10, "the first one is open")
    outlets.settle()
    assert outlets.sinks[1:] == [quick]
    assert door.ears[0].closed.wait(30)


def test_a_speaker_that_hangs_is_told_while_the_voice_is_heard_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWERS_NS", 100_000_000)
    old, door = Ear("old"), Door()
    outlets, told = _outlets(old)
    outlets.open(0, outlets._plan.options.audio_sinks)
    outlets.hear(door)
    until(lambda: len(told) == 1, 10, "it is told")
    assert "does not answer" in told[0][1] and told[0][1].endswith("The voice is heard where it was.")
    outlets.settle()
    outlets.write(_block(0))
    assert old.heard == [0]
    door.opens.set()


@pytest.fixture
def restarted(monkeypatch: pytest.MonkeyPatch) -> tuple[Outlets, list[tuple[str, str, bool]], Door, Ear]:
    """Of a process in the place of a dead one, with a device that takes its time."""
    door, other = Door(), Ear("other")
    monkeypatch.setattr(devices, "may_return", lambda spec: spec == "slow")
    monkeypatch.setattr(devices, "audio_sink", lambda spec: door() if spec == "slow" else spec())
    outlets, told = _outlets(other)
    options = replace(outlets._plan.options, audio_sinks=("slow", other))
    outlets._plan = replace(outlets._plan, options=options, first=False)
    return outlets, told, door, other


def test_who_takes_a_dead_ones_place_does_not_wait_for_a_slow_device(
    restarted: tuple[Outlets, list[tuple[str, str, bool]], Door, Ear],
) -> None:
    outlets, told, door, other = restarted
    outlets.open(0, outlets._plan.options.audio_sinks)
    outlets.write(_block(0))
    assert other.heard == [0]
    door.opens.set()
    until(lambda: bool(_after(outlets, 1) and door.ears[-1].heard), 10, "the device is open")
    assert told == []
    outlets.close()
    assert door.ears[-1].closed.is_set()


def test_a_device_that_is_gone_by_then_is_told_and_looked_for(
    restarted: tuple[Outlets, list[tuple[str, str, bool]], Door, Ear],
) -> None:
    outlets, told, door, _ = restarted
    door.opens.set()
    door.shut.set()
    outlets.open(0, outlets._plan.options.audio_sinks)
    until(lambda: bool(told), 10, "its loss is told")
    assert told == [
        ("sink slow", "test ear is not there; plug it in; it is opened again as soon as it is there.", True)
    ]
    door.shut.clear()
    until(lambda: bool(_after(outlets, 1) and door.ears[-1].heard), 10, "it is back")
    assert told[1:] == [("sink slow", "test ear is back.", False)]
    outlets.close()


def _after(outlets: Outlets, index: int) -> bool:
    outlets.write(_block(index))
    return True
