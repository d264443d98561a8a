"""Where pictures and sound come from. `base` holds the contracts; one module for each kind of source."""

from __future__ import annotations

from pathlib import Path

from obs_portrait.errors import MediaError
from obs_portrait.media.sources.base import AudioSource, VideoSource

__all__ = ["AudioSource", "VideoSource", "open_audio", "open_video"]

_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})


def open_video(spec: str) -> VideoSource:
    """The source that `spec` names, not yet opened.

    "camera:0", "camera:NAME", "screen", "screen:X,Y,WxH", or the path of a video or a still picture.
    Raises `MediaError` for a spec that makes no sense.
    """
    kind, _, rest = spec.partition(":")
    if kind == "camera":
        from obs_portrait.media.sources.camera import CameraSource

        return CameraSource(rest or "0")
    if kind == "screen":
        from obs_portrait.media.sources.screen import ScreenSource

        return ScreenSource(rest)
    if not spec:
        raise MediaError("No picture source was named; use camera:0, screen or the path of a video.")
    if Path(spec).suffix.lower() in _PICTURES:
        from obs_portrait.media.sources.still import StillSource

        return StillSource(spec)
    from obs_portrait.media.sources.file import FileVideoSource

    return FileVideoSource(spec)


def open_audio(spec: str) -> AudioSource:
    """The source that `spec` names, not yet opened: "mic", "mic:NAME", "silence", or the path of a file with sound."""
    kind, _, rest = spec.partition(":")
    if kind == "mic":
        from obs_portrait.media.sources.microphone import MicrophoneSource

        return MicrophoneSource(rest or None)
    if spec == "silence":
        from obs_portrait.media.sources.still import SilenceSource

        return SilenceSource()
    if not spec:
        raise MediaError("No sound source was named; use mic, silence or the path of a file with sound.")
    from obs_portrait.media.sources.file import FileAudioSource

    return FileAudioSource(spec)
