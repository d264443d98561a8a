"""The voice's way to the OBS stream: bit-exact, without gaps for hours, and never anything that was played before.

No test waits: writer and reader are driven by a clock of the test's own. Only the writer that is killed is a process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterable
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from obs_portrait.errors import LeakError
from obs_portrait.media.sinks.obs_stream.voice import VoiceRing, VoiceRingSink, VoiceTap
from obs_portrait.media.types import SAMPLE_RATE, MicBlock
from obs_portrait.pipeline.guard import AudioGuard

MS = SAMPLE_RATE // 1000
RESERVE = 18 * MS


def ramp(first: int, count: int) -> NDArray[np.int16]:
    """Samples that say their own number, modulo 32000, and are never 0."""
    return (np.arange(first, first + count) % 32_000 + 1).astype(np.int16)


@given(st.lists(st.integers(1, 16_384), min_size=1, max_size=30), st.integers(1, 480))
def test_what_is_written_in_pieces_of_any_size_is_read_bit_by_bit(pieces: list[int], count: int) -> None:
    ring, number = VoiceRing(), 0
    for size in pieces:
        ring.write(ramp(number, size))
        number += size
        assert ring.written == number
        for start in range(max(0, number - 16_384), number - count + 1, 997):
            assert np.array_equal(ring.read(start, count), ramp(start, count))


@given(st.lists(st.integers(1, 960), min_size=1, max_size=60), st.integers(0, 40_000))
@settings(max_examples=50)
def test_sound_passes_the_tap_unchanged_in_blocks_of_any_size(blocks: list[int], first: int) -> None:
    """While the reserve is as it should be: as many samples are written as are taken."""
    ring = VoiceRing()
    for begin in range(0, first, 480):
        ring.write(ramp(begin, min(480, first - begin)))
    tap, at = VoiceTap(ring, RESERVE + 960, fade=0), first
    ring.write(ramp(first, RESERVE + 960))
    for count in blocks:
        assert np.array_equal(tap.take(count), ramp(at, count))
        ring.write(ramp(ring.written, count))
        at += count
    assert (tap.gaps, tap.jumps) == (0, 0)


def test_a_tap_without_a_ring_and_one_with_an_empty_ring_are_silent() -> None:
    assert not VoiceTap(None).take(240).any()
    tap = VoiceTap(VoiceRing())
    assert not any(tap.take(240).any() for _ in range(1000))
    assert (tap.gaps, tap.jumps) == (0, 0)


def test_a_new_player_hears_nothing_of_what_was_said_before_it_came() -> None:
    """The writer may be long dead, and what it wrote last the real voice of somebody who has left the stage."""
    ring = VoiceRing()
    ring.write(ramp(0, 9600))
    for _ in range(3):
        tap = VoiceTap(ring)
        assert not any(tap.take(240).any() for _ in range(20))
    ring.write(ramp(9600, 960))
    assert tap.take(240)[-1] >= 9600


class Numbers(VoiceRing):
    """A ring whose samples are their own numbers, from 1 on, and that is asked only for what it has."""

    def __init__(self) -> None:
        self.count = 0

    @property
    def written(self) -> int:
        return self.count

    def read(self, start: int, count: int) -> NDArray[np.int16]:
        assert self.count - (1 << 15) < start <= start + count <= self.count
        return np.arange(start + 1, start + count + 1)  # type: ignore[return-value]


class Line:
    """A writer of blocks of 10 ms whose clock runs at `pace` times that of the reader, which takes blocks of 5 ms.

    late: by how many ms the blocks come late, over and over."""

    def __init__(self, pace: float = 1.0, late: Iterable[int] = (0,)) -> None:
        self.ring = Numbers()
        self.tap = VoiceTap(self.ring, RESERVE, fade=0)
        self._every, self._late = round(10_000_000 / pace), cycle(late)
        self._now = 2_500_000
        self._next = self._arrives = self._every
        self.talking = True

    def take(self) -> NDArray[np.int16]:
        self._now += 5_000_000
        while self._arrives <= self._now:
            self.ring.count += 480 * self.talking
            self._next += self._every
            self._arrives = self._next + next(self._late) * 1_000_000
        return self.tap.take(240)

    def run(self, seconds: float) -> NDArray[np.int64]:
        """What was heard, silence left out."""
        heard = np.concatenate([self.take() for _ in range(round(seconds / 0.005))]).astype(np.int64)
        return heard[heard > 0]


def forwards(*heard: NDArray[np.int64]) -> bool:
    """Nothing is heard twice: numbers grow, but for two of one number, which is what reading slower rounds to."""
    steps = np.diff(np.concatenate(heard))
    return bool((steps >= 0).all() and (steps[1:] + steps[:-1] > 0).all())


@pytest.mark.parametrize("late", [(0,), (0, 4, 1, 0, 6)], ids=["even", "uneven"])
@pytest.mark.parametrize("off", [-0.0005, 0.0005, 0.0])
def test_a_clock_that_is_off_makes_no_gap_and_no_jump_in_hours(off: float, late: tuple[int, ...]) -> None:
    """A quarter of one, in which the drift is 20 reserves. The first seconds, in which it learns, are counted apart."""
    line = Line(1.0 + off, late)
    line.run(5)
    at_first = line.tap.gaps
    assert at_first <= 1
    waits = []
    for _ in range(round(900 / 0.005)):
        line.take()
        waits.append(line.ring.count - line.tap._at)
    assert (line.tap.gaps, line.tap.jumps) == (at_first, 0)
    assert max(waits) < 35 * MS  # no delay grows


@pytest.mark.parametrize("off", [-0.0005, 0.0005, 0.0])
def test_while_it_follows_a_clock_every_sample_lies_where_it_belongs(off: float) -> None:
    """Read faster or slower by at most 0.3 %: nothing is left out and nothing said twice, also from block to block."""
    line = Line(1.0 + off)
    heard = line.run(120)
    steps = np.diff(heard)
    assert forwards(heard)
    assert steps.max() <= 2
    assert (steps == 1).mean() > 0.999
    if off == 0.0:
        assert (steps == 1).all()
    else:
        assert steps.mean() == pytest.approx(1 + off, abs=1e-4)


def test_the_pace_never_changes_by_more_than_nobody_hears() -> None:
    """In any block, 5 cents: 0.3 %."""
    line = Line(1.0, (0, 0, 9, 0))
    line.run(1)
    for _ in range(4000):
        before, gaps = line.tap._at, line.tap.gaps
        line.take()
        assert gaps != line.tap.gaps or abs(line.tap._at - before - 240) <= 240 * 0.003 + 1  # 1: a whole number again


@pytest.mark.parametrize("pause", [0.005, 0.03, 0.5, 3.0])
def test_a_writer_that_stops_is_silence_and_when_it_talks_again_nothing_is_heard_twice(pause: float) -> None:
    line = Line()
    before = line.run(0.5)
    line.talking = False
    rest = line.run(pause)
    line.talking = True
    line.run(0.2)
    after = line.run(0.5)
    assert rest.size <= 25 * MS
    assert after.size == 500 * MS
    assert forwards(before, rest, after)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60), st.booleans()), min_size=1, max_size=12))
@settings(max_examples=40)
def test_whatever_writer_and_reader_leave_out_nothing_is_heard_twice(turns: list[tuple[bool, int, bool]]) -> None:
    line, heard = Line(), []
    for talking, blocks, skips in turns:
        line.talking = talking
        heard.append(line.run(blocks * 0.005))
        if skips:
            line.tap.skip()
    assert forwards(*heard)


def test_a_tap_that_was_away_jumps_to_what_is_new() -> None:
    line = Line()
    before = line.run(0.5)
    line.ring.count += 2 * SAMPLE_RATE  # more than a ring holds
    after = line.tap.take(240)
    assert line.tap.jumps == 1
    assert after[0] == line.ring.count - RESERVE + 1
    assert forwards(before, after)


def test_a_tap_that_skips_goes_on_with_what_is_new() -> None:
    line = Line()
    before = line.run(0.5)
    line.ring.count += 60 * MS  # not so much that it would jump by itself
    line.tap.skip()
    after = line.tap.take(240)
    assert after[0] == line.ring.count - RESERVE + 1
    assert forwards(before, after)


def test_the_voice_begins_and_ends_without_a_click() -> None:
    """From and to silence in 2 ms: no step is larger than the fade's own."""
    ring = VoiceRing()
    tap = VoiceTap(ring, RESERVE)
    ring.write(np.full(RESERVE + 100, 20_000, np.int16))
    heard = np.concatenate([tap.take(240) for _ in range(10)])
    assert tap.gaps == 1
    assert not heard[-240:].any()
    assert (heard == 20_000).sum() > RESERVE - 300
    assert np.abs(np.diff(np.concatenate(([0], heard)).astype(int))).max() <= 20_000 / (2 * MS - 1) + 1


