"""What `obs setup` has made or changed in OBS, kept so that `obs undo` can take exactly that back."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from obs_portrait.errors import ObsError
from obs_portrait.folders import take_place
from obs_portrait.persona.store import config_dir

__all__ = ["SetupRecord", "record_path"]


def record_path() -> Path:
    """Where it is kept."""
    return config_dir() / "obs-setup.json"


@dataclass
class SetupRecord:
    """inputs: name -> kind of the inputs that we created. items: [collection, scene, input] that we placed.
    before: name -> what an input that was there already had, for the settings that we changed."""

    inputs: dict[str, str] = field(default_factory=dict)
    items: list[list[str]] = field(default_factory=list)
    before: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None = None) -> SetupRecord:
        """The record, or an empty one if there is none. Raises `ObsError` if it cannot be read."""
        path = path or record_path()
        try:
            data = json.loads(path.read_text("utf-8"))
            if not isinstance(data, dict):
                raise ValueError
            record = cls(**{key: data[key] for key in ("inputs", "items", "before") if key in data})
            if not (
                isinstance(record.inputs, dict) and isinstance(record.items, list) and isinstance(record.before, dict)
            ):
                raise ValueError
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, TypeError):
            raise ObsError(f"{path} cannot be read; delete it, and remove the sources in OBS by hand.") from None
        return record

    def save(self, path: Path | None = None) -> None:
        """Whole or not at all. Raises `ObsError`."""
        path = path or record_path()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=path.parent, prefix=".obs-setup")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as out:
                    json.dump(asdict(self), out, ensure_ascii=False, indent=1)
                take_place(Path(part), path)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(part).unlink()
                raise
        except OSError as error:
            raise ObsError(f"{path} cannot be written ({error.strerror or error}).") from None
