"""The soak's daemon and what is done to it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from bench.soak_house import House
from daemon.control.client import ControlClient
from obs_portrait.clock import now_ns
from obs_portrait.errors import ControlError, PipelineError
from obs_portrait.pipeline.fakes import Fault
from obs_portrait.pipeline.live.board import Board

__all__ = ["HANGS", "KINDS", "FlakyFace", "Soak", "possible", "until"]

PATIENCE_S = 60.0
RAISES, HANGS = 1, 2
_AWAY_S = 3.0
"""So long a program that was killed is not there."""


@dataclass(frozen=True)
class FlakyFace:
    """Prepares as usual; on order the engine raises for one frame in ten, or hangs."""

    faults: Board

    def __call__(self, persona: Any, canvas: Any) -> Any:
        from obs_portrait.pipeline.prepare import prepare_face

        face = prepare_face(persona, canvas)
        render, count = face.engine.render, [0]

        def flaky(*arguments: Any) -> Any:
            count[0] += 1
            if self.faults.get("engine") == RAISES and count[0] % 10 == 0:
                raise PipelineError("the engine raised, as it was told to")
            while self.faults.get("engine") == HANGS:
                time.sleep(0.005)
            return render(*arguments)

        face.engine.render = flaky  # type: ignore[method-assign, assignment]
        return face


def until(condition: Callable[[], bool], seconds: float = PATIENCE_S, every: float = 0.005) -> bool:
    """Waits so long at most, looking again after `every` s; whether it came true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


@dataclass
class Soak:
    """What the driver of the soak holds."""

    faults: Board
    engine: Board
    pictures: Board
    sounds: Board
    client: ControlClient
    process: Any
    inside: Board
    house: House

    def media(self, name: str) -> psutil.Process:
        """ "video" or "audio": the one that is on."""
        until(lambda: self.inside.get(name) > 0)
        return psutil.Process(self.inside.get(name))

    def children(self) -> list[psutil.Process]:
        """Both, their understudies, and the one that shows the tray's icon."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def ask(self, path: str, body: dict[str, Any], method: str = "POST") -> None:
        """A request that may find the daemon asleep, or be refused."""
        with contextlib.suppress(ControlError):
            self.client.request(method, path, body, timeout=20.0)

    def back(self, since_ns: int) -> float:
        """Seconds from then until picture and voice of a persona leave again; infinite after a minute."""
        if not until(lambda: min(self.pictures.get("frame_ns"), self.sounds.get("sound_ns")) > since_ns):
            return float("inf")
        return (max(self.pictures.get("frame_ns"), self.sounds.get("sound_ns")) - since_ns) / 1e9

    def obs_is_connected(self) -> bool:
        """Says the daemon."""
        with contextlib.suppress(ControlError):
            return bool(self.client.status().get("obs", {}).get("connected"))
        return False


@dataclass(frozen=True)
class Over:
    """When a fault was over. took_s: until what is neither picture nor voice (OBS, a virtual microphone) was back."""

    at_ns: int
    took_s: float = 0.0


def _kill(which: str) -> Callable[[Soak], Over]:
    def fault(soak: Soak) -> Over:
        soak.media(which).kill()
        return Over(now_ns())

    return fault


def _stop(which: str, seconds: float = 10.0) -> Callable[[Soak], Over]:
    """Nobody waits for a process that was stopped: what counts is how long nothing came after the signal, and whether
    it does harm when it wakes."""

    def fault(soak: Soak) -> Over:
        stopped, begun = soak.media(which), now_ns()
        stopped.send_signal(signal.SIGSTOP)
        time.sleep(0.1)  # what was under way between two processes has arrived
        silent = soak.back(now_ns()) + 0.1
        time.sleep(max(0.0, seconds - (now_ns() - begun) / 1e9))
        with contextlib.suppress(psutil.Error):
            stopped.send_signal(signal.SIGCONT)
        return Over(now_ns(), silent)

    return fault


def _suspend(soak: Soak) -> Over:
    everybody = [psutil.Process(soak.process.pid), *soak.children()]
    for one in everybody:
        one.send_signal(signal.SIGSTOP)
    time.sleep(10.0)
    for one in everybody:
        one.send_signal(signal.SIGCONT)
    return Over(now_ns())


def _device(cell: str, what: Fault, seconds: float = 6.0) -> Callable[[Soak], Over]:
    def fault(soak: Soak) -> Over:
        soak.faults.set(cell, what)
        time.sleep(seconds)
        soak.faults.set(cell, Fault.NONE)
        return Over(now_ns())

    return fault


def _engine(what: int, seconds: float) -> Callable[[Soak], Over]:
    def fault(soak: Soak) -> Over:
        soak.engine.set("engine", what)
        time.sleep(seconds)
        soak.engine.set("engine", 0)
        return Over(now_ns())

    return fault


def _load(soak: Soak) -> Over:
    """Both cores, or as many as there are, for 30 s."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 2)]
    time.sleep(30.0)
    for one in busy:
        one.kill()
        one.wait()
    return Over(now_ns())


