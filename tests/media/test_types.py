"""The types that carry the promise."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from obs_portrait.errors import LeakError
from obs_portrait.media.sinks.null import NullAudioSink, NullVideoSink
from obs_portrait.media.types import CameraFrame, MicBlock, Origin, PersonaBlock, PersonaFrame, Seal
from tests.media.conftest import block, frame

IMAGE = np.zeros((8, 8, 3), np.uint8)
SOUND = np.zeros(480, np.float32)


@pytest.mark.parametrize("seal", [None, object(), Seal()])
def test_nothing_is_made_without_the_guards_seal(seal: object) -> None:
    with pytest.raises(LeakError):
        PersonaFrame(IMAGE, 0, 0, "x", Origin.ENGINE, seal)  # type: ignore[arg-type]
    with pytest.raises(LeakError):
        PersonaBlock(SOUND, 0, 0, "x", Origin.ENGINE, seal)  # type: ignore[arg-type]


def test_a_frame_that_crossed_to_another_process_is_still_sealed() -> None:
    again = pickle.loads(pickle.dumps(frame(IMAGE, 5)))  # noqa: S301 - our own bytes
    NullVideoSink().write(again)
    assert again.captured_ns == 5


def test_sinks_refuse_what_comes_from_the_camera_and_the_microphone() -> None:
    video, audio = NullVideoSink(), NullAudioSink()
    for wrong in (CameraFrame(IMAGE, 0, 0), IMAGE, block(SOUND, 0), None):
        with pytest.raises(LeakError):
            video.write(wrong)  # type: ignore[arg-type]
    for wrong in (MicBlock(SOUND, 0, 0), SOUND, frame(IMAGE, 0), None):
        with pytest.raises(LeakError):
            audio.write(wrong)  # type: ignore[arg-type]
    assert (video.frames, audio.samples) == (0, 0)


def test_a_sink_cannot_open_a_back_door() -> None:
    class Lookalike(PersonaFrame):
        pass

    sneaky = object.__new__(Lookalike)
    with pytest.raises(LeakError):
        NullVideoSink().write(sneaky)


def test_a_log_line_holds_no_pixels_and_no_samples() -> None:
    assert repr(CameraFrame(IMAGE, 7, 1)) == "CameraFrame(8x8, t=7, #1)"
    assert repr(MicBlock(SOUND, 7, 1)) == "MicBlock(480 samples, t=7, #1)"
