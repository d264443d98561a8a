"""A session's status in the words and units of the control API."""

from __future__ import annotations

import math
from collections.abc import Sequence

from daemon.control.stage import Hint, Status, Voice
from obs_portrait.pipeline.live.status import LiveStatus

__all__ = ["hint", "tell"]


def tell(live: LiveStatus, more_problems: Sequence[str] = ()) -> Status:
    """What the session knows; `more_problems` are the daemon's own, which come after the session's."""
    video, audio = live.video, live.audio
    problems = [*live.problems, *more_problems]
    return {
        "running": live.running,
        "state": live.state,
        "persona": live.persona,
        "panic": live.panic,
        "off": live.rests,
        "face_on": live.face_on,
        "voice_on": live.voice_on,
        "reveals": live.reveals,
        "prepared": list(live.prepared),
        "fps": round(live.fps, 1),
        "latency": {
            "picture_ms": _known(video.latency_ms),
            "voice_ms": _known(audio.latency_ms) if audio is not None else None,
            "skew_ms": round(live.skew_ms, 1) if live.skew_ms is not None else None,
        },
        "stage_ms": {
            "track": round(video.cells.get("track_ns", 0) / 1e6, 1),
            "render": round(video.cells.get("render_ns", 0) / 1e6, 1),
        },
        "voice": _voice(live),
        "quality": {"score": live.quality[0], "advice": live.quality[1]} if live.quality is not None else None,
        "dropped": video.cells.get("frames_dropped", 0),
        "late_blocks": audio.cells.get("late", 0) if audio is not None else 0,
        "blocks": audio.cells.get("blocks", 0) if audio is not None else 0,
        "blocks_over_60_ms": audio.cells.get("over_60_ms", 0) if audio is not None else 0,
        "restarts": video.restarts + (audio.restarts if audio is not None else 0),
        "problems": problems,
        "hints": [hint(text) for text in problems],
        "reference": {"current": live.reference[0], "best": live.reference[1]} if live.reference else None,
    }


def hint(problem: str) -> Hint:
    """Our sentences say what happened and where; what to do comes after a semicolon."""
    text, semicolon, fix = problem.partition("; ")
    return {"text": f"{text}." if semicolon else problem, "fix": fix[:1].upper() + fix[1:] if fix else None}


def _known(ms: float) -> float | None:
    return round(ms, 1) if ms else None


def _voice(live: LiveStatus) -> Voice | None:
    """Levels in dB of full scale, None for silence; f0 in Hz, None where the sound has none or nobody knows."""
    if live.audio is None or live.rests:
        return None
    cells = live.audio.cells
    return {
        "in_db": _db(cells.get("level_in_milli", 0)),
        "out_db": _db(cells.get("level_milli", 0)),
        "pitch_hz": cells.get("pitch_in_dhz", 0) / 10 or None,
        "pitch_out_hz": cells.get("pitch_out_dhz", 0) / 10 or None,
    }


def _db(milli: int) -> float | None:
    return round(20 * math.log10(milli / 1000), 1) if milli > 0 else None
