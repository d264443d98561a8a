"""Opens the sinks of a video process: all of them, or none."""

from __future__ import annotations

from collections.abc import Callable

from obs_portrait.media.sinks.base import VideoSink
from obs_portrait.pipeline.live import devices
from obs_portrait.pipeline.live.options import VideoPlan

__all__ = ["open_sinks"]


def open_sinks(plan: VideoPlan, epoch_ns: int, window: Callable[[], VideoSink]) -> list[VideoSink]:
    """Those of the plan, in their order, then the file that is recorded. `window` makes the preview's.

    Raises `MediaError` if one cannot be opened; the others are closed again then.
    """
    options = plan.options
    sinks: list[VideoSink] = []

    def add(sink: VideoSink) -> None:
        sink.open(options.width, options.height, options.rate)
        sinks.append(sink)

    try:
        for spec in options.sinks:
            add(window() if spec == "window" else _obs_stream(plan, spec) or devices.video_sink(spec))
        if plan.part is not None:
            from obs_portrait.pipeline.live.parts import VideoPart

            add(VideoPart(plan.part, epoch_ns))
    except BaseException:
        for sink in sinks:
            sink.close()
        raise
    return sinks


def _obs_stream(plan: VideoPlan, spec: object) -> VideoSink | None:
    from obs_portrait.media.sinks.obs_stream import parse_spec

    port = parse_spec(spec) if isinstance(spec, str) else None
    if port is None:
        return None
    from obs_portrait.media.sinks.obs_stream.sink import ObsStreamSink

    def period() -> float:
        return plan.control.get("obs_period_ns") / 1e9 or 1 / 60

    return ObsStreamSink(port, plan.voice, period, plan.listener)
