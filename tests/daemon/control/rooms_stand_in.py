"""Rooms that note what they are asked for and always have something to show."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from daemon.control.rooms import Clip, Consent, DeviceKind, Devices, Look, Newcomer, Points, Trimmed
from obs_portrait.errors import ControlError, FaceError

__all__ = ["CLIP", "RoomsStandIn", "jpeg", "points"]

CLIP = "0123456789abcdef0123"


def jpeg(colour: tuple[int, int, int] = (40, 90, 200), size: tuple[int, int] = (64, 48)) -> bytes:
    """A small picture."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def points() -> Points:
    """478 in a raster of 100 x 100 pixels."""
    return [[float(2 + number % 22 * 4), float(2 + number // 22 * 4)] for number in range(478)]


class RoomsStandIn:
    """`asked`: (method, arguments) in order. folder: where the clip is; None: it has no file."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.allowed = False
        self.picture: bytes | None = jpeg()
        self.clip = bytes(range(256)) * 8
        self.clip_ids = [CLIP]
        self.folder: Path | None = None

    def preview(self) -> bytes | None:
        return self.picture

    def allow_camera(self, on: bool) -> None:
        self.asked.append(("allow_camera", on))
        self.allowed = on

    def camera(self) -> bytes | None:
        if not self.allowed:
            raise ControlError("The camera is not shown unless you ask for it.", 403)
        return self.picture

    def portrait(self, persona: str) -> bytes:
        if persona not in {"ada", "bronze", "ink"}:
            raise ControlError(f"There is no persona '{persona}'.", 404)
        return jpeg((200, 90, 40))

    def look(self, picture: bytes) -> Look:
        self.asked.append(("look", len(picture)))
        if not picture:
            raise FaceError("The picture is empty.")
        return {"points": points(), "names": [f"point {n + 1}" for n in range(478)], "found": True}

    def make(self, name: str, picture: bytes, consent: Consent, landmarks: Points | None) -> Newcomer:
        self.asked.append(("make", name, picture, consent, landmarks))
        return {"persona": name, "landmarks": landmarks or points(), "found": landmarks is None}

    def clips(self) -> list[Clip]:
        return [
            {"id": name, "name": "2026-11-23 12-00-00 ada.mkv", "persona": "ada", "seconds": 12.5,
             "size": len(self.clip), "made": "2026-11-23T12:00:00+00:00"}
            for name in self.clip_ids
        ]  # fmt: skip

    def _known(self, clip: str) -> None:
        if clip not in self.clip_ids:
            raise ControlError("There is no such clip any more.", 404)

    def thumbnail(self, clip: str) -> bytes:
        self._known(clip)
        return jpeg((10, 200, 10))

    def video(self, clip: str) -> Path:
        self._known(clip)
        if self.folder is None:
            raise ControlError("There is no such clip any more.", 404)
        path = self.folder / "one.mkv"
        if not path.exists():
            path.write_bytes(self.clip)
        return path

    def trim(self, clip: str, start_s: float, end_s: float | None) -> Trimmed:
        self._known(clip)
        self.asked.append(("trim", clip, start_s, end_s))
        return {"id": CLIP, "message": "Made one trim.mkv."}

    def discard(self, clip: str) -> None:
        self._known(clip)
        self.asked.append(("discard", clip))

    def devices(self) -> Devices:
        return {
            "cameras": [{"spec": "camera:0", "name": "A camera", "chosen": True}],
            "microphones": [{"spec": "mic", "name": "A microphone", "chosen": True}],
            "speakers": [{"spec": "speaker", "name": "A speaker", "chosen": False}],
            "virtual_cameras": [],
        }

    def choose(self, chosen: Mapping[DeviceKind, str]) -> None:
        self.asked.append(("choose", dict(chosen)))
