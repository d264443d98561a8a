"""`LiveSession`: starts, steers, watches and stops the two media processes. Holds no pixel and no sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from obs_portrait.clock import now_ns
from obs_portrait.errors import PipelineError, PortraitError
from obs_portrait.media.sinks.obs_stream import parse_spec
from obs_portrait.pipeline.live import recording
from obs_portrait.pipeline.live.cast import load
from obs_portrait.pipeline.live.crew import Crew
from obs_portrait.pipeline.live.devices import in_place_of
from obs_portrait.pipeline.live.messages import (
    Calibrate,
    Hear,
    Notice,
    Search,
    Use,
)
from obs_portrait.pipeline.live.options import LiveOptions
from obs_portrait.pipeline.live.status import LiveReport, LiveStatus, figures_of, status_of

__all__ = ["LiveSession"]

_RATED_NS = 1_500_000_000
"""An older rating of the driver's face says nothing about now."""


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
        ports = [port for spec in options.sinks if isinstance(spec, str) and (port := parse_spec(spec)) is not None]
        self.stream_port: int | None = ports[0] if ports else None
        """Where the stream to OBS is served, if it is one of the sinks."""
        self._recorder = recording.Recorder(options.record, options.force) if options.record is not None else None
        self._crew = Crew(
            lambda: self.options, on_notice or (lambda notice: None), self._freezes,
            recorder=self._recorder, streams=bool(ports),
        )  # fmt: skip
        self.previews = self._crew.previews
        """Small pictures of the persona and, while that is allowed, of the camera; made only for who asks."""
        self.cover = self._crew.cover
        """The rest, and the switches of face and voice; `panic` is a method of the session."""
        if options.rests:
            self.cover.set_rest(True)
        self.on_frozen: Callable[[bool], None] = lambda on: None
        """Told, from the supervisor's thread, when the last picture that programs have may be the real person, because
        the video process is gone, and when it is no longer."""
        self._speaker: Any = None  # one that is no spec and was chosen while the show is on
        self._asked: tuple[int, str] | None = None  # a switch that the crew has not yet seen
        self._report: LiveReport | None = None

    # ---- for the user --------------------------------------------------------------------------------------------

    @property
    def personas(self) -> list[str]:
        """Names of the personas that are prepared or being prepared, in order; key 1 is the first."""
        return list(self._crew.cast.personas)

    @property
    def persona(self) -> str:
        """Name of the persona that is on stage, or that was asked for last and is about to be."""
        asked = self._asked
        return asked[1] if asked is not None else self._crew.cast.wanted

    def start(self, timeout: float = 180.0) -> None:
        """Starts both processes and waits until every persona is prepared and source and sinks are open.

        Raises `PipelineError` with the first problem if that fails, `MediaError` if the port of the stream to OBS is
        taken; everything is stopped then.
        """
        if self._crew.stop_asked:
            raise PipelineError("The show was ended before it began.")
        if self.stream_port is not None:
            from obs_portrait.media.sinks.obs_stream.server import listen

            self._crew.plans.listener = listen(self.stream_port)
        self._crew.thread.start()
        if self._recorder is not None and (text := self._recorder.left_over()) is not None:
            self._crew.order(lambda: self._crew.tell(Notice("recording", text, problem=False)))
        with self._crew.changed:
            fine = self._crew.changed.wait_for(
                lambda: self._crew.complete or self._crew.done or self._crew.stop_asked, timeout
            )
        abandoned = self._crew.stop_asked
        if self._crew.error is not None or not fine or abandoned:
            self.stop()
            if abandoned and self._crew.error is None:
                raise PipelineError("The show was ended before it began.")
            raise PipelineError(self._crew.error or f"The media processes were not ready after {timeout:.0f} s.")

    def switch(self, persona: Any, timeout: float | None = None) -> None:
        """Becomes another persona (a name or a `Profile`), face and voice at the same moment.

        A prepared persona is on stage with the next frame and block; another one is prepared in the background first.
        Raises `ProfileError` if there is no such persona. With `timeout` it waits until both processes have switched,
        and raises `PipelineError` if that does not happen.
        """
        name = persona if isinstance(persona, str) else persona.name
        if name not in self._crew.cast.personas:
            profile = load(persona)
            name = profile.name
            self._crew.problems.pop(f"persona {name}", None)
            self._crew.order(lambda: self._crew.cast.add(profile))
        number = next(self._crew.numbers)
        self._asked = (number, name)
        self._crew.order(lambda: self._switch(name, number))
        if timeout is None:
            return
        about = f"persona {name}"
        with self._crew.changed:
            fine = self._crew.changed.wait_for(
                lambda: self._crew.cast.is_done(number) or about in self._crew.problems or self._crew.done, timeout
            )
        if not fine or about in self._crew.problems or self._crew.done:
            raise PipelineError(self._crew.problems.get(about, f"'{name}' was not on stage within {timeout:g} s."))

    def prepare(self, persona: Any) -> None:
        """Makes a persona ready in the background, so that a later `switch` to it is instant. Nothing happens if it is
        ready or being prepared. Raises `ProfileError` if there is no such persona."""
        name = persona if isinstance(persona, str) else persona.name
        if name not in self._crew.cast.personas:
            profile = load(persona)
            self._crew.problems.pop(f"persona {profile.name}", None)
            self._crew.order(lambda: self._crew.cast.add(profile))

    def profile(self, name: str) -> Any:
        """The profile of a persona of this session as it plays; None if there is none of that name."""
        return self._crew.cast.personas.get(name)

    def renew(self, persona: Any) -> None:
        """Plays on with an edited profile of the same name, as soon as it is prepared. If it cannot be, the persona
        stays as it was and a notice says why. One that reveals and shall not any more is hidden at once, and stays
        hidden if the edit cannot be prepared."""
        number = next(self._crew.numbers)
        self._crew.problems.pop(f"persona {persona.name}", None)
        self._crew.order(lambda: self._crew.cast.renew(persona, number))

    def use(self, what: Literal["camera", "microphone", "speaker"], source: Any) -> None:
        """Takes another camera or microphone, without a gap in what goes out: stand-ins and silence until it delivers;
        or lets the voice be heard at another speaker (None: at none), whatever else it goes to.

        source: a spec as in `LiveOptions`. Whether it can be opened is told by a notice. Raises `PipelineError` if the
        session has no sound.
        """
        if what == "camera":
            self.options = replace(self.options, source=source)
            self._crew.order(lambda: self._crew.use_camera(source))
        elif self._crew.audio is None:
            raise PipelineError("There is no sound in this session; start it with --audio mic.")
        elif what == "speaker":
            others = [spec for spec in self.options.audio_sinks if spec is not self._speaker]
            self._speaker = None if isinstance(source, str) else source
            self.options = replace(self.options, audio_sinks=in_place_of(others, source))
            self._crew.order(lambda: self._crew.send("audio", Hear(source)))
        else:
            self.options = replace(self.options, audio=source)
            self._crew.order(lambda: self._crew.send("audio", Use(source)))

    @property
    def cues(self) -> list[tuple[int, str]]:
        """Every switch so far: (capture time in ns from which on it holds, name)."""
        return list(self._crew.cast.cues)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the media processes that run now: "video", "audio"."""
        return {keeper.name: keeper.pid for keeper in self._crew.keepers if keeper.pid is not None}

    def calibrate(self) -> None:
        """Takes the driver's neutral reference anew: look straight ahead with a calm face."""
        self._crew.order(lambda: self._crew.send("video", Calibrate()))

    def panic(self, on: bool = True, timeout: float = 5.0) -> None:
        """On: from the next frame and block on only the card and silence go out, whatever engines and devices do.

        It holds until `panic(False)`, also for processes that are started again meanwhile. A persona that reveals the
        real person leaves the stage for the first one that does not, so that the end of a panic shows nobody's real
        face either. `panic(False)` waits until that has been carried out, at most `timeout` s, and raises
        `PipelineError`, with the panic still on, if there is nobody else to show or if it takes longer.
        """
        if on:
            self.cover.begin_panic()
            self.previews.refuse_older()
        else:
            self.cover.end_panic(timeout)

    def obs_runs_at(self, period_ns: int) -> None:
        """Tells the stream to OBS how long OBS's frames last, in ns; 0 if nobody knows."""
        self._crew.balance.video_control.set("obs_period_ns", period_ns)

    def search_reference(self) -> None:
        """Begins (or ends) the search for a better reference frame; its figures are in `status().reference`."""
        self._crew.order(lambda: self._crew.send("video", Search()))

    def status(self) -> LiveStatus:
        """A snapshot; never waits."""
        video = status_of(self._crew.video)
        audio = status_of(self._crew.audio) if self._crew.audio is not None else None
        return LiveStatus(
            running=self._crew.thread.is_alive() and not self._crew.done,
            persona=self._crew.cast.stage,
            prepared=tuple(self._crew.cast.personas),
            video=video,
            audio=audio,
            skew_ms=self._crew.balance.skew_ms(),
            problems=tuple(self._crew.problems.values()),
            reference=self._crew.reference,
            panic=self.cover.panic,
            rests=self.cover.rests,
            face_on=self.cover.face_on,
            voice_on=self.cover.voice_on,
            quality=self._quality_now(),
            reveals=self._crew.cast.shows_real,
        )

    def _quality_now(self) -> tuple[float, str | None] | None:
        told = self._crew.quality
        return told[1:] if told is not None and now_ns() - told[0] < _RATED_NS else None

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until the session ends by itself (file over, Esc, gave up); True if it has. At most `seconds`."""
        if self._crew.done or (seconds is not None and seconds <= 0):
            # Without the lock: a signal that interrupts the main thread just as it gets a contended lock leaves it
            # taken for ever, and a terminated show would never stop.
            return self._crew.done
        deadline = None if seconds is None else now_ns() / 1e9 + seconds
        with self._crew.changed:
            while not self._crew.done:
                left = 0.2 if deadline is None else min(0.2, deadline - now_ns() / 1e9)
                if left <= 0:
                    return False
                self._crew.changed.wait(left)  # short waits, so that Ctrl-C is heard at once on Windows too
        return True

    def abandon(self) -> None:
        """Ends a `start` that still waits, in another thread, with a `PipelineError`; and the show, if it is on."""
        self._crew.stop_asked = True
        with self._crew.changed:
            self._crew.changed.notify_all()
        self._crew.order(lambda: None)

    @property
    def error(self) -> str | None:
        """Why the session ended by itself, or None if it did not or was asked to."""
        return self._crew.error

    def stop(self) -> LiveReport:
        """Ordered stop: files are finished, devices released, processes gone. May be called twice."""
        if self._crew.thread.is_alive():
            self._crew.stop_asked = True
            self._crew.order(lambda: None)
            self._crew.thread.join()
        if self._crew.plans.listener is not None:
            self._crew.plans.listener.close()
            self._crew.plans.listener = None
        if self._report is None:
            self._report = self._make_report()
        return self._report

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _switch(self, name: str, number: int) -> None:
        self._crew.switch(name, number)
        if self._asked is not None and self._asked[0] == number:
            self._asked = None

    def _freezes(self, on: bool) -> None:
        self.on_frozen(on)

    def _make_report(self) -> LiveReport:
        path: Path | None = None
        if self._recorder is not None:
            try:
                path = self._recorder.assemble()
            except PortraitError as error:
                self._crew.notices.append(str(error))
        figures = {keeper.name: figures_of(keeper) for keeper in self._crew.keepers}
        return LiveReport(
            seconds=(self._crew.ended_ns - self._crew.epoch) / 1e9 if self._crew.epoch else 0.0,
            persona=self._crew.cast.stage,
            video=figures["video"],
            audio=figures.get("audio"),
            skew_ms=self._crew.last_skew,
            cues=tuple(self._crew.cast.cues),
            notices=tuple(self._crew.notices),
            recording=str(path) if path else None,
        )
