"""A stage that notes what it is asked for, and can hang, refuse or fail."""

from __future__ import annotations

import threading
from typing import Any

from daemon.control.stage import Binding, ClipAction, ClipResult, History, Persona, SettingsView, Status
from daemon.settings import Settings, SettingsFile
from obs_portrait.errors import ObsError, ProfileError
from tests.daemon.control.rooms_stand_in import RoomsStandIn

__all__ = ["StageStandIn"]


class StageStandIn:
    """`asked`: (method, arguments) in order. While `go` is cleared every method but panic waits;
    `entered`: one of them was called. `settings_file`: a real one, None: nothing is kept."""

    def __init__(self, *names: str) -> None:
        self.names = list(names or ("ada", "bronze", "ink"))
        self.asked: list[tuple[Any, ...]] = []
        self.persona = self.names[0]
        self.in_panic = False
        self.rules: dict[str, str] = {}
        self.scene_names = ["Ada", "Bronze", "Ink", "Empty"]
        self.go = threading.Event()
        self.go.set()
        self.entered = threading.Event()
        self.error: Exception | None = None
        self.status_error: Exception | None = None
        self.extra: Status = {}
        self.rooms = RoomsStandIn()
        self.settings_file: SettingsFile | None = None

    def _wait(self) -> None:
        self.entered.set()
        self.go.wait()

    def _note(self, *what: Any) -> None:
        self.asked.append(what)
        self._wait()
        if self.error is not None:
            raise self.error

    def status(self) -> Status:
        self._wait()
        if self.status_error is not None:
            raise self.status_error
        return {
            "running": True, "state": "card" if self.in_panic else "live", "persona": self.persona,
            "panic": self.in_panic, "prepared": list(self.names), "fps": 29.8,
            "latency": {"picture_ms": 41.0, "voice_ms": 38.0, "skew_ms": -3.0}, "dropped": 2, "late_blocks": 0,
            "blocks": 6000, "blocks_over_60_ms": 1, "reveals": False, "restarts": 0, "problems": [], "reference": None,
            "obs": {"connected": True, "version": "29.0.2", "scene": "Ada", "streaming": True, "recording": False,
                    "replay": True, "problem": None},
            "last_clip": None, "uptime_s": 61.5, **self.extra,
        }  # fmt: skip

    def personas(self) -> list[Persona]:
        self._wait()
        return [
            {"name": name, "description": f"{name.title()}, drawn", "ready": True, "on_stage": name == self.persona,
             "hotkey": None, "problem": None, "reveals": False}
            for name in self.names
        ]  # fmt: skip

    def switch(self, name: str) -> None:
        self._note("switch", name)
        if name not in self.names:
            raise ProfileError(f"There is no persona '{name}'.")
        self.persona = name

    def calibrate(self) -> None:
        self._note("calibrate")

    def search_reference(self) -> None:
        self._note("search")

    def panic(self, on: bool) -> None:
        self.asked.append(("panic", on))
        self.in_panic = on

    def off(self, on: bool) -> None:
        self._note("off", on)

    def face(self, on: bool) -> None:
        self._note("face", on)

    def voice(self, on: bool) -> None:
        self._note("voice", on)

    def hold(self, name: str | None) -> None:
        self._note("hold", name)

    def quit(self) -> None:
        self._note("quit")

    def history(self) -> History:
        self._wait()
        return {"step_s": 1.0, "series": {"fps": [None, 29.8], "picture_ms": [None, 41.0]}}

    def settings(self) -> SettingsView:
        self._wait()
        now = self.settings_file.now if self.settings_file is not None else Settings()
        settings = now.model_dump(mode="json")
        return {
            "settings": settings, "schema": Settings.model_json_schema(), "path": "/config/settings.toml",
            "problem": None,
        }  # fmt: skip

    def change_settings(self, part: dict[str, Any]) -> None:
        self._note("settings", part)
        if self.settings_file is not None:
            self.settings_file.change(part)

    def clip(self, action: ClipAction) -> ClipResult:
        self._note("clip", action)
        if action == "stop":
            raise ObsError("No recording runs.", 501)
        return {"action": action, "path": "/clips/one.mkv", "message": "Saved one.mkv.", "seconds": 5.0}

    def scenes(self) -> list[str]:
        self._wait()
        return list(self.scene_names)

    def bindings(self) -> list[Binding]:
        self._wait()
        return [{"scene": scene, "persona": persona, "where": "test"} for scene, persona in self.rules.items()]

    def bind(self, scene: str, persona: str | None) -> None:
        self._note("bind", scene, persona)
        if persona is None:
            self.rules.pop(scene, None)
        else:
            self.rules[scene] = persona
