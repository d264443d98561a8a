"""One stream of sound: microphone block -> converter -> guard -> persona block; the persona may change in between."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import PipelineError
from obs_portrait.media.types import SAMPLE_RATE, MicBlock, PersonaBlock
from obs_portrait.pipeline.guard import AudioGuard, mix
from obs_portrait.pipeline.prepare import PreparedVoice
from obs_portrait.pipeline.stats import Stats
from obs_portrait.pipeline.trouble import Trouble

__all__ = ["CROSSFADE", "VoicePipeline"]

CROSSFADE: Final = SAMPLE_RATE // 100
"""Length of the crossfade between two personas in samples: 10 ms, equal power."""

_PAST: Final = 3 * SAMPLE_RATE // 2
"""How much of the past a converter hears before its first word, so that it knows the speaker's pitch: 1.5 s."""

_LEAD: Final = SAMPLE_RATE // 2
"""How long before its first word it begins to work: 0.5 s."""

_CATCH_UP: Final = 6
"""While it hears the past, a converter takes this many times what the stream brings: 1 s is heard within 0.2 s, and
no block takes much longer than it would anyway."""

_RUSH: Final = SAMPLE_RATE // 4
"""What it hears of the past if it has to speak at once: more would make that block late."""

_HEARD: Final = 0.003
"""Peak from which on a block is somebody speaking: -50 dB. Pauses say nothing of a converter."""

_PATIENCE: Final = 30
"""Failures in a row after which a converter is tried once a second only."""


