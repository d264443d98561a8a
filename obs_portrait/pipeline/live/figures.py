"""What the two media processes count and measure, as the cells of their boards (`options.VIDEO_CELLS`, …)."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from obs_portrait.clock import now_ns
from obs_portrait.media.types import SAMPLE_RATE, MicBlock, Origin, PersonaBlock
from obs_portrait.pipeline.live.status import STATES

if TYPE_CHECKING:
    from obs_portrait.pipeline.live.ear import Ear
    from obs_portrait.pipeline.live.feed import Feed
    from obs_portrait.pipeline.live.outlets import Outlets
    from obs_portrait.pipeline.live.pacer import Pacer
    from obs_portrait.pipeline.live.performer import Performer
    from obs_portrait.pipeline.stats import Stats
    from obs_portrait.pipeline.voice_pipeline import VoicePipeline

__all__ = ["AudioFigures", "VideoFigures"]

_ENOUGH: Final = 15
"""Frames before a median is told: the first ones of a show say nothing about the rest."""
_RECENT_NS: Final = 2_000_000_000
_BLOCK_NS: Final = 10_000_000
_LATE_NS: Final = 60_000_000
_FALLS: Final = 0.98
"""How fast a meter's peak falls, a block."""
_STATE: Final = {
    Origin.ENGINE: STATES.index("live"),
    Origin.HOLD: STATES.index("hold"),
    Origin.PORTRAIT: STATES.index("portrait"),
    Origin.CARD: STATES.index("card"),
    Origin.REVEAL: STATES.index("revealed"),
}


class VideoFigures:
    """Belongs to the pacer's thread; `lines` may be asked from any. dropped(): camera frames that were left out."""

    def __init__(
        self, stats: Stats, pacer: Pacer, performer: Performer, feed: Feed, dropped: Callable[[], int]
    ) -> None:
        self._stats, self._pacer, self._performer = stats, pacer, performer
        self._feed, self._dropped = feed, dropped
        self._latencies: deque[int] = deque(maxlen=60)
        self._fresh: deque[int] = deque(maxlen=60)

    def shown(self, latency_ns: int) -> None:
        """A new frame of the engine has been written, so long after its capture."""
        self._latencies.append(latency_ns)
        self._stats.latency.add(latency_ns)
        self._fresh.append(now_ns())

    def cells(self, persona: int) -> dict[str, int]:
        """persona: index of the one on stage."""
        stats, pacer, now = self._stats, self._pacer, now_ns()
        ordered = sorted(self._latencies.copy())
        recent = [at for at in self._fresh.copy() if now - at < _RECENT_NS]
        fps = (len(recent) - 1) * 1e12 / (recent[-1] - recent[0]) if len(recent) > 2 else 0.0
        return {
            "source_ok": int(self._feed.ok),
            "frames_in": self._performer.processed,
            "frames_dropped": self._dropped(),
            "frames_out": pacer.written,
            "from_engine": pacer.origins[Origin.ENGINE],
            "held": pacer.origins[Origin.HOLD],
            "portraits": pacer.origins[Origin.PORTRAIT],
            "cards": pacer.origins[Origin.CARD],
            "revealed": pacer.origins[Origin.REVEAL],
            "lost_faces": stats.events["no_face"],
            "errors": stats.events["engine_errors"] + stats.events["tracker_errors"],
            "late": pacer.repeated,
            "fps_milli": round(fps),
            "latency_ns": round(statistics.median(ordered)) if len(ordered) >= _ENOUGH else 0,
            "latency_p95_ns": ordered[int(len(ordered) * 0.95)] if ordered else 0,
            "track_ns": _median_ns(stats, "track"),
            "render_ns": _median_ns(stats, "render"),
            "persona": persona,
            "state": _STATE[pacer.state] if pacer.state is not None else 0,
            "refused": pacer.refused,
            "leaks": stats.events["leaks"],
            "players": sum(getattr(sink, "clients", 0) for sink in pacer.sinks),
        }

    def lines(self) -> list[str]:
        """For the preview."""
        cells = self.cells(0)
        return [
            f"{cells['fps_milli'] / 1000:.1f} fps, capture to sink {cells['latency_ns'] / 1e6:.0f} ms",
            f"tracker {cells['track_ns'] / 1e6:.1f} ms, engine {cells['render_ns'] / 1e6:.1f} ms",
            f"dropped {cells['frames_dropped']}, without a face {cells['lost_faces']}, errors {cells['errors']}",
        ]


