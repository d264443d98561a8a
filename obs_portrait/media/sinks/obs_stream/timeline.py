"""Which stamps make OBS show and play at once what it is given, for hours.

How OBS (28 to 31) plays a network stream, as far as it matters here:

* Its player shows a frame when the time since the first one equals the difference of their stamps. A frame that is
  late by that measure is shown at once; one that is early waits. Whatever delays the very first frame (connecting,
  probing) therefore delays all others for ever.
* Behind the player a second clock, which runs only in video ticks that find a frame, drops late frames in favour of
  newer ones and holds early ones. Each tick that finds none sets it back by a tick.
* Player and mixer wait for both streams: a frame is passed on when the next sound has come, and the other way round.
* The mixer places sound by the stamp of the picture that is shown, and makes *everything* in OBS later, until it is
  closed, when sound comes too late for its place ("adding … milliseconds of audio buffering").

So: the stream begins in slow motion. For `slow_s` the stamps of pictures grow at `slow_rate` of real time, which makes
everything after it late by the player's measure, by `slow_s * (1 - slow_rate)` less the time that OBS took to begin;
sound is announced at the start, with stamps where the slow motion will end, and flows from there on. After that stamps
and real time go at one pace (no drift, whatever the hours). Pictures are repeated so that no tick finds none
(`server`), and their stamps stay `behind_s` behind those of the sound, so that a picture never waits for sound.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Timeline"]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Stamps of one connection that began at `start_ns` (monotonic clock). All methods are pure."""

    start_ns: int
    slow_s: float = 1.0
    slow_rate: float = 0.1
    behind_s: float = 0.015

    def at(self, now_ns: int) -> float:
        """Stream time in s."""
        passed = (now_ns - self.start_ns) / 1e9
        if passed <= self.slow_s:
            return passed * self.slow_rate
        return self.slow_s * self.slow_rate + passed - self.slow_s

    def picture(self, now_ns: int) -> float:
        """Stamp in s of a picture that is sent now; never below 0."""
        return max(0.0, self.at(now_ns) - self.behind_s)

    @property
    def sound_begins_ns(self) -> int:
        """Real time from which on sound flows."""
        return self.start_ns + round(self.slow_s * 1e9)

    @property
    def first_sound(self) -> float:
        """Stamp in s of the first sound."""
        return self.slow_s * self.slow_rate