class VoicePipeline:
    """Converts a stream of `MicBlock`s of any sizes: one block out for one block in, of the same length.

    The delay is constant: every persona is delayed to the slowest one that was given (`latency`), so a switch
    neither repeats nor skips a sound. Not thread-safe: `process` and `switch` belong to one thread.
    """

    def __init__(self, voices: Sequence[PreparedVoice], stats: Stats | None = None, latency: int = 0) -> None:
        """`voices`: every persona that may be switched to; the first one speaks. `latency`: at least this many
        samples of delay, for personas that may come later."""
        if not voices:
            raise PipelineError("A voice pipeline needs at least one persona.")
        self.stats = stats if stats is not None else Stats()
        self.latency = max(latency, *(voice.latency for voice in voices))
        """Constant delay in samples; already taken off from `captured_ns` and `index` of what comes out."""
        self.news: deque[tuple[str, bool]] = deque(maxlen=4)
        """Sentences for the user, and whether it is a problem that goes on: why there has been silence for a second
        although somebody speaks, and that it is over. May be emptied by another thread."""
        self._trouble = Trouble()
        self._past = np.zeros(0, np.float32)
        self._cast = [_Speaker(voices[0], self.latency, None)]
        self._expected: int | None = None  # index of the next block if nothing is lost

    @property
    def persona(self) -> str:
        """Name of the persona that speaks, or is about to."""
        return self._cast[-1].name

    @property
    def pitch(self) -> tuple[float, float] | None:
        """f0 of the one who speaks in Hz, as it comes and as it goes out; None if unvoiced or unknown. May be asked
        from another thread."""
        return self._cast[0].pitch()

    def switch(self, voice: PreparedVoice, at_ns: int | None = None) -> None:
        """`voice` speaks everything captured at or after `at_ns`, exact to the sample; None, or a moment whose sound
        has gone out already: from the next block on. Takes the place of earlier calls whose moment is not before it.

        Raises `PipelineError` if the persona's converter is slower than `latency`.
        """
        if voice.latency > self.latency:
            raise PipelineError(
                f"The voice of '{voice.name}' is {voice.latency - self.latency} samples slower than this stream allows;"
                " name the persona when the program starts."
            )
        kept = [one for one in self._cast[1:] if one.begun or (at_ns is not None and (one.at_ns or 0) < at_ns)]
        self._cast = [self._cast[0], *kept, _Speaker(voice, self.latency, at_ns)]

    def process(self, mic: MicBlock) -> PersonaBlock:
        """The persona's voice for one block. Never raises for what a converter does: silence stands in."""
        mic = self._clean(mic)
        if self._expected is not None and mic.index != self._expected:
            self.stats.events["gaps"] += 1
        self._expected = mic.index + mic.samples.size
        first, count = mic.index - self.latency, mic.samples.size  # the output's first sample answers to input `first`
        with self.stats.timed("voice"):
            self._schedule(mic, first, count)
            parts = []
            for place, speaker in enumerate(self._cast):
                if place and not speaker.awake:
                    if speaker.start - self._expected >= _LEAD:
                        break  # neither its turn nor that of those behind it
                    speaker.wake(self._past, mic.index)
                block = speaker.speak(mic, self.stats)
                weight = self._weight(place, first, count)
                if block is not None and weight is not None:
                    parts.append((block, weight))
            out = parts[0][0] if len(parts) == 1 and np.ndim(parts[0][1]) == 0 else mix(parts)
        self._past = np.concatenate((self._past, mic.samples))[-_PAST:]
        while len(self._cast) > 1 and self._cast[1].begun and self._cast[1].start + CROSSFADE <= first + count:
            self._cast.pop(0)
        self.stats.origins[out.origin] += count
        self._report(mic)
        return out

    def forget(self) -> None:
        """Nothing that was heard until now is heard any more: not what is under way in a converter, nor what one would
        be told of the past. Whoever is about to speak, speaks. For the end of a rest; it sounds like a beginning."""
        waiting = [speaker for speaker in self._cast[1:] if not speaker.begun]
        self._cast = [self._cast[-1 - len(waiting)], *waiting]
        self._past = self._past[:0]
        self._expected = None
        for speaker in self._cast:
            speaker.forget()

    def _report(self, mic: MicBlock) -> None:
        """Notes whether there was a voice where somebody spoke, of the one who has the word."""
        speaker = self._cast[0]
        good: bool | None = not speaker.failure
        if good and float(np.abs(mic.samples).max(initial=0.0)) < _HEARD:
            good = None
        turn = self._trouble.note(good, mic.captured_ns)
        if turn is not None:
            text = f"is silent, because {speaker.failure}; choose another persona." if turn else "is heard again."
            self.news.append((f"'{speaker.name}' {text}", turn))

    def _clean(self, mic: MicBlock) -> MicBlock:
        """Sources see to it that all samples are numbers; a source that does not must not poison a converter."""
        if np.isfinite(mic.samples).all():
            return mic
        self.stats.events["bad_samples"] += int((~np.isfinite(mic.samples)).sum())
        return MicBlock(np.nan_to_num(mic.samples, nan=0.0, posinf=0.0, neginf=0.0), mic.captured_ns, mic.index)

    def _schedule(self, mic: MicBlock, first: int, count: int) -> None:
        """Turns the moments of coming switches into sample numbers, as exactly as the newest block tells."""
        floor = self._cast[0].start
        for speaker in self._cast[1:]:
            if not speaker.begun:
                at = -math.inf if speaker.at_ns is None else (speaker.at_ns - mic.captured_ns) * (SAMPLE_RATE / 1e9)
                # 0.01 sample: capture times are whole ns, the sample *at* the moment must not round to the one after.
                speaker.start = max(first, floor, mic.index + math.ceil(at - 0.01) if at > -math.inf else first)
                speaker.begun = speaker.start < first + count
            floor = speaker.start

    def _weight(self, place: int, first: int, count: int) -> NDArray[np.float32] | float | None:
        """How loud the speaker at `place` is in output samples first … first + count; None: not at all."""
        if place and not self._cast[place].begun:
            return None
        weight: NDArray[np.float32] | None = None
        if place and self._cast[place].start + CROSSFADE > first:
            weight = np.sin(_ramp(first - self._cast[place].start, count))
        if place + 1 < len(self._cast) and self._cast[place + 1].begun:
            fading = np.cos(_ramp(first - self._cast[place + 1].start, count))
            weight = fading if weight is None else weight * fading
        return 1.0 if weight is None else weight


