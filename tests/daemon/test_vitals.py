"""Figures over time, and the alarm that rings once when they drift and once when they are back."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.settings import AlarmSettings
from daemon.vitals import Alarm, Usage, Vitals
from obs_portrait.pipeline.live.status import STATES, LiveStatus, PathStatus
from obs_portrait.pipeline.live.supervisor import Phase


def _status(fps: float = 30.0, picture_ms: float = 40.0, skew_ms: float | None = 3.0, **more: Any) -> LiveStatus:
    cells = {
        "fps_milli": int(fps * 1000), "latency_ns": int(picture_ms * 1e6), "source_ok": 1,
        "state": STATES.index("live"), "frames_dropped": more.pop("dropped", 0),
    }  # fmt: skip
    sound = {"latency_ns": 41_000_000, "late": more.pop("late", 0)}
    return LiveStatus(
        True, "ada", ("ada",), PathStatus(Phase.RUNNING, 0, None, cells), PathStatus(Phase.RUNNING, 0, None, sound),
        skew_ms, **more,
    )  # fmt: skip


class _Watched:
    def __init__(self, **limits: float) -> None:
        self.now = _status()
        self.told: list[tuple[str, str, bool]] = []
        self.vitals = Vitals(
            lambda: self.now,
            lambda: [os.getpid()],
            lambda: AlarmSettings(**limits),
            lambda *note: self.told.append(note),
        )

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.vitals.step()


def test_a_drift_is_told_once_and_its_end_once() -> None:
    watched = _Watched()
    watched.steps(20)
    assert watched.told == []
    watched.now = _status(fps=8.0)
    watched.steps(14)
    assert watched.told == []  # one hiccup is no drift
    watched.steps(30)
    assert [(about, problem) for about, _, problem in watched.told] == [("drift: fps", True)]
    assert "8 frames a second" in watched.told[0][1]
    watched.now = _status()
    watched.steps(30)
    assert [problem for _, _, problem in watched.told] == [True, False]


@pytest.mark.parametrize(
    ("bad", "about"),
    [(_status(picture_ms=400), "drift: picture latency"), (_status(skew_ms=-150.0), "drift: skew")],
)
def test_latency_and_skew_have_alarms_too(bad: LiveStatus, about: str) -> None:
    watched = _Watched()
    watched.now = bad
    watched.steps(20)
    assert [note[0] for note in watched.told] == [about]


def test_at_rest_a_third_of_the_looks_is_enough_and_its_end_is_seen_at_once() -> None:
    looks: list[float | None] = []
    resting = True
    vitals = Vitals(
        _status, lambda: [os.getpid()], AlarmSettings, lambda *note: None,
        lambda: looks.append(vitals.history()["series"]["fps"][-1]), rests=lambda: resting,
    )  # fmt: skip
    for _ in range(9):
        vitals.step()
    assert len(looks) == 3
    assert [len(series) for series in vitals.history()["series"].values()] == [9] * 10
    resting = False
    vitals.step()
    assert len(looks) == 4


@pytest.mark.parametrize("quiet", [{"rests": True}, {"face_on": False}, {"panic": True}])
def test_nobody_is_alarmed_by_what_was_switched_off(quiet: dict[str, bool]) -> None:
    watched = _Watched()
    watched.now = _status(fps=0.0, skew_ms=None, **quiet)
    watched.steps(40)
    assert watched.told == []


def test_an_alarm_of_0_is_off() -> None:
    watched = _Watched(least_fps=0.0, most_latency_ms=0.0, most_skew_ms=0.0)
    watched.now = _status(fps=1.0, picture_ms=4000.0, skew_ms=900.0)
    watched.steps(40)
    assert watched.told == []


def test_memory_that_grows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = _Watched(memory_growth_mb=50.0)
    used = [100.0]
    monkeypatch.setattr(Usage, "measure", lambda self, pids: (1.0, used[0]))
    watched.steps(70)
    used[0] = 140.0
    watched.steps(30)
    assert watched.told == []
    used[0] = 160.0
    watched.steps(30)
    assert [note[0] for note in watched.told] == ["drift: memory"]
    assert "60 MB" in watched.told[0][1]


def test_history_holds_three_minutes_and_counts_are_of_each_step() -> None:
    watched = _Watched()
    for n in range(200):
        watched.now = _status(dropped=2 * n, late=n)
        watched.vitals.step()
    history = watched.vitals.history()
    assert {len(values) for values in history["series"].values()} == {180}
    assert set(history["series"]["dropped"]) == {2.0}
    assert set(history["series"]["late_blocks"]) == {1.0}
    memory = history["series"]["memory_mb"][-1]
    assert memory is not None
    assert memory > 10


def test_what_fails_ends_neither_the_thread_nor_the_rest(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("daemon.vitals.STEP_S", 0.01)
    asked, done = threading.Semaphore(0), threading.Semaphore(0)

    def status() -> LiveStatus:
        asked.release()
        raise OSError(24, "Too many open files")

    def look() -> None:
        done.release()
        raise MemoryError

    vitals = Vitals(status, list, AlarmSettings, lambda *note: None, look, look)
    with caplog.at_level(logging.ERROR):
        vitals.start()
        for _ in range(5):
            assert asked.acquire(timeout=20)
            assert done.acquire(timeout=20)
            assert done.acquire(timeout=20)
        vitals.stop()
    assert len(caplog.records) == 3  # each once, not each second


def test_usage_of_a_process_that_is_gone_is_nothing() -> None:
    usage = Usage()
    assert usage.measure([2**22 + 5]) == (0.0, 0.0)
    assert usage.measure([os.getpid()])[1] > 10


@given(st.lists(st.sampled_from([True, False, None]), max_size=80), st.integers(1, 9))
def test_an_alarm_changes_only_after_a_whole_window_of_one_kind(facts: list[bool | None], window: int) -> None:
    alarm = Alarm(window)
    known: list[bool] = []
    for fact in facts:
        changed = alarm.feed(fact)
        if fact is not None:
            known.append(fact)
        if changed is not None:
            assert changed is alarm.raised
            assert known[-window:] == [changed] * window
        elif fact is not None and len(known) >= window and len(set(known[-window:])) == 1:
            assert alarm.raised is known[-1]
