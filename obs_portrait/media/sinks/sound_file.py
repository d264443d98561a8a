"""A sound file with the persona's voice: complete and under its name, or not there at all."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.error import FFmpegError

from obs_portrait.errors import MediaError
from obs_portrait.folders import take_place
from obs_portrait.media.files import check_output, explain, partial_path
from obs_portrait.media.sinks.base import AudioSink
from obs_portrait.media.types import SAMPLE_RATE, PersonaBlock

__all__ = ["SOUND_FORMATS", "SoundFileSink"]

SOUND_FORMATS: Final[dict[str, tuple[str, str, int | None]]] = {
    ".wav": ("wav", "pcm_s16le", None),
    ".flac": ("flac", "flac", None),
    ".mp3": ("mp3", "libmp3lame", 160_000),
    ".m4a": ("ipod", "aac", 160_000),
    ".ogg": ("ogg", "libopus", 96_000),
    ".opus": ("ogg", "libopus", 96_000),
}
"""File name suffix -> container, codec, bits a second."""


class SoundFileSink(AudioSink):
    """Writes blocks one after the other, mono at 48 kHz; the kind of file follows from the suffix.

    The file grows under a name beside the target and gets its own in `close` unless `discard` was called before.
    """

    def __init__(self, path: Path | str, *, force: bool = False) -> None:
        """Raises `MediaError`: unknown suffix, the file exists and not `force`, folder missing or not writable."""
        self.path = Path(path)
        self.name = self.path.name
        if self.path.suffix.lower() not in SOUND_FORMATS:
            raise MediaError(
                f"{self.path}: a file name ends with the kind of file; known are {', '.join(SOUND_FORMATS)} (try .wav)."
            )
        check_output(self.path, force)
        self._partial = partial_path(self.path)
        self._container: Any = None
        self._stream: Any = None
        self._written = 0
        self._kept = True

    def open(self) -> None:
        kind, codec, bits = SOUND_FORMATS[self.path.suffix.lower()]
        with self._explained():
            self._container = av.open(str(self._partial), "w", format=kind)
            self._stream = self._container.add_stream(codec, rate=SAMPLE_RATE, layout="mono")
            if bits is not None:
                self._stream.bit_rate = bits

    def _write(self, block: PersonaBlock) -> None:
        if self._container is None:
            raise MediaError(f"{self.path}: written to before it was opened or after it was closed.")
        if not block.samples.size:
            return
        scaled = np.rint(block.samples.astype(np.float64) * 32767.0).clip(-32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(scaled[None, :], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = self._written
        self._written += block.samples.size
        with self._explained():
            self._container.mux(self._stream.encode(frame))

    def discard(self) -> None:
        """What was written so far is thrown away: `close` leaves no file, and a file that was there as it was."""
        self._kept = False

    def close(self) -> None:
        if self._container is None:
            return
        container, self._container = self._container, None
        try:
            with self._explained():
                if self._kept:
                    container.mux(self._stream.encode(None))
                container.close()
                if self._kept:
                    take_place(self._partial, self.path)
        finally:
            self._partial.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (FFmpegError, OSError) as error:
            self._kept = False
            if getattr(error, "errno", None) == errno.ENOSPC:
                raise MediaError(f"{self.path}: the disk is full; make room or choose another disk.") from error
            raise MediaError(f"{self.path}: cannot be written ({explain(error)}).") from error
