"""The rows of the table for what the page needs beyond the show (`daemon.control.rooms`)."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from daemon.control.operation import JPEG, VIDEO, Media, Operation
from daemon.control.rooms import Clip, DeviceKind, Devices, Look, Newcomer, Trimmed
from daemon.control.stage import Hint, Stage
from obs_portrait.errors import ControlError

__all__ = ["LARGEST_PICTURE", "ROOM_OPERATIONS"]

LARGEST_PICTURE: Final = 6 * 1024 * 1024
_ENCODED: Final = (LARGEST_PICTURE + 2) // 3 * 4
_UPLOAD: Final = _ENCODED + 64 * 1024
"""Beside the picture there are the landmarks and the consent."""
_LOOK_S: Final = 60.0
_TRIM_S: Final = 120.0
_POINTS: Final = 478
_PREVIEWS: Final = 40
"""A second, for all who look together; each page asks at most 10 times."""

_ClipId = Annotated[str, StringConstraints(pattern="^[0-9a-f]{20}$")]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=60)]
_Coordinate = Annotated[float, Field(ge=0.0, le=20_000.0, allow_inf_nan=False)]
_Point = Annotated[list[_Coordinate], Field(min_length=2, max_length=2)]
_Seconds = Annotated[float, Field(ge=0.0, le=1e6, allow_inf_nan=False)]
_Spec = Annotated[str, Field(min_length=1, max_length=500)]
_Picture = Annotated[
    str,
    Field(
        min_length=1,
        max_length=_ENCODED,
        description="A PNG, JPEG or WebP file in base64, at most 6 MiB before it was encoded.",
        json_schema_extra={"contentEncoding": "base64"},
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Allowed(_Body):
    on: bool


class _Looked(_Body):
    picture: _Picture


class _Agreed(_Body):
    kind: Literal["fictional", "self", "licensed", "public-domain"]
    subject: str = Field(min_length=1, max_length=200)
    statement: str = Field(min_length=1, max_length=500)


class _Newcomer(_Body):
    name: _Name
    picture: _Picture
    consent: _Agreed
    landmarks: list[_Point] | None = Field(default=None, min_length=_POINTS, max_length=_POINTS)


class _Trim(_Body):
    start_s: _Seconds
    end_s: _Seconds | None = None


class _Choice(_Body):
    """At least one of them."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})
    camera: _Spec | None = None
    microphone: _Spec | None = None
    speaker: _Spec | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.chosen():
            raise ValueError("name a camera, a microphone or a speaker")
        return self

    def chosen(self) -> dict[DeviceKind, str]:
        """What was named."""
        kinds: tuple[DeviceKind, ...] = ("camera", "microphone", "speaker")
        return {kind: spec for kind in kinds if (spec := getattr(self, kind)) is not None}


class RoomDone(BaseModel):
    """It is done."""

    ok: bool = True


class Clips(BaseModel):
    """The clips, the newest first."""

    clips: list[Clip]


class Problems(BaseModel):
    """What is wrong now, the gravest first."""

    problems: list[Hint]


def _decoded(picture: str) -> bytes:
    try:
        return base64.b64decode(picture, validate=True)
    except (binascii.Error, ValueError):
        raise ControlError("The picture is not base64.", 422) from None


def _make(stage: Stage, body: _Newcomer) -> Newcomer:
    agreed = body.consent
    return stage.rooms.make(
        body.name,
        _decoded(body.picture),
        {"kind": agreed.kind, "subject": agreed.subject, "statement": agreed.statement},
        body.landmarks,
    )


def _ok(done: None) -> dict[str, bool]:
    return {"ok": True}


def _problems(stage: Stage, body: Any) -> dict[str, Any]:
    now = stage.status()
    return {"problems": now.get("hints") or [{"text": text, "fix": None} for text in now.get("problems", [])]}


_A_CLIP: Final = {"id": _ClipId}
_A_PERSONA: Final = {"name": _Name}

ROOM_OPERATIONS: Final = (
    Operation("GET", "/v1/problems", "What is wrong, and what to do.", _problems, Problems),
    Operation(
        "GET", "/v1/preview", "The persona as it goes out, 480 pixels at most.",
        lambda stage, body: stage.rooms.preview(), Media(("image/jpeg",), may_lack=True), per_second=_PREVIEWS,
    ),
    Operation(
        "GET", "/v1/preview/camera", "The camera with what was found in the face; 403 unless it was allowed.",
        lambda stage, body: stage.rooms.camera(), Media(("image/jpeg",), may_lack=True), per_second=_PREVIEWS,
        private=lambda body: True,
    ),
    Operation(
        "POST", "/v1/preview/camera", "Allow the camera's preview for a minute, or end it.",
        lambda stage, body: _ok(stage.rooms.allow_camera(body.on)), RoomDone, _Allowed, private=lambda body: body.on,
    ),
    Operation(
        "GET", "/v1/personas/{name}/picture", "A persona's portrait, 256 pixels at most.",
        lambda stage, body, name: stage.rooms.portrait(name), JPEG, timeout=_LOOK_S, slow=True, parameters=_A_PERSONA,
    ),
    Operation(
        "POST", "/v1/personas", "Make a persona from a picture.",
        _make, Newcomer, _Newcomer, timeout=_LOOK_S, slow=True, largest=_UPLOAD,
    ),
    Operation(
        "POST", "/v1/landmarks", "Look for the face in a picture.",
        lambda stage, body: stage.rooms.look(_decoded(body.picture)), Look, _Looked,
        timeout=_LOOK_S, slow=True, largest=_UPLOAD,
    ),
    Operation("GET", "/v1/clips", "All clips.", lambda stage, body: {"clips": stage.rooms.clips()}, Clips, slow=True),
    Operation(
        "GET", "/v1/clips/{id}/thumbnail", "A picture of a clip, 320 pixels at most.",
        lambda stage, body, clip: stage.rooms.thumbnail(clip), JPEG, timeout=_LOOK_S, slow=True, parameters=_A_CLIP,
    ),
    Operation(
        "GET", "/v1/clips/{id}/video", "A clip's file.",
        lambda stage, body, clip: stage.rooms.video(clip), VIDEO, slow=True, parameters=_A_CLIP,
    ),
    Operation(
        "POST", "/v1/clips/{id}/trim", "Make a new clip of a part; the old one stays.",
        lambda stage, body, clip: stage.rooms.trim(clip, body.start_s, body.end_s), Trimmed, _Trim,
        timeout=_TRIM_S, slow=True, parameters=_A_CLIP,
    ),
    Operation(
        "DELETE", "/v1/clips/{id}", "Put a clip into the trash.",
        lambda stage, body, clip: _ok(stage.rooms.discard(clip)), RoomDone, slow=True, parameters=_A_CLIP,
    ),
    Operation(
        "GET", "/v1/devices", "Cameras, microphones and speakers.",
        lambda stage, body: stage.rooms.devices(), Devices, timeout=20.0, slow=True,
    ),
    Operation(
        "POST", "/v1/devices", "Take another camera, microphone or speaker at once.",
        lambda stage, body: _ok(stage.rooms.choose(body.chosen())), RoomDone, _Choice, timeout=20.0, slow=True,
    ),
)  # fmt: skip
