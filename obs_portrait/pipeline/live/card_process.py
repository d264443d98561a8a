"""What takes the video process's place when it was given up: the card, on every sink, and nothing else.

No camera, no tracker, no engine and no profile is touched here, so whatever made the video process die again and again
is not met. Without it the sinks would be gone, and what a program shows of a camera that is gone is its own choice.
"""

from __future__ import annotations

from obs_portrait.clock import now_ns
from obs_portrait.face.types import Canvas
from obs_portrait.media.sinks.base import VideoSink
from obs_portrait.media.types import Origin, PersonaFrame
from obs_portrait.pipeline.live.child import Link
from obs_portrait.pipeline.live.cue import CueSheet
from obs_portrait.pipeline.live.feed import Mailbox
from obs_portrait.pipeline.live.messages import Notice, Rehearsed, Request, Start, Stop, Stopped
from obs_portrait.pipeline.live.options import VideoPlan
from obs_portrait.pipeline.live.picture_mail import Mails
from obs_portrait.pipeline.live.sinks import open_sinks
from obs_portrait.pipeline.live.status import STATES

__all__ = ["body"]


def body(link: Link, plan: VideoPlan) -> Stopped:
    """As `video_process.body`; never tells that it is ready, so that nobody is put on stage here."""
    from obs_portrait.pipeline.guard import Look, VideoGuard
    from obs_portrait.pipeline.live.pacer import Pacer
    from obs_portrait.pipeline.live.previews import Previews

    guard = VideoGuard(Look(plan.stage, None), Canvas(plan.options.width, plan.options.height))
    link.send(Rehearsed())
    epoch = _await_start(link)
    if epoch is None:
        return Stopped()
    results: Mailbox[PersonaFrame] = Mailbox()

    def notice(about: str, text: str, problem: bool) -> None:
        link.send(Notice(about, text, problem))

    pacer = Pacer(
        open_sinks(plan, epoch, lambda: _window(link), notice),
        plan.options.rate,
        results=results,
        cues=CueSheet(plan.stage),
        stand_in=guard.card,
        cover=lambda: guard.card,
        notice=notice,
    )
    previews = Previews(plan.previews or Mails())
    pacer.on_written = lambda frame, latency: previews.show(frame)
    stopping = False
    try:
        while not stopping and not link.stopping.is_set() and pacer.sinks:
            link.beat()
            pacer.tick()
            stopping = any(isinstance(message, Stop) for message in list(link.receive()))
            link.board.publish({
                "beat_ns": now_ns(), "source_ok": 1, "state": STATES.index("card"), "frames_out": pacer.written,
                "cards": pacer.origins[Origin.CARD], "refused": pacer.refused,
                "players": sum(getattr(sink, "clients", 0) for sink in pacer.sinks),
            })  # fmt: skip
    finally:
        previews.stop()
        pacer.close()
    return Stopped({"frames_out": pacer.written, "cards": pacer.origins[Origin.CARD]}, _parts(plan))


def _await_start(link: Link) -> int | None:
    while not link.stopping.is_set():
        link.beat()
        link.wait(0.05)
        for message in link.receive():
            if isinstance(message, Start):
                return message.epoch_ns
            if isinstance(message, Stop):
                return None
    return None


def _window(link: Link) -> VideoSink:
    from obs_portrait.pipeline.live.keys import Action
    from obs_portrait.pipeline.live.preview import Preview
    from obs_portrait.pipeline.live.window import PreviewWindow

    def act(action: Action, number: int) -> None:
        if action in (Action.PERSONA, Action.QUIT):
            link.send(Request(action.value, number))

    return PreviewWindow(Preview(list), act)


def _parts(plan: VideoPlan) -> list[str]:
    return [str(plan.part)] if plan.part else []
