"""A stranger's picture: read within limits, the face in it found, made into a portrait that is safe to keep."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from daemon.rooms.errands import Outcome
from obs_portrait.errors import FaceError
from obs_portrait.face.handmade import check_points, lay_face, names, with_depth
from obs_portrait.face.portrait import find_landmarks, load_picture

__all__ = ["look", "portrait"]

_LARGEST_SIDE: Final = 2048
"""Of a portrait: more is never shown, and would be loaded at each start."""


def look(told: dict[str, Any], content: bytes) -> Outcome:
    """content: a picture. Answers with points, names and found as `Look` has them."""
    image = _read(content)
    height, width = image.shape[:2]
    seen = find_landmarks(image)
    points = lay_face(width, height) if seen is None else seen
    # The landmarker may place points beyond the picture's edge; nobody could drag them there.
    inside = np.clip(points[:, :2], 0, (width, height))
    return Outcome({"points": _rounded(inside), "names": list(names()), "found": seen is not None}, b"")


def portrait(told: dict[str, Any], content: bytes) -> Outcome:
    """content: a picture. told: landmarks, as they were corrected by hand, or None.

    Answers with landmarks and found; the content is a PNG of `picture` bytes, without anything that the file said
    beside its pixels (place, camera, names), and, if they were given, the landmarks' sidecar after it.
    """
    image = _read(content)
    height, width = image.shape[:2]
    given = told["landmarks"]
    seen = find_landmarks(image)
    if given is None:
        if seen is None:
            raise FaceError(
                "No face was found in this picture; set the points by hand, or use one that shows a face from the "
                "front."
            )
        landmarks = seen
    else:
        points = np.array(given, np.float64)
        check_points(points, width, height)
        landmarks = with_depth(points, seen)
    scale = min(1.0, _LARGEST_SIDE / max(height, width))
    small, factor = _scaled(image, scale)
    picture, sidecar = _png(small), b""
    if given is not None:
        packed = io.BytesIO()
        np.savez_compressed(
            packed, landmarks=(landmarks * factor).astype(np.float32), size=np.array([small.shape[1], small.shape[0]])
        )
        sidecar = packed.getvalue()
    answer = {"landmarks": _rounded(landmarks[:, :2]), "found": given is None, "picture": len(picture)}
    return Outcome(answer, picture + sidecar)


def _read(content: bytes) -> NDArray[np.uint8]:
    with tempfile.TemporaryDirectory(prefix="obs-portrait-") as folder:
        path = Path(folder) / "picture"
        path.write_bytes(content)
        try:
            return load_picture(path)
        except FaceError as error:
            raise FaceError(str(error).replace(f"{path}: ", "The picture: ")) from error


def _scaled(image: NDArray[np.uint8], scale: float) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """(the smaller picture, what x, y and z are multiplied by)."""
    if scale == 1.0:
        return image, np.ones(3, np.float32)
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small, np.array([size[0] / width, size[1] / height, scale], np.float32)


def _png(image: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG", compress_level=6)
    return out.getvalue()


def _rounded(points: NDArray[np.float32]) -> list[list[float]]:
    return [[round(float(x), 2), round(float(y), 2)] for x, y in points]
