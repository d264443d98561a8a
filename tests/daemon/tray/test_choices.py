"""What becomes of choices, and of devices that come, without a panel."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from daemon.control.rooms import Devices, Rooms
from daemon.tray import Tray
from daemon.tray import devices as devices_module
from daemon.tray import tray as tray_module
from daemon.tray.devices import DeviceWatch
from daemon.tray.words import Words
from tests.daemon.control.stand_in import StageStandIn


@pytest.mark.parametrize("nobody", [{"off": True}, {"face_on": False}])
def test_rest_ends_the_countdown_to_a_calibration(nobody: Any) -> None:
    stage = StageStandIn()
    tray = Tray(stage, Words("en"))
    tray._carry_out("calibrate")
    assert tray._view().count == 3
    stage.extra = nobody
    assert tray._view().count is None
    stage.extra = {}
    assert tray._view().count is None
    assert ("calibrate",) not in stage.asked


def test_of_a_calibration_there_is_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tray_module, "_COUNTDOWN_S", 0)
    stage = StageStandIn()
    tray = Tray(stage, Words("en"))
    stage.go.clear()
    first = threading.Thread(target=tray._carry_out, args=("calibrate now",), daemon=True)
    first.start()
    assert stage.entered.wait(20)
    tray._carry_out("calibrate now")  # returns at once
    stage.go.set()
    first.join(20)
    tray._carry_out("calibrate now")
    assert stage.asked == [("calibrate",), ("calibrate",)]


def test_after_a_plug_it_is_asked_again_and_no_error_ends_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices_module, "_LOOK_S", 0.005)
    monkeypatch.setattr(devices_module, "_AFTER_S", (0.01, 0.02))
    there = ["one camera"]
    monkeypatch.setattr(devices_module, "plugged", lambda: there[0])
    asked = threading.Semaphore(0)
    found: list[Devices] = []

    class Sick:
        def devices(self) -> Devices:
            asked.release()
            if not found:
                raise RuntimeError("boom")
            return found[0]

    changed = threading.Event()
    watch = DeviceWatch(cast(Rooms, Sick()), changed.set)
    watch.start()
    assert asked.acquire(timeout=20)
    there[0] = "two cameras"
    for _ in range(2):
        assert asked.acquire(timeout=20)
    found.append({"cameras": [], "microphones": [], "speakers": [], "virtual_cameras": []})
    assert asked.acquire(timeout=20)
    there[0] = "three cameras"
    assert changed.wait(20)
    watch.stop()
