"""The API's operations, one row each. Routes, checks of bodies and the OpenAPI schema are all made from this table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from daemon.control.operation import Operation
from daemon.control.room_operations import ROOM_OPERATIONS
from daemon.control.stage import (
    Binding,
    ClipAction,
    ClipResult,
    History,
    Persona,
    SettingsView,
    Stage,
    Status,
)
from obs_portrait import __version__

__all__ = ["OPERATIONS", "Operation"]

_CLIP = 30.0


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Nothing(_Body):
    """No entries."""


class _Switch(_Body):
    persona: str = Field(min_length=1, max_length=300)


class _Panic(_Body):
    on: bool = True


class _Switched(_Body):
    on: bool


class _Hold(_Body):
    persona: str | None = Field(max_length=300)


class _Settings(_Body):
    settings: dict[str, dict[str, Any] | None]


class _Clip(_Body):
    action: ClipAction = "save"


class _Bind(_Body):
    scene: str = Field(min_length=1, max_length=1000)
    persona: str | None = Field(max_length=300)


class About(BaseModel):
    """What answers here."""

    name: str = "OBS Portrait"
    version: str = __version__
    api: int = 1


class Done(BaseModel):
    """It is done, or under way."""

    ok: bool = True


class Personas(BaseModel):
    """All personas, in the order of their keys."""

    personas: list[Persona]


class Scenes(BaseModel):
    """OBS's scenes in their order."""

    scenes: list[str]


class Bindings(BaseModel):
    """The scene rules in the order in which they are tried."""

    bindings: list[Binding]


def _done(act: Callable[[Stage, Any], None]) -> Callable[[Stage, Any], dict[str, bool]]:
    def call(stage: Stage, body: Any) -> dict[str, bool]:
        act(stage, body)
        return {"ok": True}

    return call


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/v1", "What answers here.", lambda stage, body: About().model_dump(), About),
    Operation("GET", "/v1/status", "What happens now.", lambda stage, body: stage.status(), Status),
    Operation(
        "GET", "/v1/personas", "Who one can become.", lambda stage, body: {"personas": stage.personas()}, Personas
    ),
    Operation(
        "POST", "/v1/switch", "Become a persona; holds until the next scene change.",
        _done(lambda stage, body: stage.switch(body.persona)), Done, _Switch,
    ),
    Operation(
        "POST", "/v1/calibrate", "Take the neutral reference frame anew.",
        _done(lambda stage, body: stage.calibrate()), Done, _Nothing, timeout=10.0, slow=True,
    ),
    Operation(
        "POST", "/v1/search", "Begin or end the search for a better reference frame.",
        _done(lambda stage, body: stage.search_reference()), Done, _Nothing,
    ),
    Operation(
        "POST", "/v1/panic", "Card and silence at once, or back to the persona.",
        _done(lambda stage, body: stage.panic(body.on)), Done, _Panic, urgent=True,
    ),
    Operation(
        "POST", "/v1/off", "Close camera and microphone and show the card, or be back.",
        _done(lambda stage, body: stage.off(body.on)), Done, _Switched,
    ),
    Operation(
        "POST", "/v1/face", "The persona moves, or stands still.",
        _done(lambda stage, body: stage.face(body.on)), Done, _Switched,
    ),
    Operation(
        "POST", "/v1/voice", "The persona is heard, or silent.",
        _done(lambda stage, body: stage.voice(body.on)), Done, _Switched,
    ),
    Operation(
        "POST", "/v1/hold", "Become a persona for a while; null goes back.",
        _done(lambda stage, body: stage.hold(body.persona)), Done, _Hold,
    ),
    Operation("POST", "/v1/quit", "End the daemon.", _done(lambda stage, body: stage.quit()), Done, _Nothing),
    Operation("GET", "/v1/history", "The last minutes in figures.", lambda stage, body: stage.history(), History),
    Operation("GET", "/v1/settings", "The settings in force.", lambda stage, body: stage.settings(), SettingsView),
    Operation(
        "PUT", "/v1/settings", "Change settings; null takes one out.",
        _done(lambda stage, body: stage.change_settings(body.settings)), Done, _Settings,
    ),
    Operation(
        "POST", "/v1/clip", "Save, start, stop or tell of a clip.",
        lambda stage, body: stage.clip(body.action), ClipResult, _Clip, timeout=_CLIP,
    ),
    Operation("GET", "/v1/scenes", "OBS's scenes.", lambda stage, body: {"scenes": stage.scenes()}, Scenes),
    Operation("GET", "/v1/bindings", "The scene rules.", lambda stage, body: {"bindings": stage.bindings()}, Bindings),
    Operation(
        "PUT", "/v1/bindings", "Bind exactly one scene to a persona, or take its rule away (null).",
        _done(lambda stage, body: stage.bind(body.scene, body.persona)), Done, _Bind,
    ),
    *ROOM_OPERATIONS,
)  # fmt: skip
