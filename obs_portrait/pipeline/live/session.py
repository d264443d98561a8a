"""`LiveSession`: starts, steers, watches and stops the two media processes. Holds no pixel and no sample."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from obs_portrait.errors import PipelineError, PortraitError
from obs_portrait.media.sinks.obs_stream import parse_spec
from obs_portrait.media.sinks.obs_stream.voice import VoiceRing
from obs_portrait.pipeline.clock import now_ns
from obs_portrait.pipeline.live import audio_process, card_process, recording, video_process
from obs_portrait.pipeline.live.balance import Balance
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.cast import Cast, load
from obs_portrait.pipeline.live.cover import Cover
from obs_portrait.pipeline.live.devices import is_device, is_speaker
from obs_portrait.pipeline.live.kept import Kept
from obs_portrait.pipeline.live.messages import (
    Calibrate,
    Calibrated,
    Ended,
    Hear,
    Notice,
    Prepared,
    Quality,
    Ready,
    Refer,
    Reference,
    Rehearsed,
    Request,
    Search,
    Start,
    Switched,
    Use,
)
from obs_portrait.pipeline.live.options import AUDIO_CELLS, VIDEO_CELLS, LiveOptions
from obs_portrait.pipeline.live.picture_mail import Mails
from obs_portrait.pipeline.live.plans import Plans
from obs_portrait.pipeline.live.status import LiveReport, LiveStatus, figures_of, status_of
from obs_portrait.pipeline.live.supervisor import Keeper, Phase

__all__ = ["LiveSession"]

_START_LEAD_NS = 50_000_000
_FILE_LEAD_NS = 600_000_000
"""A file and the performance take a moment to open; their first frames should not be late."""
_RATED_NS = 1_500_000_000
"""An older rating of the driver's face says nothing about now."""
_STOP_S = 8.0
_ASLEEP_NS = 1_000_000_000
"""If this thread was away for longer, everybody was: the machine slept, or the whole group of processes was stopped."""


