"""A session's status in the words of the API."""

from __future__ import annotations

from daemon.telling import hint, tell
from obs_portrait.pipeline.live.status import LiveStatus, PathStatus
from obs_portrait.pipeline.live.supervisor import Phase


def _status(level_in: int, level_out: int, rests: bool = False) -> LiveStatus:
    video = PathStatus(Phase.RUNNING, 0, None, {"source_ok": 1, "track_ns": 10_000_000, "render_ns": 5_200_000})
    audio = PathStatus(Phase.RUNNING, 1, None, {"level_in_milli": level_in, "level_milli": level_out, "late": 3})
    return LiveStatus(True, "ada", ("ada",), video, audio, rests=rests)


def test_levels_are_in_db_of_full_scale_and_silence_is_none() -> None:
    assert tell(_status(1000, 100))["voice"] == {"in_db": 0.0, "out_db": -20.0, "pitch_hz": None, "pitch_out_hz": None}
    quiet = tell(_status(0, 0))["voice"]
    assert quiet is not None
    assert (quiet["in_db"], quiet["out_db"]) == (None, None)
    assert tell(_status(500, 500, rests=True))["voice"] is None


def test_stages_restarts_and_losses_are_told() -> None:
    told = tell(_status(1, 1))
    assert told["stage_ms"] == {"track": 10.0, "render": 5.2}
    assert (told["restarts"], told["late_blocks"]) == (1, 3)


def test_a_problem_is_split_into_what_and_what_to_do() -> None:
    assert hint("The camera is gone; plug it in.") == {"text": "The camera is gone.", "fix": "Plug it in."}
    assert hint("It is so.") == {"text": "It is so.", "fix": None}
