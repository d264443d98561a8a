"""The supervisor of a live session: one thread that starts both media processes, hears them, and keeps them going."""

from __future__ import annotations

import contextlib
import itertools
import logging
import multiprocessing
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from obs_portrait.clock import now_ns
from obs_portrait.media.sinks.obs_stream.voice import VoiceRing
from obs_portrait.pipeline.live import audio_process, card_process, video_process
from obs_portrait.pipeline.live.balance import Balance
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.cast import Cast
from obs_portrait.pipeline.live.cover import Cover
from obs_portrait.pipeline.live.devices import is_device
from obs_portrait.pipeline.live.frozen import Frozen
from obs_portrait.pipeline.live.kept import Kept
from obs_portrait.pipeline.live.messages import (
    Calibrated,
    Ended,
    Hear,
    Notice,
    Prepare,
    Prepared,
    Quality,
    Ready,
    Refer,
    Reference,
    Rehearsed,
    Request,
    Start,
    Switched,
    Use,
)
from obs_portrait.pipeline.live.options import AUDIO_CELLS, VIDEO_CELLS, LiveOptions
from obs_portrait.pipeline.live.picture_mail import Mails
from obs_portrait.pipeline.live.plans import Plans
from obs_portrait.pipeline.live.policy import ASLEEP_BEAT_S
from obs_portrait.pipeline.live.priority import fine_timers
from obs_portrait.pipeline.live.recording import Recorder
from obs_portrait.pipeline.live.supervisor import Keeper, Phase

__all__ = ["Crew"]

_log = logging.getLogger(__name__)

_START_LEAD_NS: Final = 50_000_000
_FILE_LEAD_NS: Final = 600_000_000
"""A file and the performance take a moment to open; their first frames should not be late."""
_STOP_S: Final = 8.0
_LOOK_S: Final = 0.05
"""Orders, messages and deaths are heard at once in any case; silence is looked for so often."""
_ASLEEP_NS: Final = 1_000_000_000
"""If this thread was away for longer, everybody was: the machine slept, or the whole group of processes was stopped."""


