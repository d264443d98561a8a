"""The policy that leaves room for a game: limits, and steps down and up."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.face.fomm.budget import Budget, Ladder, Step

MS = 1_000_000
SECOND = 1000 * MS


def passes(budget: Budget, times_ns: list[int], cost_ns: int) -> list[int]:
    """When passes were made for frames that came at these times."""
    made = []
    for now in times_ns:
        if budget.allows(now):
            budget.spent(now, now + cost_ns)
            made.append(now)
    return made


def test_without_limits_every_frame_is_drawn() -> None:
    times = [i * 7 * MS for i in range(100)]
    assert passes(Budget(), times, 50 * MS) == times


def test_max_fps_holds_in_the_mean_and_jitter_takes_nothing_away() -> None:
    jitter = [(i * 7919) % 9 - 4 for i in range(300)]
    at_thirty = [i * 1000 * MS // 30 + jitter[i] * MS for i in range(300)]
    assert len(passes(Budget(max_fps=30), at_thirty, MS)) >= 295
    at_sixty = [i * 1000 * MS // 60 for i in range(600)]  # ten seconds
    assert 295 <= len(passes(Budget(max_fps=30), at_sixty, MS)) <= 305
    assert 195 <= len(passes(Budget(max_fps=20), at_sixty, MS)) <= 205


@given(st.floats(1, 100), st.integers(1, 40), st.lists(st.integers(0, 200), min_size=50, max_size=200))
def test_max_fps_is_never_passed_for_long(limit: float, cost_ms: int, gaps_ms: list[int]) -> None:
    times = [sum(gaps_ms[:i]) * MS for i in range(len(gaps_ms))]
    made = passes(Budget(max_fps=limit), times, cost_ms * MS)
    assert len(made) <= (times[-1] - times[0]) / SECOND * limit * 1.15 + 2


def test_a_share_of_the_time() -> None:
    times = [i * 10 * MS for i in range(1000)]
    made = passes(Budget(share=0.25), times, 8 * MS)
    assert 0.2 < len(made) * 8 * MS / times[-1] <= 0.26


def test_pauses_are_not_made_up_for() -> None:
    budget = Budget(max_fps=10)
    passes(budget, [0], MS)
    burst = [60 * SECOND + i * MS for i in range(90)]
    assert len(passes(budget, burst, MS)) <= 2


def drive(ladder: Ladder, cost_ms: dict[Step, float], seconds: float, begin_s: float = 0.0) -> list[tuple[float, Step]]:
    """Frames at 25 fps; the steps that were taken and when."""
    taken = [(begin_s, ladder.step)]
    turn, now = 0, begin_s
    while now < begin_s + seconds:
        turn += 1
        skipped = ladder.step is Step.MESH or (ladder.step >= Step.EVERY_OTHER and turn % 2)
        step = ladder.note(0 if skipped else round(cost_ms[ladder.step] * MS), round(now * SECOND))
        if step is not taken[-1][1]:
            taken.append((now, step))
        now += 0.04
    return taken


def test_fast_enough_stays_at_its_best() -> None:
    assert drive(Ladder(10), dict.fromkeys(Step, 90), 600) == [(0, Step.FULL)]


def test_steps_down_one_by_one_until_it_is_fast_enough() -> None:
    slow = {Step.FULL: 150, Step.EVERY_OTHER: 150, Step.LOW_PRECISION: 60, Step.MESH: 0}
    taken = drive(Ladder(10), slow, 10)
    assert [step for _, step in taken] == [Step.FULL, Step.EVERY_OTHER]  # every other picture costs half
    slower = {Step.FULL: 400, Step.EVERY_OTHER: 400, Step.LOW_PRECISION: 300, Step.MESH: 0}
    taken = drive(Ladder(10), slower, 12)
    assert [step for _, step in taken] == [Step.FULL, Step.EVERY_OTHER, Step.LOW_PRECISION, Step.MESH]
    assert 6 <= taken[-1][0] <= 8


def test_a_single_slow_frame_changes_nothing() -> None:
    ladder = Ladder(10)
    for i in range(1000):
        assert ladder.note((2000 if i % 20 == 0 else 20) * MS, i * 40 * MS) is Step.FULL


def test_climbs_back_when_the_game_is_over() -> None:
    ladder = Ladder(10)
    drive(ladder, dict.fromkeys(Step, 500), 10)
    assert ladder.step is Step.MESH
    taken = drive(ladder, dict.fromkeys(Step, 20), 120, begin_s=10)
    assert taken[-1][1] is Step.FULL


def test_tries_ever_more_seldom_where_it_stays_slow() -> None:
    ladder = Ladder(10)
    taken = drive(ladder, dict.fromkeys(Step, 500), 3600)
    ups = [now for (_, before), (now, step) in pairwise(taken) if step < before]
    gaps = [round(later - earlier) for earlier, later in pairwise(ups)]
    assert ups
    assert gaps == sorted(gaps)
    assert 300 <= gaps[-1] <= 310


def test_only_the_steps_that_there_are() -> None:
    ladder = Ladder(10, (Step.FULL, Step.MESH))
    taken = drive(ladder, dict.fromkeys(Step, 500), 10)
    assert [step for _, step in taken] == [Step.FULL, Step.MESH]
    assert [step for _, step in drive(Ladder(10, (Step.FULL,)), dict.fromkeys(Step, 500), 30)] == [Step.FULL]