def test_a_reader_that_was_disappointed_keeps_more_in_reserve_and_forgets_it_again() -> None:
    def begins_at() -> int:
        """How much must wait before it plays again, after a gap of its own."""
        line.talking = False
        line.run(0.2)
        begun = line.ring.count
        while not line.tap.take(240).any():
            line.ring.count += MS
        line.talking = True
        return (line.ring.count - begun) // MS

    line = Line()
    line.run(1)
    assert [begins_at(), begins_at(), begins_at()] == [23, 28, 33]
    line.run(150)
    assert begins_at() == 23


def _talk(ring: VoiceRing, blocks: int, done: object) -> None:
    for _ in range(blocks):
        ring.write(ramp(ring.written, 480))
    done.set()  # type: ignore[attr-defined]
    signal.pause()


def test_a_writer_that_is_killed_and_started_again_goes_on_in_the_same_ring() -> None:
    context = multiprocessing.get_context("spawn")
    ring, blocks = VoiceRing(), []
    tap = VoiceTap(ring, fade=0)
    for turn in range(2):
        done = context.Event()
        writer = context.Process(target=_talk, args=(ring, 3, done))
        writer.start()
        try:
            assert done.wait(30)
        finally:
            assert writer.pid is not None
            os.kill(writer.pid, signal.SIGKILL)
            writer.join()
        assert ring.written == (turn + 1) * 3 * 480
        blocks += [tap.take(240) for _ in range(12)]
        assert not blocks[-1].any()
    heard = np.concatenate(blocks).astype(np.int64) - 1
    assert forwards(heard[heard >= 0])
    assert heard.max() > 3 * 480  # something of the second writer


def test_the_sink_takes_sealed_blocks_only_and_rounds_to_16_bits() -> None:
    ring = VoiceRing()
    voice = np.linspace(-1, 1, 480).astype(np.float32)
    quiet = MicBlock(np.zeros(480, np.float32), 0, 0)
    with VoiceRingSink(ring) as sink:
        with pytest.raises(LeakError, match="OBS stream: refused a MicBlock"):
            sink.write(MicBlock(voice, 0, 0))  # type: ignore[arg-type]
        with pytest.raises(LeakError, match="refused a ndarray"):
            sink.write(voice)  # type: ignore[arg-type]
        assert ring.written == 0
        block = AudioGuard("red", 0).admit(voice, quiet)
        sink.write(block)
    assert ring.written == 480
    assert np.array_equal(ring.read(0, 480), np.rint(block.samples * 32767).astype(np.int16))
