"""The pacer: owns the sinks, writes at the output rate whatever the engine does.

It never waits for the engine longer than a tick, and it holds nothing of the camera: what it repeats and what it
puts in the engine's place are sealed `PersonaFrame`s. So a hung engine, a lost camera and a slow tracker all look the
same from here: no new frame came, so the last one is repeated, and after a while the guard's stand-in is shown.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction

from obs_portrait.clock import now_ns
from obs_portrait.errors import LeakError, PortraitError
from obs_portrait.media.sinks.base import VideoSink
from obs_portrait.media.types import Origin, PersonaFrame
from obs_portrait.pipeline.live.cue import CueSheet
from obs_portrait.pipeline.live.feed import Mailbox
from obs_portrait.pipeline.live.ticker import Ticker

__all__ = ["REPEAT_NS", "STRANGER_NS", "Pacer"]

REPEAT_NS = 1_000_000_000
"""How long the last persona frame is repeated while no new one comes; then the portrait takes its place."""
STRANGER_NS = 200_000_000
"""The same for a frame that must not stay: one of the persona that has just left the stage, or of a persona that
reveals the real person."""


class Pacer:
    """One tick after the other: `tick()` waits for the next one and writes.

    results: where the engine's thread puts its frames. stand_in(captured_ns): the guard's frame for the persona that
    is on stage then. reveals(name): whether the profile of a persona, as it is now, says that the real person may be
    seen; what shows them is written for such a one only, while it is on stage. cover(): asked each tick; what it
    returns, unless None, makes the frame that is written instead of everything else, and what the engine made meanwhile
    is thrown away, also for recordings. notice(about, text, problem): one sentence for the user.
    """

    def __init__(
        self,
        sinks: Sequence[VideoSink],
        rate: Fraction,
        *,
        results: Mailbox[PersonaFrame],
        cues: CueSheet,
        stand_in: Callable[[int], PersonaFrame],
        reveals: Callable[[str], bool] = lambda name: False,
        cover: Callable[[], Callable[[int], PersonaFrame] | None] = lambda: None,
        notice: Callable[[str, str, bool], None],
    ) -> None:
        self._sinks = list(sinks)
        self._results, self._cues, self._stand_in, self._notice = results, cues, stand_in, notice
        self._reveals, self._cover = reveals, cover
        self._ticker = Ticker(round(1_000_000_000 / rate), now_ns())
        self._waiting: deque[tuple[int, PersonaFrame]] = deque()  # (may leave at, frame): the alignment delay
        self._unrecorded: list[PersonaFrame] = []
        self._last: PersonaFrame | None = None
        self._covered = False
        self._last_ns = 0  # when it was made, as far as this thread knows
        self._recorded_ns = -1
        self._newest_ns = -1  # capture time of the newest frame that came from the engine
        self.delay_ns = 0
        """Alignment delay for the live sinks."""
        self.written = 0
        self.repeated = 0
        self.refused = 0
        self.origins: dict[Origin, int] = dict.fromkeys(Origin, 0)
        self.state: Origin | None = None
        self.on_written: Callable[[PersonaFrame, int | None], None] = lambda frame, latency: None
        """Told of each tick's frame, and, if it is a new one from the engine, of its latency capture -> sink in ns
        without the alignment delay."""

    def tick(self) -> None:
        """Waits until it is time to write, at most about one period, and writes once to every sink."""
        frame, waited = self._next_frame()
        now = now_ns()
        fresh = frame is not None
        if frame is not None:
            self._last, self._last_ns, self._covered = frame, now, False
        else:
            frame = self._instead(now)
        self._write(frame)
        done = now_ns()
        self._record()
        self.on_written(frame, done - frame.captured_ns - waited if fresh else None)
        self.repeated += not fresh
        self._ticker.wrote(now, fresh)
        self.written += 1
        self.origins[frame.origin] += 1
        self.state = frame.origin

    def _next_frame(self) -> tuple[PersonaFrame | None, int]:
        """The frame to write now, and how long the alignment held it back; None when the tick is due without one."""
        while True:
            self._fetch(0.0)  # also when the tick is overdue already: what is there is newer than what was shown
            now = now_ns()
            if self._cover() is not None:
                self._waiting.clear()
                self._unrecorded.clear()
                self._last = None
                if not self._covered:  # its first picture waits for nothing
                    return None, 0
            early = now < self._ticker.earliest
            until = self._ticker.earliest if early else self._ticker.due
            ready = self._release(now) if not early else None
            if ready is not None:
                return ready
            left = until - now
            if left <= 0:
                if early:
                    continue
                return None, 0
            if self._waiting and self._waiting[0][0] > now:
                left = min(left, self._waiting[0][0] - now)
            self._fetch(left / 1e9)

    def _fetch(self, timeout: float) -> None:
        arrived = self._results.take(timeout)
        while arrived is not None:
            self._unrecorded.append(arrived)
            if arrived.captured_ns <= self._newest_ns:  # the same moment again, after a switch: at once, instead of it
                self._waiting.clear()
                self._waiting.append((now_ns(), arrived))
            else:
                self._newest_ns = arrived.captured_ns
                self._waiting.append((now_ns() + self.delay_ns, arrived))
            arrived = self._results.take(0.0)

    def _release(self, now: int) -> tuple[PersonaFrame, int] | None:
        """The newest frame whose delay is over; older ones are dropped."""
        found = None
        while self._waiting and self._waiting[0][0] <= now:
            leave, frame = self._waiting.popleft()
            found = (frame, self.delay_ns + max(0, now - leave) if self.delay_ns else 0)
        if found is not None and (self._cover() is not None or self._is_stranger(found[0], now)):
            return None
        return found

    def _instead(self, now: int) -> PersonaFrame:
        cover = self._cover()
        self._covered = cover is not None
        if cover is not None:
            self._last = None
            covered = cover(now)
            self._unrecorded = [covered]
            return covered
        if self._last is not None and not self._may_be_seen(self._last, now):
            self._last = None  # the real person has left the stage: not one picture more
        if self._last is not None:
            brief = self._last.origin is Origin.REVEAL or self._is_of_another(self._last, now)
            if now - self._last_ns <= (STRANGER_NS if brief else REPEAT_NS):
                return self._last
        frame = self._stand_in(now)
        self._unrecorded.append(frame)
        return frame

    def _is_of_another(self, frame: PersonaFrame, now: int) -> bool:
        return frame.persona != self._cues.at(now)[0]

    def _is_stranger(self, frame: PersonaFrame, now: int) -> bool:
        """A frame of a persona that left the stage long ago, from an engine that was very late; and any frame with the
        real person that was still under way when somebody else came on stage, or the same persona edited not to reveal
        any more."""
        name, _, since = self._cues.at(now)
        if not self._may_be_seen(frame, now):
            return True
        return frame.persona != name and now - since > STRANGER_NS + self.delay_ns

    def _may_be_seen(self, frame: PersonaFrame, at_ns: int) -> bool:
        """The real person: only as whoever is on stage at that moment, and whose profile says so now."""
        if frame.origin is not Origin.REVEAL:
            return True
        return frame.persona == self._cues.at(at_ns)[0] and self._reveals(frame.persona)

    def _record(self) -> None:
        """Recorders get every new frame, in order, after the live sinks have theirs; they place it by its capture
        time and need none of the repetitions. Nor do they get the real person of a moment at which another one is on
        stage: its engine did not know that yet."""
        frames, self._unrecorded = self._unrecorded, []
        for frame in frames:
            if frame.captured_ns > self._recorded_ns and self._may_be_seen(frame, frame.captured_ns):
                self._recorded_ns = frame.captured_ns
                for sink in [sink for sink in self._sinks if sink.takes_all]:
                    self._send(sink, frame)

    def _write(self, frame: PersonaFrame) -> None:
        for sink in [sink for sink in self._sinks if not sink.takes_all]:
            self._send(sink, frame)

    def _send(self, sink: VideoSink, frame: PersonaFrame) -> None:
        try:
            sink.write(frame)
        except LeakError as error:
            self.refused += 1
            self._notice("leak", str(error), True)
        except PortraitError as error:
            self._drop(sink, str(error))
        except Exception as error:  # a driver's surprise: the other sinks go on
            self._drop(sink, f"{sink.name}: {type(error).__name__}: {error}.")

    def _drop(self, sink: VideoSink, why: str) -> None:
        self._sinks.remove(sink)
        with contextlib.suppress(Exception):
            sink.close()
        self._notice(f"sink {sink.name}", f"{why} This sink is closed, the others go on.", True)

    @property
    def idle(self) -> bool:
        """Every frame that came has been written."""
        return not self._waiting and not len(self._results)

    @property
    def sinks(self) -> Sequence[VideoSink]:
        """Those that are still open."""
        return tuple(self._sinks)

    def bow(self, frame: PersonaFrame) -> None:
        """The last picture: what the live sinks show until they are closed, and what stays with some of them."""
        self._write(frame)
        self.written += 1

    def close(self) -> None:
        """Finishes every sink."""
        for sink in self._sinks:
            try:
                sink.close()
            except Exception as error:
                self._notice(f"sink {sink.name}", f"{sink.name} could not be finished: {error}", True)
        self._sinks.clear()