class Crew:
    """Belongs to a session, which reads its attributes and gives it orders. What is not said to be safe from any thread
    is done by the crew's own thread alone.

    options(): as they are now. on_notice: each sentence for the user; on_frozen: see `Frozen`. Both are called from the
    crew's thread.
    """

    def __init__(
        self,
        options: Callable[[], LiveOptions],
        on_notice: Callable[[Notice], None],
        on_frozen: Callable[[bool], None] = lambda on: None,
        *,
        recorder: Recorder | None,
        streams: bool,
    ) -> None:
        """streams: the voice is needed by a stream to OBS. Raises `ProfileError`."""
        self._options, self._on_notice = options, on_notice
        now = options()
        self.numbers = itertools.count(1)
        """Counts the orders of the cast."""
        self.previews = Mails()
        self.cast = Cast(
            now.personas, ["video"] if now.audio is None else ["video", "audio"], self.send, self._hide, self.numbers
        )
        self.plans = Plans(
            options, self.cast, recorder=recorder, previews=self.previews,
            voice=VoiceRing() if now.audio is not None and streams else None, rests=lambda: self.cover.rests,
        )  # fmt: skip
        self.video = Keeper(
            "video", video_process.body, self.plans.video, Board(*VIDEO_CELLS), hung_s=now.hung_s,
            understudy=self.plans.understudy("video", video_process.body, VIDEO_CELLS),
        )  # fmt: skip
        self.audio: Keeper | None = None
        if now.audio is not None:
            self.audio = Keeper(
                "audio", audio_process.body, self.plans.audio, Board(*AUDIO_CELLS), hung_s=now.hung_s,
                understudy=self.plans.understudy("audio", audio_process.body, AUDIO_CELLS),
            )  # fmt: skip
        self.keepers = [keeper for keeper in (self.video, self.audio) if keeper is not None]
        audio = self.audio
        self.balance = Balance(
            self.plans.video_control, self.plans.audio_control,
            lambda: self.video.board, None if audio is None else lambda: audio.board,
        )  # fmt: skip
        self.cover = Cover(
            self.cast, *self.balance.controls, order=self.order, carried_out=self.carried_out, numbers=self.numbers
        )
        self._frozen = Frozen(on_frozen)
        self._kept = Kept(now.calibrations) if now.calibrations is not None else None
        if self._kept is not None:
            self.plans.neutral = self._kept.find(str(now.source), self.cast.stage)
        self.changed = threading.Condition()
        """Held while anything below changes; told of every change."""
        self.problems: dict[str, str] = {}
        self.notices: deque[str] = deque(maxlen=1000)  # a show may last for days
        self.reference: tuple[float, float] | None = None
        self.quality: tuple[int, float, str | None] | None = None
        """(when it was told, score, advice)."""
        self.epoch = 0
        self.stop_asked = self.done = False
        self.error: str | None = None
        self.last_skew: float | None = None
        self.ended_ns = 0
        self._on_air: set[str] = set()
        self._begun: dict[str, LiveOptions] = {}  # as they were told to each process at its start
        self._held_back: dict[str, Prepare] = {}  # processes that begin when that is done
        self._ended: set[str] = set()
        self._told_by: dict[str, set[str]] = {keeper.name: set() for keeper in self.keepers}
        self._looked_ns = 0
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_in, self._wake_out = multiprocessing.Pipe(duplex=False)
        self._waking = threading.Lock()
        self.thread = threading.Thread(target=self._run, name="obs-portrait supervisor", daemon=True)

    # ---- for the session, from any thread ------------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """Every process is on air and has prepared everybody."""
        return self._on_air >= {keeper.name for keeper in self.keepers} and self.cast.complete

    def order(self, order: Callable[[], None]) -> None:
        """Has something done by the crew's thread, soon."""
        self._orders.put(order)
        with self._waking, contextlib.suppress(OSError):  # on Windows two at a time are an error
            self._wake_out.send_bytes(b".")

    def carried_out(self, number: int, timeout: float) -> bool:
        """Waits until both processes have carried out that order of the cast."""
        with self.changed:
            return self.changed.wait_for(lambda: self.cast.is_done(number), timeout)

    # ---- the crew's own thread -----------------------------------------------------------------------------------

    def switch(self, name: str, number: int) -> None:
        """Puts a persona on stage; what was given up is tried again, as somebody wants it."""
        for keeper in self.keepers:
            if keeper.recover():
                self._ended.discard(keeper.name)
                self.tell(Notice("card", f"The {keeper.name} process is tried again.", problem=False))
        self.cast.switch(name, number)

    def send(self, path: str, message: object) -> None:
        """To a process that is on air; what one misses while it is down it is told when it is back."""
        if path in self._on_air:
            next(keeper for keeper in self.keepers if keeper.name == path).send(message)

    def _hide(self, on: bool) -> None:
        self.cover.hide(on)
        if not on and "hidden" in self.problems:
            self.tell(Notice("hidden", f"You are hidden no longer; '{self.cast.stage}' is on stage.", problem=False))

    def _run(self) -> None:
        fine_timers()
        try:
            for keeper in self.keepers:
                keeper.start()
            self._attend()
        except BaseException as error:  # an exit that somebody asks for in this thread ends the show in order as well
            with self.changed:
                self.error = f"The media processes cannot be kept ({type(error).__name__}: {error})."
        finally:
            self._shut_down()

    def _attend(self) -> None:
        self._looked_ns = now_ns()
        while not self.stop_asked and not self.done:
            handles: list[Any] = [self._wake_in]
            for keeper in self.keepers:
                handles += keeper.handles
            multiprocessing.connection.wait(handles, timeout=ASLEEP_BEAT_S if self.cover.rests else _LOOK_S)
            self._turn()

    def _turn(self) -> None:
        while self._wake_in.poll():
            self._wake_in.recv_bytes()
        with contextlib.suppress(queue.Empty):
            while True:
                self._orders.get_nowait()()
        if now_ns() - self._looked_ns > _ASLEEP_NS:
            for keeper in self.keepers:
                keeper.excuse()
        self._looked_ns = now_ns()
        for keeper in self.keepers:
            for message in keeper.receive():
                self._heard(keeper, message)
            keeper.settled = self.complete
            said = keeper.check()
            if said is not None:
                self._fell(keeper, said)
        self._frozen.look(self.video)
        self._maybe_start()
        self.balance.update()

    def _heard(self, keeper: Keeper, message: object) -> None:
        with self.changed:
            match message:
                case Rehearsed():
                    if self.epoch:  # a restarted process: the show is on already
                        self._begin(keeper)
                case Ready():
                    self._on_air.add(keeper.name)
                    self.cast.on_air(keeper.name)
                    self._catch_up(keeper)
                    self.plans.first[keeper.name], keeper.proven = False, True
                    if keeper.restarts:
                        self.tell(Notice(keeper.name, f"The {keeper.name} process is back.", problem=False))
                case Prepared(name, problem):
                    in_vain = self.cast.prepared(keeper.name, name, problem)
                    if keeper.name in self._held_back:
                        if problem is None:  # if that is not how they are by now it is asked for again
                            self._held_back.pop(keeper.name)
                        self._begin(keeper)
                    if problem is not None:
                        self.tell(Notice(f"persona {name}", problem))
                    if in_vain:
                        text = f"You stay hidden, because '{name}' cannot be prepared; choose another persona."
                        self.tell(Notice("hidden", text))
                case Switched(name, _, number):
                    self.cast.switched(keeper.name, number)
                    if keeper is self.video:
                        self._refer(name)
                case Reference(current, best):
                    self.reference = (current, best) if current >= 0 else None
                case Quality(score, advice):
                    self.quality = (now_ns(), score, advice)
                case Calibrated(reference, camera, persona):
                    if camera == str(self._options().source):  # another one may have been chosen meanwhile
                        self.plans.neutral = reference
                    if self._kept is not None:
                        self._kept.keep(camera, persona, reference)
                case Request(what, number):
                    self._requested(what, number)
                case Notice():
                    self._told_by[keeper.name].add(message.about)
                    self.tell(message)
                case Ended():
                    self._ended.add(keeper.name)
                    if self._ended >= {keeper.name for keeper in self.keepers}:
                        self.done = True
            self.changed.notify_all()

    def _begin(self, keeper: Keeper) -> None:
        """The show begins in a process that is ready for it, with who is on stage *now*: it may be another one than
        when its plan was made."""
        first = None if keeper.stands_in else self.cast.may_begin(keeper.name)
        if first is None:
            self._held_back.pop(keeper.name, None)
            now = self._options()
            self._begun[keeper.name] = now
            source = now.source if keeper is self.video else now.audio
            keeper.send(
                Start(
                    self.epoch, self.cast.stage, self.plans.neutral, source if isinstance(source, str) else None,
                    None if keeper is self.video else [spec for spec in now.audio_sinks if isinstance(spec, str)],
                    str(now.source),
                )
            )  # fmt: skip
        elif self._held_back.get(keeper.name) != first:
            self._held_back[keeper.name] = first
            keeper.send(first)

    def _catch_up(self, keeper: Keeper) -> None:
        """Devices that were chosen while it was opening its own."""
        then, now = self._begun[keeper.name], self._options()
        if keeper is self.video:
            if now.source != then.source:
                self.use_camera(now.source)
            return
        if now.audio != then.audio and now.audio is not None:
            keeper.send(Use(now.audio))
        if tuple(now.audio_sinks) != tuple(then.audio_sinks):
            keeper.send(Hear(next((spec for spec in now.audio_sinks if spec not in then.audio_sinks), None)))

    def use_camera(self, source: Any) -> None:
        """Another camera, for which another reference may have been kept."""
        found = self._kept.find(str(source), self.cast.stage) if self._kept is not None else None
        self.plans.neutral = found
        self.send("video", Use(source, str(source), found))

    def _refer(self, persona: str) -> None:
        """Another persona is on stage: it has its own reference, if one was kept."""
        found = self._kept.find(str(self._options().source), persona) if self._kept is not None else None
        if found is not None and found is not self.plans.neutral:
            self.plans.neutral = found
            self.send("video", Refer(found))

    def _requested(self, what: str, number: int) -> None:
        if what == "quit":
            self.done = True
        elif what == "persona" and 1 <= number <= len(self.cast.personas):
            self.switch(list(self.cast.personas)[number - 1], next(self.numbers))

    def _fell(self, keeper: Keeper, said: str) -> None:
        with self.changed:
            self.tell(Notice(keeper.name, said))
            self._on_air.discard(keeper.name)
            self._held_back.pop(keeper.name, None)
            if keeper is self.video:
                self.previews.wipe()  # its writer is dead
                self._frozen.fell(keeper, self.cast.shows_real)
            self._forget_what_was_told(keeper)
            self.cast.fell(keeper.name)
            self.balance.forget()
            if keeper.phase is Phase.FAILED and keeper is self.video and keeper.proven and not keeper.stands_in:
                keeper.stand_in(card_process.body, lambda: self.plans.video(()))
                self.tell(Notice("card", f"{said} The card is held; choose a persona to try again."))
            elif keeper.phase is Phase.FAILED and (keeper is self.video or not keeper.proven):
                self.error, self.done = said, True
            elif keeper.phase is Phase.FAILED:
                self._ended.add(keeper.name)
            self.changed.notify_all()

    def _forget_what_was_told(self, keeper: Keeper) -> None:
        """Its successor tells what is so; it cannot tell that what this one said is over."""
        told = self._told_by[keeper.name]
        for about in sorted(told & self.problems.keys()):
            self.tell(Notice(about, f"The {keeper.name} process looks anew: {about}.", problem=False))
        told.clear()
        if keeper is self.video:
            self.reference = self.quality = None

    def tell(self, notice: Notice) -> None:
        if notice.problem:
            self.problems[notice.about] = notice.text
        else:
            self.problems.pop(notice.about, None)
        self.notices.append(notice.text)
        try:
            self._on_notice(notice)
        except BaseException:  # a terminal that is gone or full is no reason to end the show; nor is one that says exit
            _log.exception("a notice could not be told")

    def _maybe_start(self) -> None:
        if not self.epoch and all(keeper.phase is Phase.RUNNING for keeper in self.keepers):
            self.epoch = now_ns() + (_START_LEAD_NS if is_device(self._options().source) else _FILE_LEAD_NS)
            for keeper in self.keepers:
                self._begin(keeper)

    def _shut_down(self) -> None:
        self.last_skew, self.ended_ns = self.balance.skew_ms(), now_ns()
        for keeper in self.keepers:
            keeper.ask_to_stop()
        for keeper in self.keepers:
            keeper.finish(_STOP_S)
        self.previews.wipe()
        with self.changed:
            self.done = True
            self.changed.notify_all()
