"""The canonical face: MediaPipe's mesh of 468 vertices, and which of them are lids, lips and the rest.

Geometry is read from the verified `face_landmarker.task` (a zip), where MediaPipe keeps it as a protocol buffer
(`mediapipe/tasks/cc/vision/face_geometry/proto/`). "Left" is the person's left, as in MediaPipe.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.checkpoints.catalog import locate
from obs_portrait.errors import CheckpointError

__all__ = [
    "FACE_OVAL",
    "LEFT_BROW",
    "LEFT_EYE",
    "LEFT_EYE_CORNERS",
    "LEFT_IRIS",
    "LIPS_INNER",
    "LIPS_OUTER",
    "RIGHT_BROW",
    "RIGHT_EYE",
    "RIGHT_EYE_CORNERS",
    "RIGHT_IRIS",
    "canonical_vertices",
    "procrustes_weights",
    "triangles",
]

# Closed rings, in order round the ring.
# fmt: off
FACE_OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)
LIPS_OUTER: Final = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
LIPS_INNER: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
RIGHT_EYE: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE: Final = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
# fmt: on
RIGHT_BROW: Final = (46, 53, 52, 65, 55, 107, 66, 105, 63, 70)
LEFT_BROW: Final = (276, 283, 282, 295, 285, 336, 296, 334, 293, 300)
# The first index is the centre of the iris, the other four lie round it.
RIGHT_IRIS: Final = (468, 469, 470, 471, 472)
LEFT_IRIS: Final = (473, 474, 475, 476, 477)
# Outer corner, inner corner.
RIGHT_EYE_CORNERS: Final = (33, 133)
LEFT_EYE_CORNERS: Final = (263, 362)

_VERTEX_FIELDS: Final = 5  # x, y, z, u, v
_VERTICES: Final = 468
_TRIANGLES: Final = 898


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) of a protocol buffer message; fixed-size and length-delimited values as bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        match key & 7:
            case 0:
                number, at = _varint(data, at)
                yield key >> 3, number
            case 2:
                size, at = _varint(data, at)
                yield key >> 3, data[at : at + size]
                at += size
            case 5:
                yield key >> 3, data[at : at + 4]
                at += 4
            case 1:
                yield key >> 3, data[at : at + 8]
                at += 8
            case wire:
                raise CheckpointError(f"face_landmarker.task: unknown wire type {wire} in the face geometry.")


@cache
def _geometry() -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    with zipfile.ZipFile(locate("face_landmarker")) as archive:
        data = archive.read("geometry_pipeline_metadata_landmarks.binarypb")
    numbers = bytearray()
    indices: list[int] = []
    weights = np.zeros(_VERTICES, np.float32)
    for field, value in _fields(data):
        if field == 1 and isinstance(value, bytes):  # Mesh3d: vertex buffer (3) and index buffer (4)
            for inner, item in _fields(value):
                if inner == 3 and isinstance(item, bytes):
                    numbers += item
                elif inner == 4 and isinstance(item, int):
                    indices.append(item)
        elif field == 2 and isinstance(value, bytes):  # WeightedLandmarkRef: id (1), weight (2)
            row = dict(_fields(value))
            weight = row[2]
            assert isinstance(weight, bytes)  # noqa: S101 - narrows the type; the file is verified by its hash
            weights[int(row.get(1, 0))] = np.frombuffer(weight, "<f4")[0]
    buffer = np.frombuffer(bytes(numbers), "<f4").reshape(-1, _VERTEX_FIELDS)
    vertices = np.ascontiguousarray(buffer[:, :3] * np.array([1, -1, -1], np.float32))
    faces = np.array(indices, np.int32).reshape(-1, 3)
    if vertices.shape != (_VERTICES, 3) or faces.shape != (_TRIANGLES, 3) or not weights.any():
        raise CheckpointError("face_landmarker.task: the face geometry in it has an unexpected form.")
    for array in (vertices, faces, weights):
        array.flags.writeable = False
    return vertices, faces, weights


def canonical_vertices() -> NDArray[np.float32]:
    """(468, 3) float32, read-only: the neutral face in cm, x right, y down, z away from the viewer (image axes)."""
    return _geometry()[0]


def triangles() -> NDArray[np.int32]:
    """(898, 3) int32, read-only: vertex indices of the mesh's triangles. They fill the mouth and the eyes too."""
    return _geometry()[1]


def procrustes_weights() -> NDArray[np.float32]:
    """(468,) float32, read-only: weights of the rigid alignment; non-zero at the 33 vertices that move least."""
    return _geometry()[2]
