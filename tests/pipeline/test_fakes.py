"""The fakes do what they say, and the sinks that watch see a mark when there is one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from obs_portrait.errors import MediaError
from obs_portrait.face.types import Canvas
from obs_portrait.media.types import MicBlock
from obs_portrait.pipeline.fakes import (
    FAULTS,
    SEEN,
    FakeCamera,
    FakeMicrophone,
    Fault,
    WatchingAudio,
    WatchingVideo,
)
from obs_portrait.pipeline.guard import AudioGuard, Look, VideoGuard
from obs_portrait.pipeline.leak import PictureMark, ToneMark
from obs_portrait.pipeline.live.board import Board


def test_the_camera_is_marked_and_has_every_fault() -> None:
    faults = Board(*FAULTS)
    camera = FakeCamera(faults)()
    with camera:
        frame = camera.read()
        assert frame is not None
        assert PictureMark.found(frame.image)
        faults.set("camera", Fault.BLANK)
        frame = camera.read()
        assert frame is not None
        assert not frame.image.any()
        for fault, error in ((Fault.GONE, MediaError), (Fault.FROZEN, MediaError), (Fault.BROKEN, ZeroDivisionError)):
            faults.set("camera", fault)
            with pytest.raises(error):
                camera.read(0.05)
        faults.set("camera", Fault.GONE)
        with pytest.raises(MediaError, match="plug it in"):
            FakeCamera(faults)().open()
        faults.set("camera", Fault.NONE)
        assert camera.read() is not None


def test_the_microphone_is_marked_and_has_every_fault() -> None:
    faults = Board(*FAULTS)
    microphone = FakeMicrophone(faults)()
    with microphone:
        blocks = [block for _ in range(60) if (block := microphone.read(480)) is not None]
        sound = np.concatenate([block.samples for block in blocks])
        assert ToneMark().leaked(sound) > 20_000
        faults.set("microphone", Fault.BLANK)
        block = microphone.read(480)
        assert block is not None
        assert not block.samples.any()
        for fault, error in ((Fault.GONE, MediaError), (Fault.BROKEN, ZeroDivisionError)):
            faults.set("microphone", fault)
            with pytest.raises(error):
                microphone.read(480)


def test_the_sinks_see_a_mark_and_nothing_where_there_is_none() -> None:
    """What reveals may pass the guard: so a mark can be put in here, and nowhere else."""
    seen = Board(*SEEN)
    sink = WatchingVideo(seen)()
    sink.open(256, 256, Fraction(30))
    clean = np.full((256, 256, 3), 90, np.uint8)
    guard = VideoGuard(Look("ada", clean), Canvas(256, 256))
    sink.write(guard.stand_in(1))
    sink.write(guard.card(2))
    assert (seen.get("frames"), seen.get("marked_frames")) == (2, 0)
    assert seen.get("card_ns") > 0
    marked = VideoGuard(Look("me", PictureMark(12.0).apply(clean)), Canvas(256, 256))
    sink.write(marked.stand_in(3))
    assert seen.get("marked_frames") == 1

    heard = Board(*SEEN)
    speaker = WatchingAudio(heard)()
    speaker.open()
    voice = AudioGuard("me", 0, reveals=True)
    rng = np.random.default_rng(1)
    for n in range(100):
        samples = rng.normal(0, 0.02, 480).astype(np.float32)
        samples = ToneMark(-25.0).apply(samples, n * 480) if n >= 50 else samples
        block = MicBlock(samples, n * 10_000_000, n * 480)
        speaker.write(voice.admit(samples.copy(), block, True))
        if n == 49:
            assert heard.get("marked_samples") == 0
    speaker.close()
    assert heard.get("marked_samples") > 20_000
    assert heard.get("blocks") == 100
