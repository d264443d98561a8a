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

So: the stream begins in slow motion. Until OBS has taken pictures steadily for `slow_s`, their stamps creep towards
`sound_at` and never reach it, which makes everything after it late by the player's measure, by nearly as long as the
slow motion lasted after OBS began to play. Sound is announced at the very start, with the stamp `sound_at`, and flows
from the end of the slow motion on. From then on stamps and real time go at one pace (no drift, whatever the hours).
Pictures are repeated so that no tick finds none (`server`), and their stamps stay `behind_s` behind those of the
sound, so that a picture never waits for sound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

__all__ = ["Timeline"]

_CREEP_S = 0.5


@dataclass(frozen=True, slots=True)
class Timeline:
    """Stamps of one connection that began at `start_ns` (monotonic clock). All methods are pure.

    ends_ns: when the slow motion ended; None while it lasts (`dataclasses.replace` ends it).
    """

    start_ns: int
    ends_ns: int | None = None
    sound_at: float = 0.1
    behind_s: float = 0.015

    def at(self, now_ns: int) -> float:
        """Stream time in s."""
        if self.ends_ns is not None and now_ns >= self.ends_ns:
            return self.sound_at + (now_ns - self.ends_ns) / 1e9
        return self.sound_at * (1.0 - math.exp(-(now_ns - self.start_ns) / 1e9 / _CREEP_S))

    def picture(self, now_ns: int) -> float:
        """Stamp in s of a picture that is sent now; never below 0."""
        return max(0.0, self.at(now_ns) - self.behind_s)

    def stopped(self, for_ns: int) -> Timeline:
        """The same with a standstill: what was to come comes `for_ns` later. Stamps that were given already are the
        future of the new one; whoever gives them must not let them fall."""
        return self if self.ends_ns is None else replace(self, ends_ns=self.ends_ns + for_ns)
