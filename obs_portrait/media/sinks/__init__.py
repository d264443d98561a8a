"""Where the persona goes. Sinks accept `PersonaFrame` and `PersonaBlock` only, and know nothing of engines."""

from __future__ import annotations

from obs_portrait.errors import MediaError
from obs_portrait.media.sinks.base import AudioSink, VideoSink

__all__ = ["AudioSink", "VideoSink", "open_audio", "open_video"]


def open_video(spec: str) -> VideoSink:
    """The live picture sink that `spec` names, not yet opened: "virtualcam", "virtualcam:DEVICE", "obs",
    "obs:PORT" (silent, if it is opened here), "null".

    The preview window answers to keys, so it belongs to `pipeline.live`. Raises `MediaError` for a spec that makes no
    sense.
    """
    kind, _, rest = spec.partition(":")
    if kind == "null":
        from obs_portrait.media.sinks.null import NullVideoSink

        return NullVideoSink()
    if kind == "virtualcam":
        from obs_portrait.media.sinks.virtualcam import VirtualCameraSink

        return VirtualCameraSink(rest or None)
    if kind == "obs":
        from obs_portrait.media.sinks.obs_stream import DEFAULT_PORT, parse_spec
        from obs_portrait.media.sinks.obs_stream.sink import ObsStreamSink

        return ObsStreamSink(parse_spec(spec) or DEFAULT_PORT)
    raise MediaError(f"'{spec}' is no picture sink; use obs, window, virtualcam, null or a file name.")


def open_audio(spec: str) -> AudioSink:
    """The live sound sink that `spec` names, not yet opened: "virtualmic", "virtualmic:TITLE", "speaker",
    "speaker:NAME", "null"."""
    kind, _, rest = spec.partition(":")
    if kind == "null":
        from obs_portrait.media.sinks.null import NullAudioSink

        return NullAudioSink()
    if kind == "speaker":
        from obs_portrait.media.sinks.speaker import SpeakerSink

        return SpeakerSink(rest or None)
    if kind == "virtualmic":
        from obs_portrait.media.sinks.virtualmic import VirtualMicSink

        return VirtualMicSink(rest or None)
    raise MediaError(f"'{spec}' is no sound sink; use virtualmic, speaker, null or a file name.")
