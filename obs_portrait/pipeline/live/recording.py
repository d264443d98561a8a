"""A live recording: each process writes its own part, the session puts them together when it stops."""

from __future__ import annotations

import itertools
from pathlib import Path

from obs_portrait.errors import PipelineError

__all__ = ["Recorder"]


class Recorder:
    """Names the parts and assembles them. Holds no pixel and no sample: the parts are files."""

    def __init__(self, target: Path, force: bool = False) -> None:
        """Raises `PipelineError` if the file exists (and `force` is False) or its folder does not."""
        if target.exists() and not force:
            raise PipelineError(f"{target} exists; choose another name or say --force.")
        if not target.parent.is_dir():
            raise PipelineError(f"There is no folder {target.parent} to record into.")
        self.target = target
        self._numbers = itertools.count()
        self._parts: dict[str, list[Path]] = {"video": [], "audio": []}

    def part(self, kind: str) -> Path:
        """A new part for a process ("video" or "audio") that starts; one that was killed leaves its own behind."""
        path = self.target.with_name(f"{self.target.name}.{kind}{next(self._numbers)}.part")
        self._parts[kind].append(path)
        return path

    def assemble(self) -> Path:
        """Puts the parts together into the target and removes them."""
        raise NotImplementedError
