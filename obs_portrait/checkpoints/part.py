"""A download that is not complete: the bytes so far, and what is needed to go on with them later."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from obs_portrait.folders import take_place

__all__ = ["Part", "State"]


@dataclass(frozen=True, slots=True)
class State:
    """url: where the bytes come from. validator: strong ETag or Last-Modified of the file there (RFC 9110, 13.1.5), or
    None if the server gave neither. total: length of the whole file in bytes, if it was told."""

    url: str
    validator: str | None
    total: int | None


class Part:
    """`FILE.part` with the bytes and `FILE.part.json` with their state, beside where FILE will be.

    The state is written before the first byte and the bytes are written without a buffer, so that a program that is
    killed leaves a part that can be gone on with.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self._state = target.with_name(target.name + ".part.json")

    def size(self) -> int:
        """Bytes so far."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def state(self) -> State | None:
        """Where the bytes come from; None if there are none, or nobody knows."""
        try:
            return State(**json.loads(self._state.read_bytes())) if self.size() else None
        except (OSError, ValueError, TypeError):
            return None

    def begin(self, state: State) -> None:
        """Forgets the bytes so far and writes down where the next ones come from."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self._state.write_text(json.dumps(asdict(state)), encoding="utf-8")
        self.path.touch()

    def discard(self) -> None:
        """Removes the bytes and their state."""
        for path in (self.path, self._state):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def finish(self, target: Path) -> None:
        """The bytes are all here and right: they become `target` in one step, on the disk before the name is."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        take_place(self.path, target)
        self._state.unlink(missing_ok=True)
