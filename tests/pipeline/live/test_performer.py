"""The engine's thread hands on what the pipeline has to tell the user."""

from __future__ import annotations

from obs_portrait.media.types import CameraFrame, PersonaFrame
from obs_portrait.pipeline.face_pipeline import FacePipeline
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.feed import Mailbox
from obs_portrait.pipeline.live.options import VIDEO_CELLS
from obs_portrait.pipeline.live.performer import Performer
from tests.pipeline.doubles import GreedyEngine, StubTracker, blocks, face


def test_an_engine_whose_pictures_are_refused_is_told_of_once() -> None:
    pipeline = FacePipeline(face(GreedyEngine(500, lambda count, frame: frame and frame.image.copy())), StubTracker)
    frames: Mailbox[CameraFrame] = Mailbox()
    results: Mailbox[PersonaFrame] = Mailbox(room=99)
    told: list[tuple[str, bool]] = []
    performer = Performer(pipeline, frames, results, Board(*VIDEO_CELLS))
    performer.notice = lambda text, problem: told.append((text, problem))
    performer.start()
    for index in range(60):
        frames.put(CameraFrame(blocks(index % 5, 64, 96), index * 40_000_000, index))
        assert results.take(5.0) is not None
    performer.stop()
    assert told == [
        (
            "'ann' is not shown, because the guard has refused a copy of the camera picture; choose another persona.",
            True,
        )
    ]
