"""The clips folder: every clip under a name by date, persona and scene, with its sidecar."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from obs_portrait.errors import MediaError, ObsError
from obs_portrait.folders import take_place
from obs_portrait.obs.clips.moving import claim, move
from obs_portrait.obs.clips.naming import clip_stem
from obs_portrait.obs.clips.sidecar import SUFFIX, ClipInfo, read_sidecar, sidecar_path

__all__ = ["CLIPS_VARIABLE", "Clip", "Library", "clips_dir"]

CLIPS_VARIABLE: Final = "OBS_PORTRAIT_CLIPS_DIR"
"""Environment variable that moves the clips folder."""
_MEDIA: Final = frozenset({".mkv", ".mp4", ".mov", ".flv", ".ts", ".m3u8", ".webm", ".avi", ".m4v"})


def clips_dir() -> Path:
    """The user's clips folder: `OBS Portrait` in their videos folder. It need not exist."""
    if chosen := os.environ.get(CLIPS_VARIABLE):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_videos_path() / "OBS Portrait"


@dataclass(frozen=True, slots=True)
class Clip:
    """path: the file. info: what its sidecar says."""

    path: Path
    info: ClipInfo


class Library:
    """One clips folder. Several processes may use it at once."""

    def __init__(self, folder: Path | None = None) -> None:
        """folder: `clips_dir()` if left out; made when the first clip comes."""
        self.folder = clips_dir() if folder is None else Path(folder)

    def prepare(self) -> None:
        """Makes the folder. Raises `ObsError` if that is impossible or nobody may write there."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ObsError(
                f"{self.folder}: the clips folder cannot be made ({error.strerror or error}); set {CLIPS_VARIABLE} to "
                "a folder of yours."
            ) from None
        if not os.access(self.folder, os.W_OK):
            raise ObsError(f"{self.folder}: you may not write into the clips folder; set {CLIPS_VARIABLE} to another.")

    def adopt(
        self,
        source: Path,
        info: ClipInfo,
        *,
        patience: float = 10.0,
        keep: bool = False,
        complete: Callable[[ClipInfo], None] = lambda info: None,
    ) -> Clip:
        """Moves a file that OBS has finished into the folder, and writes the sidecar. keep: copies it instead.
        complete(info) may add what follows from the file's own length and streams.

        Raises `ObsError`; the file is then still where OBS put it, and the sentence says where.
        """
        if not source.is_file():
            raise ObsError(f"{source}: OBS reported this file, and it is not there.")
        if source.stat().st_size == 0:
            raise ObsError(f"{source}: OBS has written nothing into this file; the recording was too short.")
        self.prepare()
        _describe(source, info)
        complete(info)
        info.source_file = str(source)
        target = claim(self.folder, clip_stem(info.when, info.persona, info.scene), source.suffix, also=SUFFIX)
        info.file = target.name
        try:
            move(source, target, patience, keep)
        except OSError as error:
            raise ObsError(
                f"The clip could not be moved into {self.folder} ({error.strerror or error}); it is kept as {source}."
            ) from None
        self._write(sidecar_path(target), info)
        return Clip(target, info)

    def _write(self, path: Path, info: ClipInfo) -> None:
        part = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            part.write_text(info.as_json(), "utf-8")
            take_place(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise ObsError(
                f"The clip is kept as {path.with_name(info.file)}, but its sidecar cannot be written "
                f"({error.strerror or error})."
            ) from None

    def list(self) -> list[Clip]:
        """All clips that have a sidecar and are there, the newest first."""
        clips = list(self._found())
        return sorted(clips, key=lambda clip: (clip.info.when, clip.path.name), reverse=True)

    def paths(self) -> Sequence[Path]:
        """Media files that have a sidecar beside them, in no order. Nothing is read but the folder."""
        try:
            names = list(self.folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ObsError(f"{self.folder}: the clips folder cannot be read ({error.strerror or error}).") from None
        stems = {path.stem: path for path in names if path.suffix.lower() in _MEDIA}
        return [stems[path.stem] for path in names if path.suffix == SUFFIX and path.stem in stems]

    def _found(self) -> Iterator[Clip]:
        for path in self.paths():
            info = read_sidecar(sidecar_path(path))
            if info is not None:
                yield Clip(path, info)

    def last(self) -> Clip:
        """The newest clip. Raises `ObsError` if there is none."""
        clips = self.list()
        if not clips:
            raise ObsError(f"There is no clip in {self.folder} yet; save one with: obs-portrait clip save")
        return clips[0]


def _describe(source: Path, info: ClipInfo) -> None:
    """What the file itself says. A clip that cannot be read is kept all the same."""
    from obs_portrait.media.files import probe  # loads FFmpeg: not before there is a clip

    try:
        found = probe(source)
    except MediaError:
        return
    if found.duration_ns is not None:
        info.duration_s = found.duration_ns / 1e9
    if found.video_codec is not None:
        rate = float(found.rate) if found.rate else None
        info.picture = {"codec": found.video_codec, "width": found.width, "height": found.height, "rate": rate}
    if found.audio_codec is not None:
        info.sound = {"codec": found.audio_codec, "sample_rate": found.sample_rate, "channels": found.channels}
