"""A/V alignment: which path waits for the other, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Aligner", "Alignment"]


@dataclass(frozen=True, slots=True)
class Alignment:
    """How long each path waits, in ns. At least one of the two is 0: only the earlier path is delayed."""

    audio_delay_ns: int = 0
    video_delay_ns: int = 0


class Aligner:
    """Watches the latencies of both paths and says when a delay has to move.

    Latencies are smoothed; a delay moves only when the error has been larger than `tolerance_ns` on `patience`
    updates in a row, and then to the smoothed value at once. So jitter never makes the voice wander, and a real
    change (another persona, a slower engine) is followed within a second or so.
    """

    def __init__(
        self,
        tolerance_ns: int = 12_000_000,
        patience: int = 8,
        smoothing: float = 0.15,
        most_ns: int = 900_000_000,
    ) -> None:
        self.tolerance_ns, self.patience, self.smoothing, self.most_ns = tolerance_ns, patience, smoothing, most_ns
        self.now = Alignment()
        self._lead: float | None = None
        self._strikes = 0

    def update(self, video_ns: int, audio_ns: int) -> Alignment:
        """Takes the latencies capture -> sink of both paths *without* the delays that we add (ns), at a steady rate
        of a few times a second, and returns the alignment that holds from now on."""
        lead = float(video_ns - audio_ns)
        self._lead = lead if self._lead is None else self._lead + self.smoothing * (lead - self._lead)
        error = self._lead - (self.now.audio_delay_ns - self.now.video_delay_ns)
        self._strikes = self._strikes + 1 if abs(error) > self.tolerance_ns else 0
        if self._strikes >= self.patience:
            self._strikes = 0
            wait = min(abs(round(self._lead)), self.most_ns)
            self.now = Alignment(wait, 0) if self._lead > 0 else Alignment(0, wait)
        return self.now

    def forget(self) -> None:
        """A path was restarted: keep the delays, measure anew."""
        self._lead, self._strikes = None, 0