class LiveSession:
    """A live show: `with LiveSession(options) as session: session.wait()`.

    All public methods may be called from any thread and return at once unless they say otherwise. `on_notice` is
    called from the supervisor's thread with each sentence for the user.
    """

    def __init__(self, options: LiveOptions, on_notice: Callable[[Notice], None] | None = None) -> None:
        """Loads the profiles (raises `ProfileError`); starts nothing yet."""
        if not options.personas:
            raise PipelineError("A live session needs at least one persona; name one with --persona.")
        self.options = options
        self._on_air: set[str] = set()
        self._held_back: set[str] = set()  # processes that wait for somebody to be prepared before they begin
        self._numbers = itertools.count(1)
        paths = ["video"] if options.audio is None else ["video", "audio"]
        self.previews = Mails()
        """Small pictures of the persona and, while that is allowed, of the camera; made only for who asks."""
        self._cast = Cast(options.personas, paths, self._send, self._hide)
        self._on_notice = on_notice or (lambda notice: None)
        ports = [port for spec in options.sinks if isinstance(spec, str) and (port := parse_spec(spec)) is not None]
        self.stream_port: int | None = ports[0] if ports else None
        """Where the stream to OBS is served, if it is one of the sinks."""
        self._recorder = recording.Recorder(options.record, options.force) if options.record is not None else None
        self._plans = Plans(
            lambda: self.options, self._cast, recorder=self._recorder, previews=self.previews,
            voice=VoiceRing() if options.audio is not None and ports else None, rests=lambda: self.cover.rests,
        )  # fmt: skip
        self._video = Keeper(
            "video", video_process.body, self._plans.video, Board(*VIDEO_CELLS), hung_s=options.hung_s,
            understudy=self._plans.understudy("video", video_process.body, VIDEO_CELLS),
        )  # fmt: skip
        self._audio: Keeper | None = None
        if options.audio is not None:
            self._audio = Keeper(
                "audio", audio_process.body, self._plans.audio, Board(*AUDIO_CELLS), hung_s=options.hung_s,
                understudy=self._plans.understudy("audio", audio_process.body, AUDIO_CELLS),
            )  # fmt: skip
        audio = self._audio
        self._balance = Balance(
            self._plans.video_control, self._plans.audio_control,
            lambda: self._video.board, None if audio is None else lambda: audio.board,
        )  # fmt: skip
        self.cover = Cover(
            self._cast,
            *self._balance.controls,
            order=self._order,
            carried_out=self._carried_out,
            numbers=self._numbers,
        )
        """The rest, and the switches of face and voice; `panic` is a method of the session."""
        if options.rests:
            self.cover.set_rest(True)
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_in, self._wake_out = multiprocessing.Pipe(duplex=False)
        self._thread = threading.Thread(target=self._run, name="obs-portrait supervisor", daemon=True)
        self._changed = threading.Condition()
        self._ended: set[str] = set()
        self._problems: dict[str, str] = {}
        self._notices: list[str] = []
        self._kept = Kept(options.calibrations) if options.calibrations is not None else None
        if self._kept is not None:
            self._plans.neutral = self._kept.find(str(options.source), self._cast.stage)
        self._reference: tuple[float, float] | None = None
        self._quality: tuple[int, float, str | None] | None = None  # (when it was told, score, advice)
        self._epoch = 0
        self._speaker: Any = None  # what was chosen as such while the show is on
        self._stop_asked = False
        self._asked: tuple[int, str] | None = None  # a switch that the supervisor's thread has not yet seen
        self._done = False
        self._error: str | None = None
        self._last_skew: float | None = None
        self._ended_ns = 0
        self._report: LiveReport | None = None

    # ---- for the user --------------------------------------------------------------------------------------------

    @property
    def personas(self) -> list[str]:
        """Names of the personas that are prepared or being prepared, in order; key 1 is the first."""
        return list(self._cast.personas)

    @property
    def persona(self) -> str:
        """Name of the persona that is on stage, or that was asked for last and is about to be."""
        asked = self._asked
        return asked[1] if asked is not None else self._cast.wanted

    def start(self, timeout: float = 180.0) -> None:
        """Starts both processes and waits until every persona is prepared and source and sinks are open.

        Raises `PipelineError` with the first problem if that fails, `MediaError` if the port of the stream to OBS is
        taken; everything is stopped then.
        """
        if self._stop_asked:
            raise PipelineError("The show was ended before it began.")
        if self.stream_port is not None:
            from obs_portrait.media.sinks.obs_stream.server import listen

            self._plans.listener = listen(self.stream_port)
        self._thread.start()
        wanted = {keeper.name for keeper in self._keepers()}
        with self._changed:
            fine = self._changed.wait_for(
                lambda: (self._on_air >= wanted and self._cast.complete) or self._done or self._stop_asked, timeout
            )
        abandoned = self._stop_asked
        if self._error is not None or not fine or abandoned:
            self.stop()
            if abandoned and self._error is None:
                raise PipelineError("The show was ended before it began.")
            raise PipelineError(self._error or f"The media processes were not ready after {timeout:.0f} s.")

    def switch(self, persona: Any, timeout: float | None = None) -> None:
        """Becomes another persona (a name or a `Profile`), face and voice at the same moment.

        A prepared persona is on stage with the next frame and block; another one is prepared in the background first.
        Raises `ProfileError` if there is no such persona. With `timeout` it waits until both processes have switched,
        and raises `PipelineError` if that does not happen.
        """
        name = persona if isinstance(persona, str) else persona.name
        if name not in self._cast.personas:
            profile = load(persona)
            name = profile.name
            self._problems.pop(f"persona {name}", None)
            self._order(lambda: self._cast.add(profile))
        number = next(self._numbers)
        self._asked = (number, name)
        self._order(lambda: self._switch(name, number))
        if timeout is None:
            return
        about = f"persona {name}"
        with self._changed:
            fine = self._changed.wait_for(
                lambda: self._cast.is_done(number) or about in self._problems or self._done, timeout
            )
        if not fine or about in self._problems or self._done:
            raise PipelineError(self._problems.get(about, f"'{name}' was not on stage within {timeout:g} s."))

    def prepare(self, persona: Any) -> None:
        """Makes a persona ready in the background, so that a later `switch` to it is instant. Nothing happens if it is
        ready or being prepared. Raises `ProfileError` if there is no such persona."""
        name = persona if isinstance(persona, str) else persona.name
        if name not in self._cast.personas:
            profile = load(persona)
            self._problems.pop(f"persona {profile.name}", None)
            self._order(lambda: self._cast.add(profile))

    def profile(self, name: str) -> Any:
        """The profile of a persona of this session as it plays; None if there is none of that name."""
        return self._cast.personas.get(name)

    def renew(self, persona: Any) -> None:
        """Plays on with an edited profile of the same name, as soon as it is prepared. If it cannot be, the persona
        stays as it was and a notice says why."""
        number = next(self._numbers)
        self._problems.pop(f"persona {persona.name}", None)
        self._order(lambda: self._cast.renew(persona, number))

    def use(self, what: Literal["camera", "microphone", "speaker"], source: Any) -> None:
        """Takes another camera or microphone, without a gap in what goes out: stand-ins and silence until it delivers;
        or lets the voice be heard at another speaker (None: at none), whatever else it goes to.

        source: a spec as in `LiveOptions`. Whether it can be opened is told by a notice. Raises `PipelineError` if the
        session has no sound.
        """
        if what == "camera":
            self.options = replace(self.options, source=source)
            self._order(lambda: self._send("video", Use(source)))
        elif self._audio is None:
            raise PipelineError("There is no sound in this session; start it with --audio mic.")
        elif what == "speaker":
            others = [spec for spec in self.options.audio_sinks if spec is not self._speaker and not is_speaker(spec)]
            self._speaker = source
            heard = (*others, source) if source is not None else tuple(others)
            self.options = replace(self.options, audio_sinks=heard)
            self._order(lambda: self._send("audio", Hear(source)))
        else:
            self.options = replace(self.options, audio=source)
            self._order(lambda: self._send("audio", Use(source)))

    @property
    def cues(self) -> list[tuple[int, str]]:
        """Every switch so far: (capture time in ns from which on it holds, name)."""
        return list(self._cast.cues)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the media processes that run now: "video", "audio"."""
        return {keeper.name: keeper.pid for keeper in self._keepers() if keeper.pid is not None}

    def calibrate(self) -> None:
        """Takes the driver's neutral reference anew: look straight ahead with a calm face."""
        self._order(lambda: self._send("video", Calibrate()))

    def panic(self, on: bool = True, timeout: float = 5.0) -> None:
        """On: from the next frame and block on only the card and silence go out, whatever engines and devices do.

        It holds until `panic(False)`, also for processes that are started again meanwhile. A persona that reveals the
        real person leaves the stage for the first one that does not, so that the end of a panic shows nobody's real
        face either. `panic(False)` waits until that has been carried out, at most `timeout` s, and raises
        `PipelineError`, with the panic still on, if there is nobody else to show.
        """
        if on:
            self.cover.begin_panic()
        else:
            self.cover.end_panic(timeout)

    def obs_runs_at(self, period_ns: int) -> None:
        """Tells the stream to OBS how long OBS's frames last, in ns; 0 if nobody knows."""
        self._balance.video_control.set("obs_period_ns", period_ns)

    def search_reference(self) -> None:
        """Begins (or ends) the search for a better reference frame; its figures are in `status().reference`."""
        self._order(lambda: self._send("video", Search()))

    def status(self) -> LiveStatus:
        """A snapshot; never waits."""
        video = status_of(self._video)
        audio = status_of(self._audio) if self._audio is not None else None
        return LiveStatus(
            running=self._thread.is_alive() and not self._done,
            persona=self._cast.stage,
            prepared=tuple(self._cast.personas),
            video=video,
            audio=audio,
            skew_ms=self._balance.skew_ms(),
            problems=tuple(self._problems.values()),
            reference=self._reference,
            panic=self.cover.panic,
            rests=self.cover.rests,
            face_on=self.cover.face_on,
            voice_on=self.cover.voice_on,
            quality=self._quality_now(),
        )

    def _quality_now(self) -> tuple[float, str | None] | None:
        told = self._quality
        return told[1:] if told is not None and now_ns() - told[0] < _RATED_NS else None

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until the session ends by itself (file over, Esc, gave up); True if it has. At most `seconds`."""
        if self._done or (seconds is not None and seconds <= 0):
            # Without the lock: a signal that interrupts the main thread just as it gets a contended lock leaves it
            # taken for ever, and a terminated show would never stop.
            return self._done
        deadline = None if seconds is None else now_ns() / 1e9 + seconds
        with self._changed:
            while not self._done:
                left = 0.2 if deadline is None else min(0.2, deadline - now_ns() / 1e9)
                if left <= 0:
                    return False
                self._changed.wait(left)  # short waits, so that Ctrl-C is heard at once on Windows too
        return True

    def abandon(self) -> None:
        """Ends a `start` that still waits, in another thread, with a `PipelineError`; and the show, if it is on."""
        self._stop_asked = True
        with self._changed:
            self._changed.notify_all()
        self._order(lambda: None)

    @property
    def error(self) -> str | None:
        """Why the session ended by itself, or None if it did not or was asked to."""
        return self._error

    def stop(self) -> LiveReport:
        """Ordered stop: files are finished, devices released, processes gone. May be called twice."""
        if self._thread.is_alive():
            self._stop_asked = True
            self._order(lambda: None)
            self._thread.join()
        if self._plans.listener is not None:
            self._plans.listener.close()
            self._plans.listener = None
        if self._report is None:
            self._report = self._make_report()
        return self._report

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    # ---- the supervisor's thread ---------------------------------------------------------------------------------

    def _hide(self, on: bool) -> None:
        self.cover.hide(on)

    def _switch(self, name: str, number: int) -> None:
        self._recover()
        self._cast.switch(name, number)
        if self._asked is not None and self._asked[0] == number:
            self._asked = None

    def _recover(self) -> None:
        """Somebody wants a persona: what was given up is tried again."""
        for keeper in self._keepers():
            if keeper.recover():
                self._ended.discard(keeper.name)
                self._tell(Notice("card", f"The {keeper.name} process is tried again.", problem=False))

    def _carried_out(self, number: int, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._cast.is_done(number), timeout)

    def _order(self, order: Callable[[], None]) -> None:
        self._orders.put(order)
        with contextlib.suppress(OSError):
            self._wake_out.send_bytes(b".")

    def _keepers(self) -> list[Keeper]:
        return [self._video] if self._audio is None else [self._video, self._audio]

    def _run(self) -> None:
        try:
            for keeper in self._keepers():
                keeper.start()
            self._attend()
        except Exception as error:
            with self._changed:
                self._error = f"The media processes cannot be kept ({type(error).__name__}: {error})."
        self._shut_down()

    def _attend(self) -> None:
        self._looked_ns = now_ns()
        while not self._stop_asked and not self._done:
            handles: list[Any] = [self._wake_in]
            for keeper in self._keepers():
                handles += keeper.handles
            multiprocessing.connection.wait(handles, timeout=0.05)
            self._turn()

    def _turn(self) -> None:
        while self._wake_in.poll():
            self._wake_in.recv_bytes()
        with contextlib.suppress(queue.Empty):
            while True:
                self._orders.get_nowait()()
        if now_ns() - self._looked_ns > _ASLEEP_NS:
            for keeper in self._keepers():
                keeper.excuse()
        self._looked_ns = now_ns()
        for keeper in self._keepers():
            for message in keeper.receive():
                self._heard(keeper, message)
            said = keeper.check()
            if said is not None:
                self._fell(keeper, said)
        self._maybe_start()
        self._balance.update()

    def _heard(self, keeper: Keeper, message: object) -> None:
        with self._changed:
            match message:
                case Rehearsed():
                    if self._epoch:  # a restarted process: the show is on already
                        self._begin(keeper)
                case Ready():
                    self._on_air.add(keeper.name)
                    self._cast.on_air(keeper.name)
                    self._plans.first[keeper.name], keeper.proven = False, True
                    if keeper.restarts:
                        self._tell(Notice(keeper.name, f"The {keeper.name} process is back.", problem=False))
                case Prepared(name, problem):
                    self._cast.prepared(keeper.name, name, problem)
                    if keeper.name in self._held_back:
                        self._begin(keeper)
                    if problem is not None:
                        self._tell(Notice(f"persona {name}", problem))
                case Switched(name, _, number):
                    self._cast.switched(keeper.name, number)
                    if keeper is self._video:
                        self._refer(name)
                case Reference(current, best):
                    self._reference = (current, best) if current >= 0 else None
                case Quality(score, advice):
                    self._quality = (now_ns(), score, advice)
                case Calibrated(reference):
                    self._plans.neutral = reference
                    if self._kept is not None:
                        self._kept.keep(str(self.options.source), self._cast.stage, reference)
                case Request(what, number):
                    self._requested(what, number)
                case Notice():
                    self._tell(message)
                case Ended():
                    self._ended.add(keeper.name)
                    if self._ended >= {keeper.name for keeper in self._keepers()}:
                        self._done = True
            self._changed.notify_all()

    def _begin(self, keeper: Keeper) -> None:
        """The show begins in a process that is ready for it, with who is on stage *now*: it may be another one than
        when its plan was made."""
        first = None if keeper.stands_in else self._cast.may_begin(keeper.name)
        if first is None:
            self._held_back.discard(keeper.name)
            source = self.options.source if keeper is self._video else self.options.audio
            keeper.send(
                Start(self._epoch, self._cast.stage, self._plans.neutral, source if isinstance(source, str) else None)
            )
        elif keeper.name not in self._held_back:
            self._held_back.add(keeper.name)
            keeper.send(first)

    def _refer(self, persona: str) -> None:
        """Another persona is on stage: it has its own reference, if one was kept."""
        found = self._kept.find(str(self.options.source), persona) if self._kept is not None else None
        if found is not None and found is not self._plans.neutral:
            self._plans.neutral = found
            self._send("video", Refer(found))

    def _requested(self, what: str, number: int) -> None:
        if what == "quit":
            self._done = True
        elif what == "persona" and 1 <= number <= len(self._cast.personas):
            self._cast.switch(list(self._cast.personas)[number - 1], next(self._numbers))

    def _fell(self, keeper: Keeper, said: str) -> None:
        with self._changed:
            self._tell(Notice(keeper.name, said))
            self._on_air.discard(keeper.name)
            self._held_back.discard(keeper.name)
            if keeper is self._video:
                self.previews.camera.wipe()  # its writer is dead
            self._cast.fell(keeper.name)
            self._balance.forget()
            if keeper.phase is Phase.FAILED and keeper is self._video and keeper.proven and not keeper.stands_in:
                keeper.stand_in(card_process.body)
                self._tell(Notice("card", f"{said} The card is held; choose a persona to try again."))
            elif keeper.phase is Phase.FAILED and (keeper is self._video or not self._epoch):
                self._error, self._done = said, True
            elif keeper.phase is Phase.FAILED:
                self._ended.add(keeper.name)
            self._changed.notify_all()

    def _tell(self, notice: Notice) -> None:
        if notice.problem:
            self._problems[notice.about] = notice.text
        else:
            self._problems.pop(notice.about, None)
        self._notices.append(notice.text)
        self._on_notice(notice)

    def _maybe_start(self) -> None:
        if not self._epoch and all(keeper.phase is Phase.RUNNING for keeper in self._keepers()):
            self._epoch = now_ns() + (_START_LEAD_NS if is_device(self.options.source) else _FILE_LEAD_NS)
            for keeper in self._keepers():
                self._begin(keeper)

    def _send(self, path: str, message: object) -> None:
        if path in self._on_air:
            next(keeper for keeper in self._keepers() if keeper.name == path).send(message)

    # ---- the end ------------------------------------------------------------------------------------------------

    def _shut_down(self) -> None:
        self._last_skew, self._ended_ns = self._balance.skew_ms(), now_ns()
        for keeper in self._keepers():
            keeper.ask_to_stop()
        for keeper in self._keepers():
            keeper.finish(_STOP_S)
        with self._changed:
            self._done = True
            self._changed.notify_all()

    def _make_report(self) -> LiveReport:
        path: Path | None = None
        if self._recorder is not None:
            try:
                path = self._recorder.assemble()
            except PortraitError as error:
                self._notices.append(str(error))
        figures = {keeper.name: figures_of(keeper) for keeper in self._keepers()}
        return LiveReport(
            seconds=(self._ended_ns - self._epoch) / 1e9 if self._epoch else 0.0,
            persona=self._cast.stage,
            video=figures["video"],
            audio=figures.get("audio"),
            skew_ms=self._last_skew,
            cues=tuple(self._cast.cues),
            notices=tuple(self._notices),
            recording=str(path) if path else None,
        )
