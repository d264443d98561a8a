"""The stamps' laws, for any moment of any connection."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.media.sinks.obs_stream.timeline import Timeline

_DAY = 86_400_000_000_000
beginnings = st.builds(Timeline, st.integers(0, 1 << 60), st.none(), st.floats(0.01, 1.0), st.floats(0.0, 0.1))
moments = st.integers(0, _DAY)


@st.composite
def lines(draw: st.DrawFn) -> Timeline:
    """One whose slow motion ends after 0 to 20 s."""
    line = draw(beginnings)
    return replace(line, ends_ns=line.start_ns + draw(st.integers(0, 20_000_000_000)))


@given(lines(), moments, moments)
def test_stamps_never_run_backwards(line: Timeline, one: int, other: int) -> None:
    earlier, later = sorted((line.start_ns + one, line.start_ns + other))
    assert line.at(earlier) <= line.at(later)
    assert line.picture(earlier) <= line.picture(later)


@given(lines(), moments, moments)
def test_after_the_slow_motion_a_second_is_a_second(line: Timeline, one: int, other: int) -> None:
    """No drift: between any two moments of a day stamps and real time differ by the same."""
    assert line.ends_ns is not None
    passed = line.at(line.ends_ns + one) - line.at(line.ends_ns + other)
    assert passed == pytest.approx((one - other) / 1e9, abs=1e-7)
    assert line.at(line.ends_ns) == line.sound_at


@given(beginnings, moments, moments)
def test_in_the_slow_motion_no_picture_reaches_the_first_sound_however_long_it_lasts(
    line: Timeline, one: int, other: int
) -> None:
    """So its end, whenever it comes, is never a step back; and no time passes in it that OBS would have to wait."""
    earlier, later = sorted((line.start_ns + one, line.start_ns + other))
    assert 0 <= line.at(earlier) <= line.at(later) <= line.sound_at
    assert line.at(line.start_ns) == 0
    ended = replace(line, ends_ns=later)
    assert ended.at(later) >= line.at(later)
    assert ended.at(earlier) == (line.at(earlier) if earlier < later else line.sound_at)


@given(lines(), moments)
def test_a_picture_is_behind_the_sound_of_its_moment_and_never_before_the_beginning(line: Timeline, now: int) -> None:
    picture, sound = line.picture(line.start_ns + now), line.at(line.start_ns + now)
    assert 0 <= picture <= sound
    if sound > line.behind_s:
        assert sound - picture == pytest.approx(line.behind_s, abs=1e-9)


@given(lines(), moments, moments, st.integers(0, 10_000_000_000))
def test_after_a_standstill_everything_is_later_by_as_much_and_again_at_one_pace(
    line: Timeline, one: int, other: int, stop: int
) -> None:
    assert line.ends_ns is not None
    stopped, begins = line.stopped(stop), line.ends_ns + stop
    assert stopped.at(begins + one) == pytest.approx(line.at(begins + one) - stop / 1e9, abs=1e-7)
    assert stopped.at(begins + one) - stopped.at(begins + other) == pytest.approx((one - other) / 1e9, abs=1e-7)
    beginning = replace(line, ends_ns=None)
    assert beginning.stopped(stop) == beginning
