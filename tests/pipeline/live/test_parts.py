"""The small pure parts of the live pipeline: board, restart policy, ticker, delay line, alignment."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_portrait.pipeline.live.align import Aligner, Alignment
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.delay import DelayLine
from obs_portrait.pipeline.live.policy import Backoff, RestartPolicy
from obs_portrait.pipeline.live.ticker import Ticker

MS = 1_000_000


# ---- board -----------------------------------------------------------------------------------------------------------


def _write_pairs(board: Board) -> None:
    value = 0
    while True:
        value += 1
        board.publish({"a": value, "b": -value})


def test_a_board_is_never_torn_and_survives_a_writer_killed_in_the_middle() -> None:
    board = Board("a", "b")
    writer = multiprocessing.get_context("spawn").Process(target=_write_pairs, args=(board,), daemon=True)
    writer.start()
    try:
        seen: set[int] = set()
        while len(seen) < 50:
            values = board.snapshot()
            assert values["a"] == -values["b"]
            seen.add(values["a"])
    finally:
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
    values = board.snapshot()  # whatever the writer was doing: at once, and whole
    assert values["a"] == -values["b"]
    board.clear()
    assert board.snapshot() == {"a": 0, "b": 0}
    board.publish({"a": 3})
    assert board.snapshot() == {"a": 3, "b": 0}


def test_a_reader_of_a_writer_that_died_inside_gets_the_last_whole_snapshot() -> None:
    board = Board("a")
    board.publish({"a": 1})
    assert board.snapshot() == {"a": 1}
    board._cells[0] |= 1  # what SIGKILL inside `publish` leaves behind
    board.set("a", 2)
    assert board.snapshot() == {"a": 1}


def test_cells_have_different_names() -> None:
    with pytest.raises(ValueError, match="different"):
        Board("a", "a")


# ---- policy ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0.0, 30.0), min_size=1, max_size=60), st.integers(1, 6))
def test_restarts_never_exceed_the_limit_within_the_window(gaps: list[float], most: int) -> None:
    policy = RestartPolicy(most=most, window=60.0)
    now, granted = 0.0, []
    for gap in gaps:
        now += gap
        pause = policy.died(now)
        if pause is not None:
            assert 0 < pause <= 5.0
            granted.append(now)
    for start in granted:
        assert sum(start <= moment <= start + 60.0 for moment in granted) <= most


def test_a_process_that_dies_rarely_is_always_started_again() -> None:
    policy = RestartPolicy(most=1, window=60.0)
    assert all(policy.died(61.0 * n) is not None for n in range(20))


def test_backoff_doubles_to_its_limit_and_starts_anew_after_success() -> None:
    backoff = Backoff(first=0.2, limit=1.0)
    assert [backoff.failed() for _ in range(5)] == [0.2, 0.4, 0.8, 1.0, 1.0]
    backoff.succeeded()
    assert backoff.failed() == 0.2


# ---- ticker ----------------------------------------------------------------------------------------------------------


def _play(arrivals: list[int], period: int, until: int) -> list[tuple[int, int | None]]:
    """The pacer's loop on a simulated clock: (time of the write, arrival that it took)."""
    ticker, now, writes = Ticker(period, 0), 0, []
    waiting = sorted(arrivals)
    while now < until:
        now = max(now, ticker.earliest)
        fresh = max((a for a in waiting if a <= now), default=None)  # the newest of those that wait
        if fresh is None:
            fresh = next((a for a in waiting if a < ticker.due), None)
            now = max(now, ticker.due) if fresh is None else fresh
        waiting = [a for a in waiting if a > now]
        ticker.wrote(now, fresh is not None)
        writes.append((now, fresh))
    return writes


@given(st.integers(5, 60), st.lists(st.integers(0, 3_000), max_size=100))
def test_the_ticker_keeps_the_rate_whatever_arrives(rate: int, arrivals: list[int]) -> None:
    period = 1_000 * MS // rate
    writes = _play(sorted({a * MS for a in arrivals}), period, 3_000 * MS)
    times = [time for time, _ in writes]
    assert all(b - a >= period * 0.44 for a, b in itertools.pairwise(times))
    assert all(b - a <= period * 1.6 for a, b in itertools.pairwise(times))
    assert 0.9 <= len(writes) / (3 * rate) <= 1.12


