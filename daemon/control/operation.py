"""`Operation`: one row of the API's table, from which route, checks and schema are made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from daemon.control.stage import Stage

__all__ = ["JPEG", "LARGEST_BODY", "SHORT_S", "VIDEO", "VIDEO_KINDS", "Media", "Operation"]

LARGEST_BODY: Final = 64 * 1024
SHORT_S: Final = 3.0
VIDEO_KINDS: Final = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".avi": "video/x-msvideo",
    ".flv": "video/x-flv",
    ".ts": "video/mp2t",
    ".m3u8": "application/vnd.apple.mpegurl",
}
"""A clip's suffix -> its media type."""


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is no JSON: `call` returns bytes, or the Path of a file.

    kinds: the media types that it can have. may_lack: `call` may return None, the answer is 204 then. ranges: parts of
    it can be asked for (RFC 9110, 14).
    """

    kinds: tuple[str, ...]
    may_lack: bool = False
    ranges: bool = False


JPEG: Final = Media(("image/jpeg",))
VIDEO: Final = Media(tuple(dict.fromkeys(VIDEO_KINDS.values())), ranges=True)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for.

    call: (stage, checked body, *the path's parameters in their order) -> the answer's JSON object, or what `Media`
    says; runs in a thread and may block. A `ControlError` with a status is answered with that one, another
    `PortraitError` with 409.
    parameters: the type of each {name} in the path; what does not fit is answered with 404.
    answer: its shape, for the schema. body: None where none is taken; largest: of it, in bytes.
    timeout: s after which the API answers 503. per_second: so many requests are answered, others with 429; None: as
    many as the guard lets in.
    private: whether this, with that body, is for the token and for pages only that signed in since the daemon started.
    urgent: has threads and a rate of its own, so that it gets through whatever else hangs or floods. slow: may take
    seconds when all is well, and has threads of its own, so that nothing else waits for it.
    """

    method: str
    path: str
    summary: str
    call: Callable[..., Any]
    answer: Any
    body: type[BaseModel] | None = None
    timeout: float = SHORT_S
    urgent: bool = False
    slow: bool = False
    largest: int = LARGEST_BODY
    per_second: int | None = None
    private: Callable[[Any], bool] = lambda body: False
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if re.findall(r"{(\w+)}", self.path) != list(self.parameters):
            raise ValueError(f"{self.method} {self.path}: its parameters are {list(self.parameters)}.")

    @property
    def id(self) -> str:
        """For the schema and log lines: "get-clips-id-video"."""
        words = re.findall(r"\w+", self.path.removeprefix("/v1")) or ["about"]
        return "-".join([self.method.lower(), *words])

    def carry_out(self, stage: Stage, body: Any, place: tuple[Any, ...] = ()) -> Any:
        """What `call` returns."""
        return self.call(stage, body, *place)
