"""The personas that the video process has prepared, and when an engine that another one has replaced may be closed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from obs_portrait.pipeline.face_pipeline import FacePipeline
from obs_portrait.pipeline.prepare import PreparedFace

__all__ = ["StagePipeline", "Wardrobe"]


class StagePipeline(FacePipeline):
    """A `FacePipeline` that says whom it still plays, in its own thread."""

    def plays(self, face: PreparedFace) -> bool:
        """Whether it is on stage, or has an order to come there."""
        return face is self._face or any(face is coming for _, coming in self._next)


class Wardrobe:
    """By name, in the order of preparation. From any thread.

    An edited persona is prepared beside the one that plays. That one's engine is closed when the pipeline has left it:
    a network's takes gigabytes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faces: dict[str, PreparedFace] = {}
        self._replaced: list[PreparedFace] = []
        self._leaving: list[PreparedFace] = []  # the engine's thread's own

    def __getitem__(self, name: str) -> PreparedFace:
        """Raises `KeyError`."""
        with self._lock:
            return self._faces[name]

    def put(self, face: PreparedFace) -> None:
        """In the place of the one of that name, if there is one."""
        with self._lock:
            old = self._faces.get(face.name)
            self._faces[face.name] = face
            if old is not None:
                self._replaced.append(old)

    def number(self, name: str) -> int:
        """Of a persona, from 0, in the order of preparation."""
        with self._lock:
            return list(self._faces).index(name)

    def reveals(self, name: str) -> bool:
        """Whether the real person may be seen as that persona, says its profile as it was prepared last."""
        with self._lock:
            face = self._faces.get(name)
        return face is not None and face.look.reveals

    def order(self, name: str, order: Callable[[PreparedFace], None]) -> bool:
        """Has a persona put on stage, while nothing can take its place; False if there is none of that name."""
        with self._lock:
            face = self._faces.get(name)
            if face is not None:
                order(face)
        return face is not None

    def sort_out(self, plays: Callable[[PreparedFace], bool]) -> list[PreparedFace]:
        """In the engine's thread, after each frame: those that were replaced and that nobody plays are the caller's to
        close. One that has just been replaced is looked at with the next frame: until then every order that was given
        for it has been carried out."""
        with self._lock:
            new, self._replaced = self._replaced, []
        done = [face for face in self._leaving if not plays(face)]
        self._leaving = [face for face in self._leaving if face not in done] + new
        return done
