"""Files played live: at their time, stamped on the one clock, in step with each other, round after round."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from obs_portrait.clock import now_ns
from obs_portrait.media.sources.base import AudioSource, VideoSource
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, MicBlock
from obs_portrait.pipeline.live.paced import PacedAudio, PacedVideo

MS = 1_000_000


class Clip(VideoSource):
    """10 frames, 100 a second; its length is 120 ms."""

    name, live, width, height, rate, duration_ns = "clip", False, 4, 4, Fraction(100), 120 * MS

    def __init__(self) -> None:
        self._next = 0

    def open(self) -> None: ...

    def close(self) -> None: ...

    def read(self, timeout: float = 1.0) -> CameraFrame | None:
        n, self._next = self._next, self._next + 1
        return CameraFrame(np.full((4, 4, 3), n, np.uint8), n * 10 * MS, n) if n < 10 else None


class Song(AudioSource):
    """100 ms that count upwards, in a file of 120 ms."""

    name, live, duration_ns = "song", False, 120 * MS

    def __init__(self) -> None:
        self._next = 0

    def open(self) -> None: ...

    def close(self) -> None: ...

    def read(self, samples: int) -> MicBlock | None:
        first = self._next
        count = min(samples, 4800 - first)
        if count <= 0:
            return None
        self._next += count
        return MicBlock(np.arange(first + 1, first + count + 1, dtype=np.float32), first * 20833, first)


def test_frames_come_at_their_time_and_never_before() -> None:
    epoch = now_ns() + 20 * MS
    with PacedVideo(Clip, epoch) as clip:
        frames = []
        while (frame := clip.read()) is not None:
            assert now_ns() >= frame.captured_ns
            frames.append(frame)
    media = [frame.captured_ns - epoch for frame in frames]
    assert all(
        m % (10 * MS) == 0 and int(f.image[0, 0, 0]) == m // (10 * MS) for m, f in zip(media, frames, strict=True)
    )
    assert [f.index for f in frames] == list(range(len(frames)))


def test_a_process_that_comes_late_takes_up_where_the_clock_is() -> None:
    epoch = now_ns() - 65 * MS
    with PacedVideo(Clip, epoch) as clip:
        frame = clip.read()
        assert frame is not None
        assert frame.captured_ns - epoch >= 40 * MS
    epoch = now_ns() - 350 * MS
    with PacedAudio(Song, epoch, loop=True) as song:
        block = song.read(480)
        assert block is not None
        assert block.captured_ns - epoch >= 240 * MS
        place = round((block.captured_ns - epoch) * SAMPLE_RATE / 1e9) % 5760
        np.testing.assert_array_equal(
            block.samples[: max(0, 4800 - place)], np.arange(place + 1, place + 481)[: max(0, 4800 - place)]
        )


def test_rounds_of_picture_and_sound_are_equally_long() -> None:
    epoch = now_ns()
    with PacedAudio(Song, epoch, loop=True) as song:
        blocks = [song.read(480) for _ in range(26)]
    sound = np.concatenate([block.samples for block in blocks if block is not None])
    one = np.concatenate([np.arange(1, 4801), np.zeros(960)])
    np.testing.assert_array_equal(sound, np.resize(one, 26 * 480))
    epoch = now_ns()
    with PacedVideo(Clip, epoch, loop=True) as clip:
        media = []
        while not media or media[-1] < 240 * MS:
            frame = clip.read()
            assert frame is not None
            media.append(frame.captured_ns - epoch)
            assert int(frame.image[0, 0, 0]) * 10 * MS == media[-1] % (120 * MS)


def test_the_end_of_a_file_is_the_end() -> None:
    with PacedAudio(Song, now_ns()) as song:
        sizes = []
        while (block := song.read(700)) is not None:
            sizes.append(block.samples.size)
    assert sum(sizes) == 4800
    assert sizes[-1] == 4800 % 700
