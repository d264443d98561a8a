"""Opens the sinks of a video process: all of them, or none."""

from __future__ import annotations

from collections.abc import Callable

from obs_portrait.errors import PortraitError
from obs_portrait.media.sinks.base import VideoSink
from obs_portrait.pipeline.live import devices
from obs_portrait.pipeline.live.messages import VideoSinkSpec
from obs_portrait.pipeline.live.options import VideoPlan
from obs_portrait.pipeline.live.returning import ReturningVideoSink

__all__ = ["open_sinks"]


def open_sinks(
    plan: VideoPlan, epoch_ns: int, window: Callable[[], VideoSink], notice: Callable[[str, str, bool], None]
) -> list[VideoSink]:
    """Those of the plan, in their order, then the file that is recorded. `window` makes the preview's. notice(about,
    text, problem): one sentence for the user.

    Raises `MediaError` if one cannot be opened; the others are closed again then. In a process that takes the place of
    a dead one such a sink is left out instead, as long as another one is there; a virtual camera is looked for.
    """
    options = plan.options
    sinks: list[VideoSink] = []
    missing: list[PortraitError] = []

    def add(sink: VideoSink) -> None:
        sink.had_died = not plan.first
        try:
            sink.open(options.width, options.height, options.rate)
        except PortraitError as error:
            if plan.first:
                raise
            missing.append(error)
            notice(f"sink {sink.name}", f"{error} This sink is closed, the others go on.", True)
        else:
            sinks.append(sink)

    try:
        for spec in options.sinks:
            add(window() if spec == "window" else _obs_stream(plan, spec) or _device(spec, notice))
        if plan.part is not None:
            from obs_portrait.pipeline.live.parts import VideoPart

            add(VideoPart(plan.part, epoch_ns))
        if missing and not sinks:
            raise missing[0]
    except BaseException:
        for sink in sinks:
            sink.close()
        raise
    return sinks


def _device(spec: VideoSinkSpec, notice: Callable[[str, str, bool], None]) -> VideoSink:
    if not isinstance(spec, str) or not devices.may_return(spec):
        return devices.video_sink(spec)
    return ReturningVideoSink(
        lambda: devices.video_sink(spec), lambda text, problem: notice(f"sink {spec}", text, problem)
    )


def _obs_stream(plan: VideoPlan, spec: object) -> VideoSink | None:
    from obs_portrait.media.sinks.obs_stream import parse_spec

    port = parse_spec(spec) if isinstance(spec, str) else None
    if port is None:
        return None
    from obs_portrait.media.sinks.obs_stream.sink import ObsStreamSink

    def period() -> float:
        return plan.control.get("obs_period_ns") / 1e9 or 1 / 60

    return ObsStreamSink(port, plan.voice, period, plan.listener)