class AudioFigures:
    """`written` is for the audio's thread, `cells` for the main one."""

    def __init__(self, pipeline: VoicePipeline) -> None:
        self._pipeline = pipeline
        self._latencies = [0] * 200  # a ring; a deque must not be read while another thread appends
        self._silent = self._late = self._over = 0
        self._best_ns = 1 << 62
        self._peak = self._peak_in = 0.0
        self.blocks = 0
        self.priority = 0
        self.heard_ns = 0
        """Capture time of the newest block that left."""

    def written(self, block: MicBlock, out: PersonaBlock, wait_ns: int, adds_ns: int) -> None:
        """What became of `block` after it waited so long for the picture has left; the sinks add so much."""
        now = now_ns()
        self.blocks += 1
        self._silent += out.origin is Origin.SILENCE
        since = now - block.captured_ns
        self._best_ns = min(self._best_ns, since)
        self._late += since > self._best_ns + _BLOCK_NS
        made_ns = now - out.captured_ns - wait_ns
        self._over += made_ns > _LATE_NS
        self._latencies[self.blocks % 200] = made_ns + adds_ns
        self._pipeline.stats.latency.add(made_ns + adds_ns)
        self._peak = max(self._peak * _FALLS, float(abs(out.samples).max(initial=0.0)))
        self._peak_in = max(self._peak_in * _FALLS, float(abs(block.samples).max(initial=0.0)))
        self.heard_ns = out.captured_ns

    def cells(self, persona: int, ear: Ear, outlets: Outlets, delay: int) -> dict[str, int]:
        """persona: index of the one on stage. delay: samples that the voice waits for the picture."""
        stats = self._pipeline.stats
        voice, pitch = stats.stages.get("voice"), self._pipeline.pitch or (0.0, 0.0)
        ordered = sorted(ns for ns in self._latencies if ns)
        return {
            "source_ok": int(ear.ok),
            "blocks": self.blocks,
            "silent_blocks": self._silent,
            "late": self._late,
            "over_60_ms": self._over,
            "skipped": ear.skipped,
            "errors": stats.events["converter_errors"],
            "underruns": sum(getattr(sink, "underruns", 0) for sink in outlets.sinks),
            "unheard": sum(getattr(sink, "dropped", 0) for sink in outlets.sinks),
            "latency_ns": ordered[len(ordered) // 2] if ordered else 0,
            "latency_p95_ns": ordered[int(len(ordered) * 0.95)] if ordered else 0,
            "process_p50_ns": round(voice.percentile(50)) if voice else 0,
            "process_p99_ns": round(voice.percentile(99)) if voice else 0,
            "process_max_ns": voice.largest if voice else 0,
            "delay_ns": delay * 1_000_000_000 // SAMPLE_RATE,
            "persona": persona,
            "priority": self.priority,
            "level_milli": round(self._peak * 1000),
            "level_in_milli": round(min(self._peak_in, 1000.0) * 1000),
            "pitch_in_dhz": round(10 * pitch[0]),
            "pitch_out_dhz": round(10 * pitch[1]),
            "refused": outlets.refused,
            "leaks": stats.events["leaks"],
        }


def _median_ns(stats: Any, stage: str) -> int:
    return round(stats.stages[stage].percentile(50)) if stage in stats.stages else 0
