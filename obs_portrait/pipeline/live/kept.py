"""Calibrations outlive the program: the driver's neutral reference for each camera and persona, in a private file.

They are numbers about the streamer's face, so the file is theirs alone (mode 0600) and holds no more than the engine
needs. A new calibration forgets those of the same camera that are from another day: who sat down anew sits elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from obs_portrait.face.types import Observation
from obs_portrait.folders import write_whole

__all__ = ["Kept"]

_VERSION: Final = 1
_SAME_SITTING_S: Final = 8 * 3600
_MOST: Final = 64
_FAR: Final = 1e6
_MOST_BYTES: Final = 4 * 1024 * 1024
_SHAPES: Final = {"landmarks": (478, 3), "blendshapes": (52,), "pose": (4, 4)}


class Kept:
    """The file. Never raises: a calibration that is lost is made again in a second. It is written in a thread of its
    own: who keeps a calibration is the one who carries out a panic, and a disk may take its time."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._rows: list[dict[str, Any]] = self._read()
        self._texts: dict[int, str] = {}  # of rows, by their id: each is written out once
        self._writer = ThreadPoolExecutor(1, "calibrations")
        self._known: dict[tuple[str, str], Observation] = {}  # who asks twice is given the same object

    def find(self, camera: str, persona: str) -> Observation | None:
        """The persona's own for this camera; else the newest of any persona's for it."""
        rows = [row for row in self._rows if row["camera"] == camera]
        own = [row for row in rows if row["persona"] == persona]
        for row in sorted(own or rows, key=lambda row: -row["made"]):
            place = (camera, row["persona"])
            found = self._known.get(place) or _observation(row)
            if found is not None:
                return self._known.setdefault(place, found)
        return None

    def keep(self, camera: str, persona: str, reference: Observation) -> None:
        """From now on it is this one."""
        now = self._clock()
        self._rows = [
            row
            for row in self._rows
            if row["camera"] != camera or (row["persona"] != persona and 0 <= now - row["made"] < _SAME_SITTING_S)
        ]
        self._known[camera, persona] = reference
        arrays = {name: np.round(getattr(reference, name), 4).tolist() for name in _SHAPES}
        size = {"width": reference.width, "height": reference.height, "confidence": reference.confidence}
        self._rows = [*self._rows, {"camera": camera, "persona": persona, "made": now, **size, **arrays}][-_MOST:]
        self._texts = {id(row): self._texts.get(id(row)) or json.dumps(row) for row in self._rows}
        self._writer.submit(self._write, list(self._texts.values()))

    def close(self) -> None:
        """Returns when all is written. It may be used again."""
        self._writer.shutdown()
        self._writer = ThreadPoolExecutor(1, "calibrations")

    def _write(self, rows: list[str]) -> None:
        with contextlib.suppress(OSError):
            write_whole(self._path, f'{{"version": {_VERSION}, "references": [{", ".join(rows)}]}}')
            os.chmod(self._path, 0o600)  # noqa: PTH101

    def _read(self) -> list[dict[str, Any]]:
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                return []
            data = json.loads(self._path.read_text("utf-8"))
            rows = data["references"] if data["version"] == _VERSION else []
            return [row for row in rows if _is_row(row)]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return []


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("camera"), str)
        and isinstance(row.get("persona"), str)
        and isinstance(row.get("made"), int | float)
    )


def _observation(row: dict[str, Any]) -> Observation | None:
    """What a row holds, if it is a face: the right shapes, finite, inside a picture of a possible size."""
    try:
        numbers = {name: np.asarray(row[name], np.float64) for name in _SHAPES}
        width, height, confidence = int(row["width"]), int(row["height"]), float(row["confidence"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    fits = all(numbers[name].shape == shape and (np.abs(numbers[name]) < _FAR).all() for name, shape in _SHAPES.items())
    if not fits or not (16 <= width <= 16384 and 16 <= height <= 16384 and 0 <= confidence <= 1):
        return None
    arrays = {name: values.astype(np.float32) for name, values in numbers.items()}
    face = arrays["landmarks"][:, :2]
    if np.abs(face).max() > 4 * max(width, height) or np.ptp(face[:, 0]) < 4 or np.ptp(face[:, 1]) < 4:
        return None
    points, shapes, pose = (arrays[name] for name in _SHAPES)
    return Observation(points, shapes, pose, confidence, width, height, captured_ns=0)