class _Speaker:
    """One persona's part in the stream: its converter's state, its guard, and what it has yet to hear."""

    def __init__(self, voice: PreparedVoice, latency: int, at_ns: int | None) -> None:
        self.name, self.at_ns = voice.name, at_ns
        self.start = -(1 << 62)  # first input sample that it answers to; may still move until `begun`
        self.begun = False
        self.awake = False
        self._voice = voice
        self._state: Any = None  # made when it is first needed
        self._guard = AudioGuard(voice.name, latency, voice.reveals, voice.latency)
        self._delay = np.zeros(latency - voice.latency, np.float32)  # stands before the converter
        self._backlog = np.zeros(0, np.float32)
        self.failure = ""
        """Why its last block was silence, "" if it was not."""
        self._latency = latency
        self._failures = 0
        self._pause = 0  # samples until a failing converter is tried again

    def wake(self, past: NDArray[np.float32], index: int) -> None:
        """Hands over the past, of which `index` would be the next sample. It hears it from one and the same sample
        on whatever the size of blocks, so that its words do not depend on that."""
        self.awake = True
        wanted = index - (self.start - _PAST)
        self._backlog = past[max(0, past.size - wanted) :] if wanted > 0 else past[:0]

    def forget(self) -> None:
        """Everything that it has heard, and the last samples that it said."""
        self._state = None
        self._guard = AudioGuard(self.name, self._latency, self._voice.reveals, self._voice.latency)
        self._delay = np.zeros_like(self._delay)
        self._backlog = self._backlog[:0]

    def pitch(self) -> tuple[float, float] | None:
        """See `VoicePipeline.pitch`; a meter that fails is none."""
        state = self._state
        try:
            return self._voice.converter.pitch(state) if state is not None else None
        except Exception:
            return None

    def speak(self, mic: MicBlock, stats: Stats) -> PersonaBlock | None:
        """The block that answers to `mic`, or None while there is still something of the past to hear."""
        if self._backlog.size:
            self._catch_up(mic, stats)
            if self._backlog.size:
                self._backlog = np.concatenate((self._backlog, mic.samples))
                return None
        return self._convert(mic, stats)

    def _catch_up(self, mic: MicBlock, stats: Stats) -> None:
        if self.begun:
            self._backlog = self._backlog[-_RUSH:]
        take = self._backlog.size if self.begun else mic.samples.size * _CATCH_UP
        heard, self._backlog = self._backlog[:take], self._backlog[take:]
        self._convert(MicBlock(heard, mic.captured_ns, mic.index), stats)  # its result is nobody's to hear

    def _convert(self, mic: MicBlock, stats: Stats) -> PersonaBlock:
        line = np.concatenate((self._delay, mic.samples))
        fed, self._delay = line[: mic.samples.size].copy(), line[mic.samples.size :]
        result: object = None
        if self._pause > 0:
            self._pause -= mic.samples.size
            return self._guard.stand_in(mic, fed)
        try:
            if self._state is None:
                self._state = self._voice.converter.new_state()
            result = self._voice.converter.process(self._state, fed)
            self._failures = 0
        except Exception as error:  # whatever a plug-in raises, the stream goes on in silence
            self.failure = f"its converter fails ({type(error).__name__})"
            stats.events["converter_errors"] += 1
            self._failures += 1
            if self._failures >= _PATIENCE:
                self._pause = SAMPLE_RATE
            self._state = None  # it may be anything now; a new one first has to hear as much as its delay is long
            return self._guard.stand_in(mic, fed)
        before = self._guard.leaks, self._guard.rejected
        block = self._guard.admit(result, mic, self._voice.converter.reveals, fed)
        stats.events["leaks"] += self._guard.leaks - before[0]
        stats.events["rejected"] += self._guard.rejected - before[1]
        self.failure = f"the guard has refused {self._guard.reason}" if self._guard.reason else ""
        return block


def _ramp(begin: int, count: int) -> NDArray[np.float32]:
    """Angle of the equal-power crossfade, 0 to pi/2, for `count` samples from `begin` samples after its start."""
    at = (np.arange(begin, begin + count, dtype=np.float32) + np.float32(0.5)) / CROSSFADE
    return np.asarray(np.clip(at, 0, 1) * np.float32(np.pi / 2), np.float32)
