"""A show that makes only stand-ins or silence says why, once, and once that it is over."""

from __future__ import annotations

import numpy as np
import pytest

from obs_portrait.media.types import CameraFrame, MicBlock
from obs_portrait.pipeline.face_pipeline import FacePipeline
from obs_portrait.pipeline.trouble import Trouble
from obs_portrait.pipeline.voice_pipeline import VoicePipeline
from tests.pipeline.doubles import GreedyEngine, Rectifier, StubTracker, blocks, face, voice

STEP = 40_000_000
WORDS = "what the camera saw"


def turns(story: list[tuple[bool | None, float]]) -> list[tuple[float, bool]]:
    """Plays (good, seconds) at 100 a second; when something was to be told, and what."""
    trouble, told, now = Trouble(), [], 0
    for good, seconds in story:
        for _ in range(round(seconds * 100)):
            now += 10_000_000
            turn = trouble.note(good, now)
            if turn is not None:
                told.append((now / 1e9, turn))
    return told


def test_a_second_of_nothing_but_bad_results_is_trouble_and_half_a_second_ends_it() -> None:
    (began, bad), (over, good) = turns([(True, 5), (False, 3), (True, 3)])
    assert (bad, good) == (True, False)
    assert 6.0 <= began <= 6.05
    assert 8.5 <= over <= 8.55


def test_short_faults_and_pauses_are_none() -> None:
    assert turns([(False, 0.8), (True, 0.5)] * 20) == []
    assert turns([(False, 0.8), (None, 60)]) == []


def test_one_good_result_now_and_then_does_not_hide_it() -> None:
    assert [bad for _, bad in turns([(False, 0.36), (True, 0.04), (None, 0.3)] * 20)] == [True]


def test_a_stream_that_starts_again_is_no_gap() -> None:
    trouble = Trouble()
    assert all(trouble.note(False, 10**12 - n * 10**10) is None for n in range(20))


class Broken:
    """What an engine does from the tenth frame to the sixtieth."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __call__(self, count: int, frame: CameraFrame | None) -> object:
        assert frame is not None
        if not 10 <= frame.index < 60 or self.how == "tracker":
            return None
        if self.how == "raises":
            raise RuntimeError(WORDS)
        return {"camera": frame.image, "text": WORDS, "late": blocks(frame.index % 5, 64, 96)}[self.how]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raises", "'ann' is not drawn, because its engine fails (RuntimeError); choose another persona."),
        (
            "camera",
            "'ann' is not shown, because the guard has refused the memory of the camera picture; choose another",
        ),
        ("late", "'ann' is not shown, because the guard has refused a copy of the camera picture; choose another"),
        ("text", "'ann' is not shown, because the guard has refused a str instead of a picture; choose another"),
        ("tracker", "'ann' is not drawn, because the tracker fails (RuntimeError); restart the program."),
    ],
)
def test_why_there_are_only_stand_ins(how: str, words: str) -> None:
    index = 0

    def track(count: int) -> None:
        if how == "tracker" and 10 <= index < 60:
            raise RuntimeError(WORDS)

    pipeline = FacePipeline(face(GreedyEngine(500, Broken(how))), lambda: StubTracker(track))
    told = []
    for index in range(120):
        pipeline.process(CameraFrame(blocks(index % 5, 64, 96), index * STEP, index))
        told += [(index, *news) for news in pipeline.news]
        pipeline.news.clear()
    (began, text, bad), (over, end, still) = told
    assert text.startswith(words)
    assert WORDS not in text
    assert (bad, still) == (True, False)
    assert end == "'ann' is drawn again."
    assert 30 <= began < over < 80  # one that raises is made anew meanwhile


def test_nobody_in_the_picture_is_no_trouble() -> None:
    pipeline = FacePipeline(face(), StubTracker)
    for index in range(200):
        pipeline.process(CameraFrame(np.zeros((64, 96, 3), np.uint8), index * STEP, index))
    assert not pipeline.news


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("raises", "'ann' is silent, because its converter fails (RuntimeError); choose another persona."),
        ("microphone", "'ann' is silent, because the guard has refused the memory of the microphone's samples; choose"),
        ("copy", "'ann' is silent, because the guard has refused a copy of the microphone's samples; choose another"),
        ("nothing", "'ann' is silent, because the guard has refused a NoneType instead of samples; choose another"),
    ],
)
def test_why_there_is_silence(how: str, words: str) -> None:
    count = 0

    class Bad(Rectifier):
        def process(self, state: np.ndarray, samples: np.ndarray) -> np.ndarray:
            good = super().process(state, samples)
            if not 100 <= count < 400:
                return good
            if how == "raises":
                raise RuntimeError(WORDS)
            return {"microphone": samples, "copy": samples.copy(), "nothing": None}[how]  # type: ignore[return-value]

    pipeline, told = VoicePipeline([voice("ann", Bad(0))]), []
    rng = np.random.default_rng(0)
    for count in range(800):
        # Words and pauses: 300 ms each.
        loud = 0.1 if count // 30 % 2 == 0 or how == "raises" else 1e-4
        samples = rng.normal(0, loud, 480).astype(np.float32)
        pipeline.process(MicBlock(samples, count * 10_000_000, count * 480))
        told += [(count, *news) for news in pipeline.news]
        pipeline.news.clear()
    (began, text, bad), (over, end, still) = told
    assert text.startswith(words)
    assert WORDS not in text
    assert (bad, still) == (True, False)
    assert end == "'ann' is heard again."
    assert 195 <= began < 400 <= over < 700


def test_a_pause_is_no_trouble() -> None:
    pipeline = VoicePipeline([voice()])
    for count in range(300):
        pipeline.process(MicBlock(np.zeros(480, np.float32), count * 10_000_000, count * 480))
    assert not pipeline.news