def _sound_server(soak: Soak) -> Over:
    """Killed and started again; the virtual microphone has to be there and heard."""
    pulse, listener = soak.house.pulse, soak.house.listener
    assert pulse is not None
    assert listener is not None
    pulse.kill()
    time.sleep(_AWAY_S)
    pulse.start()
    again = now_ns()
    there = until(lambda: listener.sound_ns > again)
    return Over(again, (listener.sound_ns - again) / 1e9 if there else float("inf"))


def _obs(soak: Soak) -> Over:
    """Killed and started again; counted from when its obs-websocket answers."""
    assert soak.house.obs is not None
    soak.house.obs.kill()
    time.sleep(_AWAY_S)
    soak.house.obs.start()
    again = now_ns()
    there = until(soak.obs_is_connected)
    return Over(again, (now_ns() - again) / 1e9 if there else float("inf"))


def _disk(soak: Soak) -> Over:
    """Settings, state and logs are on it; the show is asked for what it would write there."""
    soak.house.disk.fill()
    soak.ask("/v1/calibrate", {})
    soak.ask("/v1/settings", {"settings": {"alarm": {"least_fps": 14.0}}}, "PUT")
    soak.ask("/v1/bindings", {"scene": "Ada", "persona": "ada"}, "PUT")
    soak.ask("/v1/clip", {"action": "save"})
    time.sleep(5.0)
    soak.house.disk.free()
    return Over(now_ns())


def _clock(soak: Soak) -> Over:
    """An hour forward, two back, and right again: after each the show has to go on."""
    slowest = 0.0
    for seconds in (3600, -3600, 0):
        soak.house.clock.jump(seconds)
        slowest = max(slowest, soak.back(now_ns()))
        time.sleep(2.0)
    return Over(now_ns(), slowest)


KINDS: dict[str, Callable[[Soak], Over]] = {
    "video process killed": _kill("video"),
    "audio process killed": _kill("audio"),
    "video process stopped for 10 s": _stop("video"),
    "audio process stopped for 10 s": _stop("audio"),
    "camera gone and back": _device("camera", Fault.GONE),
    "camera frozen": _device("camera", Fault.FROZEN),
    "camera driver raises": _device("camera", Fault.BROKEN),
    "microphone gone and back": _device("microphone", Fault.GONE),
    "microphone frozen": _device("microphone", Fault.FROZEN),
    "sound server killed": _sound_server,
    "OBS killed": _obs,
    "engine raises one frame in ten": _engine(RAISES, 10.0),
    "engine hangs": _engine(HANGS, 6.0),  # longer than its process is left alive
    "disk full": _disk,
    "clock jumps": _clock,
    "all cores busy for 30 s": _load,
    "everybody asleep for 10 s": _suspend,
}


def possible(house: House) -> dict[str, Callable[[Soak], Over]]:
    """Those of the `KINDS` that can be had here."""
    lacks = {
        "sound server killed": house.pulse is None,
        "OBS killed": house.obs is None,
        "disk full": not house.disk.mounted,
        "clock jumps": not house.clock.there,
    }
    return {name: fault for name, fault in KINDS.items() if not lacks.get(name)}
