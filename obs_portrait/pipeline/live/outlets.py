"""Where the voice goes: the sinks of an audio process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from obs_portrait.errors import LeakError, PortraitError
from obs_portrait.media.sinks.base import AudioSink
from obs_portrait.media.types import PersonaBlock
from obs_portrait.pipeline.live import devices
from obs_portrait.pipeline.live.messages import AudioSinkSpec
from obs_portrait.pipeline.live.options import AudioPlan
from obs_portrait.pipeline.live.reading import ANSWERS_NS, silent
from obs_portrait.pipeline.live.returning import ReturningAudioSink

__all__ = ["Outlets"]


class Outlets:
    """The sinks belong to the loop that calls `settle` and `write`; `hear` may be called from any thread.

    say(about, text, problem): one sentence for the user, from any thread.
    """

    def __init__(self, plan: AudioPlan, say: Callable[[str, str, bool], None]) -> None:
        self._plan, self._say = plan, say
        self.sinks: list[AudioSink] = []
        self._heard_at: dict[bool, list[AudioSink]] = {True: [], False: []}
        self._changes: deque[Callable[[], None]] = deque()
        self._asked = 0
        self.refused = 0
        """Blocks without a seal that a sink refused."""

    @property
    def adds_ns(self) -> int:
        """What the slowest sink adds to the delay."""
        return max((sink.adds_ns for sink in self.sinks), default=0)

    def open(self, epoch_ns: int, specs: Sequence[AudioSinkSpec]) -> None:
        """All of them, and the plan's own, or none: raises `MediaError` if one cannot be opened. In a process that is
        started again, or after a login, a device may come later than the others."""
        try:
            for spec in specs:
                sink = self._make(spec)
                if isinstance(sink, ReturningAudioSink) and (self._plan.options.patient or not self._plan.first):
                    sink.open_aside()
                else:
                    sink.open()
                self.sinks.append(sink)
                if devices.is_speaker(spec):
                    self._heard_at[devices.is_cable(spec)].append(sink)
            if self._plan.voice is not None:
                from obs_portrait.media.sinks.obs_stream.voice import VoiceRingSink

                self.sinks.append(VoiceRingSink(self._plan.voice))
            if self._plan.part is not None:
                from obs_portrait.pipeline.live.parts import AudioPart

                self.sinks.append(AudioPart(self._plan.part, epoch_ns))
                self.sinks[-1].open()
        except BaseException:
            self.close()
            raise

    def settle(self) -> None:
        """Takes up what `hear` has opened."""
        while self._changes:
            self._changes.popleft()()

    def write(self, out: PersonaBlock) -> None:
        """To every sink. One that fails is closed, the others go on."""
        for sink in list(self.sinks):
            try:
                sink.write(out)
            except LeakError as error:
                self.refused += 1
                self._say("leak", str(error), True)
            except Exception as error:
                self.sinks.remove(sink)
                sink.close()
                why = (
                    str(error) if isinstance(error, PortraitError) else f"{sink.name}: {type(error).__name__}: {error}."
                )
                self._say(f"sink {sink.name}", f"{why} This sink is closed, the others go on.", True)

    def hear(self, spec: AudioSinkSpec | None) -> None:
        """The voice is heard there instead of where it was heard so far; None: nowhere. A virtual cable takes the place
        of cables alone, and what people hear with that of what people hear with. Opening and closing may take long and
        are done aside: what there is goes on meanwhile. What was asked for last holds."""
        self._asked += 1
        threading.Thread(target=self._exchange, args=(spec, self._asked), name="speaker", daemon=True).start()

    def _exchange(self, spec: AudioSinkSpec | None, number: int) -> None:
        new = None
        watch = threading.Timer(ANSWERS_NS / 1e9, self._say_silent, (spec, number))
        watch.daemon = True
        watch.start()
        try:
            if spec is not None:
                new = self._make(spec)
                new.open()
        except Exception as error:
            why = str(error) if isinstance(error, PortraitError) else f"{type(error).__name__}: {error}."
            self._say("speaker", f"{why} The voice is heard where it was.", True)
            return
        finally:
            watch.cancel()

        def swap() -> None:
            if number != self._asked:
                if new is not None:
                    threading.Thread(target=new.close, name="speaker", daemon=True).start()
                return
            cable = spec is not None and devices.is_cable(spec)
            before, self._heard_at[cable] = self._heard_at[cable], [] if new is None else [new]
            for old in before:
                if old in self.sinks:
                    self.sinks.remove(old)
                    threading.Thread(target=old.close, name="speaker", daemon=True).start()
            if new is not None:
                self.sinks.append(new)

        self._changes.append(swap)
        self._say("speaker", f"The voice is heard at {new.name}." if new else "The voice is heard nowhere here.", False)

    def _say_silent(self, spec: AudioSinkSpec | None, number: int) -> None:
        if number == self._asked:
            device = spec if isinstance(spec, str) else "The device"
            self._say("speaker", f"{silent(device)} The voice is heard where it was.", True)

    def close(self) -> None:
        """Finishes every sink."""
        for sink in self.sinks:
            sink.close()

    def _make(self, spec: AudioSinkSpec) -> AudioSink:
        """Not yet open; a device comes back when it was lost."""
        if isinstance(spec, str) and devices.may_return(spec):
            about = f"sink {spec}"
            return ReturningAudioSink(
                lambda: devices.audio_sink(spec), lambda text, problem: self._say(about, text, problem)
            )
        return devices.audio_sink(spec)
