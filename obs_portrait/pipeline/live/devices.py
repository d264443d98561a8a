"""From a spec to a source or sink, inside the process that will own it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from obs_portrait.media.sinks.base import AudioSink, VideoSink
from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.pipeline.live.messages import AudioSinkSpec, AudioSourceSpec, VideoSinkSpec, VideoSourceSpec
from obs_portrait.pipeline.live.paced import PacedAudio, PacedVideo

__all__ = [
    "audio_sink",
    "audio_source",
    "check_video",
    "in_place_of",
    "is_cable",
    "is_device",
    "is_speaker",
    "may_return",
    "releases",
    "video_sink",
    "video_source",
]

# The modules behind the words are imported here and not above: the audio process must not load what opens cameras.


def video_source(spec: VideoSourceSpec, epoch_ns: int, loop: bool) -> VideoSource:
    """Not yet open; a file is paced as if it were a camera, a still picture without end.

    Raises `MediaError` for a spec that means nothing.
    """
    if spec == "performance":  # draws only what is due
        from obs_portrait.pipeline.performance import PerformanceVideoSource

        return PerformanceVideoSource(live=True, loop=loop, epoch_ns=epoch_ns)
    source = _video(spec)
    if source.live:
        return source
    if isinstance(spec, str):
        from obs_portrait.media.sources.still import StillSource

        loop = loop or isinstance(source, StillSource)
    return PacedVideo(lambda: _video(spec), epoch_ns, loop, source)


def is_device(spec: VideoSourceSpec) -> bool:
    """A camera or a screen, which runs by itself, not a file, which waits to be played."""
    return isinstance(spec, str) and spec.partition(":")[0] in ("camera", "screen")


def is_speaker(spec: AudioSinkSpec) -> bool:
    """Where people hear the voice, not where programs take it."""
    return isinstance(spec, str) and spec.partition(":")[0] == "speaker"


def is_cable(spec: AudioSinkSpec) -> bool:
    """A speaker that leads to other programs: a virtual cable (VB-CABLE, Virtual Audio Cable, VoiceMeeter, BlackHole),
    known by its name."""
    return is_speaker(spec) and re.search("cable|voicemeeter|blackhole|loopback", str(spec), re.IGNORECASE) is not None


def in_place_of(sinks: Sequence[AudioSinkSpec], spec: AudioSinkSpec | None) -> list[AudioSinkSpec]:
    """`sinks` after another speaker was chosen, None for none: a cable takes the place of cables, and what people hear
    with that of what people hear with, so that who takes another headset stays on air."""
    cable = spec is not None and is_cable(spec)
    kept = [one for one in sinks if not (is_speaker(one) and is_cable(one) == cable)]
    return kept if spec is None else [*kept, spec]


def releases(spec: VideoSourceSpec | AudioSourceSpec) -> bool:
    """Whether a rest closes it: a device that others may want, or whose lamp should go out."""
    return not isinstance(spec, str) or spec.partition(":")[0] in ("camera", "screen", "mic")


def may_return(spec: str) -> bool:
    """A device that can be lost and come back."""
    return spec.partition(":")[0] in ("speaker", "virtualmic", "virtualcam")


def check_video(spec: str) -> None:
    """Raises `MediaError` for what can be known at once: a word that means nothing, a file that is not there."""
    if spec == "performance":
        return
    source = _video(spec)
    if not source.live:
        source.open()
        source.close()


def _video(spec: VideoSourceSpec) -> VideoSource:
    if not isinstance(spec, str):
        return spec()
    from obs_portrait.media.sources import open_video

    return open_video(spec)


def audio_source(spec: AudioSourceSpec, epoch_ns: int, loop: bool) -> AudioSource:
    """As `video_source`, for sound."""
    source = _audio(spec)
    return source if source.live else PacedAudio(lambda: _audio(spec), epoch_ns, loop, source)


def _audio(spec: AudioSourceSpec) -> AudioSource:
    if not isinstance(spec, str):
        return spec()
    if spec == "performance":
        from obs_portrait.pipeline.performance import PerformanceAudioSource

        return PerformanceAudioSource()
    from obs_portrait.media.sources import open_audio

    return open_audio(spec)


def video_sink(spec: VideoSinkSpec) -> VideoSink:
    """Not yet open."""
    if not isinstance(spec, str):
        return spec()
    from obs_portrait.media.sinks import open_video

    return open_video(spec)


def audio_sink(spec: AudioSinkSpec) -> AudioSink:
    """Not yet open."""
    if not isinstance(spec, str):
        return spec()
    from obs_portrait.media.sinks import open_audio

    return open_audio(spec)