@given(st.integers(0, 32), st.lists(st.integers(-3, 3), min_size=120, max_size=120))
@settings(deadline=None)
def test_the_ticker_locks_onto_a_steady_engine_at_the_same_rate(phase: int, jitter: list[int]) -> None:
    period = 33 * MS
    arrivals = [phase * MS + n * period + jitter[n] * MS for n in range(120)]
    writes = _play([a for a in arrivals if a >= 0], period, 110 * period)
    waits = [time - fresh for time, fresh in writes[60:] if fresh is not None]
    assert len(waits) >= 48
    assert max(waits) == 0


def test_a_stalled_pacer_goes_on_without_a_burst() -> None:
    ticker = Ticker(33 * MS, 0)
    ticker.wrote(10_000 * MS, fresh=False)
    assert ticker.due == 10_033 * MS


# ---- delay line ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 3_000), st.lists(st.integers(1, 2_000), min_size=1, max_size=12), st.data())
@settings(deadline=None)
def test_the_delay_line_is_exact_and_does_not_care_about_block_sizes(
    delay: int, sizes: list[int], data: st.DataObject
) -> None:
    line = DelayLine(3_000, fade=64)
    line.aim(delay)
    line.process(np.zeros(64 + 1, np.float32))  # let the fade to the delay pass
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    signal_in = rng.standard_normal(sum(sizes)).astype(np.float32)
    out = np.concatenate([line.process(part) for part in np.split(signal_in, np.cumsum(sizes)[:-1])])
    np.testing.assert_array_equal(out, np.concatenate([np.zeros(delay, np.float32), signal_in])[: out.size])


@given(st.lists(st.tuples(st.integers(0, 9_000), st.integers(1, 4_000)), min_size=1, max_size=8))
@settings(deadline=None)
def test_moving_the_delay_never_clicks(moves: list[tuple[int, int]]) -> None:
    line = DelayLine(9_000, fade=960)
    time = np.arange(60_000) / 48_000
    tone = np.sin(2 * np.pi * 100 * time).astype(np.float32)
    at, out = 0, []
    for delay, length in moves:
        line.aim(delay)
        out.append(line.process(tone[at : at + length]))
        at += length
    sound = np.concatenate(out)
    steepest = 2 * np.pi * 100 / 48_000
    assert np.all(np.abs(sound) <= 1.0 + 1e-6)
    assert np.all(np.abs(np.diff(sound)) <= steepest + 2.0 / 960 + 1e-4)


def test_a_delay_that_the_line_cannot_hold_is_clipped() -> None:
    line = DelayLine(10, fade=1)
    line.aim(99)
    line.process(np.zeros(2, np.float32))
    assert line.delay == 10


# ---- alignment -------------------------------------------------------------------------------------------------------


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 5))
def test_only_the_earlier_path_is_delayed_and_the_skew_ends_small(video: int, audio: int, jitter: int) -> None:
    aligner = Aligner()
    rng = np.random.default_rng(jitter)
    for _ in range(300):
        noise = rng.integers(-jitter, jitter + 1, 2)
        now = aligner.update((video + int(noise[0])) * MS, (audio + int(noise[1])) * MS)
        assert min(now.audio_delay_ns, now.video_delay_ns) == 0
    skew = (audio + now.audio_delay_ns / MS) - (video + now.video_delay_ns / MS)
    assert abs(skew) <= 12 + 2 * jitter


def test_jitter_never_moves_a_delay_and_a_real_change_does() -> None:
    aligner = Aligner()
    for _ in range(50):
        aligner.update(60 * MS, 30 * MS)
    settled = aligner.now
    assert settled == Alignment(30 * MS, 0)
    rng = np.random.default_rng(0)
    for _ in range(500):
        aligner.update((60 + int(rng.integers(-25, 26))) * MS, 30 * MS)
    assert aligner.now == settled
    for _ in range(60):
        aligner.update(130 * MS, 30 * MS)
    assert abs(aligner.now.audio_delay_ns - 100 * MS) <= 12 * MS
