"""Choosing where the voice is heard while the show goes on: what else takes it misses nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from obs_portrait.errors import MediaError, PipelineError
from obs_portrait.media.sinks.base import AudioSink
from obs_portrait.media.sinks.obs_stream.voice import VoiceRing, VoiceRingSink
from obs_portrait.pipeline.leak import ToneMark
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.messages import Notice
from obs_portrait.pipeline.live.options import LiveOptions, Makers
from obs_portrait.pipeline.live.session import LiveSession
from tests.pipeline.live import doubles


@dataclass
class Missing:
    """A speaker that is not there."""

    def __call__(self) -> AudioSink:
        raise MediaError("test speaker is not there; plug it in.")


@dataclass
class IntoMemory:
    """A program's sink over memory that processes share: it can be handed over at a process's birth only."""

    ring: VoiceRing

    def __call__(self) -> AudioSink:
        return VoiceRingSink(self.ring)


def _options(folder: Path, audio: bool = True) -> LiveOptions:
    faults = Board(*doubles.FAULTS)
    return LiveOptions(
        source=doubles.Camera(faults),
        personas=doubles.PERSONAS[:1],
        sinks=("null",),
        audio=doubles.Microphone(faults) if audio else None,
        audio_sinks=(doubles.AudioCatch(folder / "stream"),),
        width=96,
        height=96,
        makers=Makers(doubles.MakeFace(faults), doubles.MakeVoice(faults), doubles.Tracker(faults)),
    )


def test_the_voice_is_heard_at_another_place_and_the_others_go_on(tmp_path: Path) -> None:
    notices: list[Notice] = []
    with LiveSession(_options(tmp_path), notices.append) as session:

        def until(condition: Callable[[], object]) -> None:
            deadline = time.monotonic() + 20
            while not condition():
                assert time.monotonic() < deadline, [notice.text for notice in notices]
                time.sleep(0.01)

        def grows(name: str) -> None:
            path = tmp_path / name
            until(path.exists)
            before = path.stat().st_size
            until(lambda: path.stat().st_size > before + 20_000)

        def rests(name: str) -> int:
            """Its size, once another sink has taken more than is under way and it has not."""
            grows("stream")
            size = (tmp_path / name).stat().st_size
            grows("stream")
            assert (tmp_path / name).stat().st_size == size
            return size

        grows("stream")
        session.use("speaker", doubles.AudioCatch(tmp_path / "headphones"))
        grows("headphones")
        session.use("speaker", doubles.AudioCatch(tmp_path / "box"))
        grows("box")
        rests("headphones")
        session.use("speaker", Missing())
        until(lambda: any("not there; plug it in. The voice is heard where it was" in one.text for one in notices))
        grows("box")
        session.use("speaker", None)
        until(lambda: any("heard nowhere" in one.text for one in notices))
        rests("box")
        assert not any(notice.problem for notice in notices[-1:])
        status = session.status()
        assert status.audio is not None
        assert status.audio.restarts == 0
    for name in ("stream", "headphones", "box"):
        sound = np.concatenate([block.data for block in doubles.caught_blocks(tmp_path / name)])
        assert ToneMark().leaked(sound) == 0
        assert np.abs(sound).max() > 0.1


def test_a_restarted_process_is_heard_where_it_was_chosen(tmp_path: Path) -> None:
    with LiveSession(_options(tmp_path)) as session:
        session.use("speaker", doubles.AudioCatch(tmp_path / "headphones"))
        session.use("speaker", doubles.AudioCatch(tmp_path / "headphones"))
        assert len(session.options.audio_sinks) == 2  # the first choice is none any more
        deadline = time.monotonic() + 30
        while not (tmp_path / "headphones").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(session.pids["audio"], getattr(signal, "SIGKILL", signal.SIGTERM))
        while not (status := session.status().audio) or not status.restarts:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        size = (tmp_path / "headphones").stat().st_size
        while (tmp_path / "headphones").stat().st_size < size + 20_000:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_without_sound_there_is_nothing_to_hear(tmp_path: Path) -> None:
    session = LiveSession(_options(tmp_path, audio=False))
    with pytest.raises(PipelineError, match="no sound"):
        session.use("speaker", "speaker")


def test_a_sink_over_shared_memory_is_written_also_after_a_restart(tmp_path: Path) -> None:
    ring = VoiceRing()
    with LiveSession(replace(_options(tmp_path), audio_sinks=(IntoMemory(ring), "null"))) as session:
        deadline = time.monotonic() + 60
        while not ring.written:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(session.pids["audio"], getattr(signal, "SIGKILL", signal.SIGTERM))
        while not (status := session.status().audio) or not status.restarts:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        before = ring.written
        while ring.written < before + 20_000:
            assert time.monotonic() < deadline
            time.sleep(0.01)
