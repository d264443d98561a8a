"""Looking into media files, and writing new ones without harming old ones."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.error import FFmpegError

from obs_portrait.errors import MediaError

__all__ = ["MAX_SIDE", "Probe", "check_output", "explain", "open_input", "partial_path", "probe"]

MAX_SIDE: Final = 8192
"""Longest side of a video in pixels; a larger one is refused before it is decoded."""


_LISTS: Final = (b"#extm3u", b"ffconcat", b"<?xml", b"<mpd", b"[playlist]")
"""How playlists begin; FFmpeg would follow them to other files and addresses."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What is in a media file. Sizes in pixels, duration in ns, rates in Hz; None where there is no such stream."""

    path: Path
    container: str
    duration_ns: int | None
    width: int | None = None
    height: int | None = None
    rate: Fraction | None = None
    frames: int | None = None
    video_codec: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    audio_codec: str | None = None


def explain(error: BaseException) -> str:
    """The reason in an error of FFmpeg or the operating system, without its number and its path."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip().rstrip(".")


def open_input(path: Path) -> Any:
    """Opens a media file for reading. Raises `MediaError` with one sentence if it is missing, empty or not media."""
    path = Path(path)
    try:
        if path.is_dir():
            raise MediaError(f"{path}: this is a folder; name a video or sound file in it.")
        if path.stat().st_size == 0:
            raise MediaError(f"{path}: the file is empty; choose another one.")
        with path.open("rb") as file:
            head = file.read(512).lstrip().lower()
        if head.startswith(_LISTS):
            raise MediaError(f"{path}: this is a list of other files, not a video; name the video itself.")
        # A local file only: a playlist in it must not make FFmpeg fetch other files or addresses.
        return av.open(str(path), options={"protocol_whitelist": "file"}, metadata_errors="ignore")
    except FileNotFoundError:
        raise MediaError(f"{path}: there is no such file.") from None
    except (FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: this cannot be read as a video or sound file ({explain(error)}).") from error


def probe(path: Path) -> Probe:
    """Looks at the streams of a file without decoding it. Raises `MediaError` as `open_input` does."""
    with open_input(path) as container:
        duration = None if container.duration is None else container.duration * 1000  # AV_TIME_BASE is 1 us
        video = next((s for s in container.streams.video if not _is_cover(s)), None)
        audio = next(iter(container.streams.audio), None)
        found: dict[str, Any] = {}
        if video is not None:
            found |= {
                "width": video.codec_context.width,
                "height": video.codec_context.height,
                "rate": video.average_rate,
                "frames": video.frames or None,
                "video_codec": video.codec_context.name,
            }
        if audio is not None:
            found |= {
                "sample_rate": audio.rate,
                "channels": audio.codec_context.channels,
                "audio_codec": audio.codec_context.name,
            }
        return Probe(Path(path), container.format.name, duration, **found)


def _is_cover(stream: Any) -> bool:
    """True for the still picture that a song carries; it is no video."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def check_output(path: Path, force: bool) -> None:
    """Raises `MediaError` unless `path` may be written: folder there and writable, file not there or `force`."""
    path = Path(path)
    if path.is_dir():
        raise MediaError(f"{path}: this is a folder; give a file name.")
    if path.exists() and not force:
        raise MediaError(f"{path}: the file exists already and is kept; add --force to replace it or choose another.")
    if not path.parent.is_dir():
        raise MediaError(f"{path.parent}: there is no such folder; make it first.")
    if not os.access(path.parent, os.W_OK):
        raise MediaError(f"{path.parent}: you may not write there; choose another folder.")


def partial_path(path: Path) -> Path:
    """The name under which `path` is written until it is complete: beside it, same suffix, so on the same disk."""
    return path.with_name(f".{path.stem}.partial-{os.getpid()}{path.suffix}")
